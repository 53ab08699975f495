//! Where blobs are known to be.

use modelpack_spec::{Digest, Host, Repository};
use modelpack_store::Store;

use crate::support::fixture;

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn repository(text: &str) -> Repository {
    text.parse().unwrap()
}

fn origins(store: &Store, at: &str, digest: &Digest) -> Vec<String> {
    let found = store.origins(&host(at)).unwrap();
    let known = found.get(digest).map_or(&[][..], Vec::as_slice);
    known.iter().map(ToString::to_string).collect()
}

#[test]
fn the_latest_place_comes_first_and_each_once() {
    let fixture = fixture();
    let store = &fixture.store;
    let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
    assert!(origins(store, "r.io", &one).is_empty());
    let note = |at: &str, name: &str, blobs: &[Digest]| {
        store
            .note_origin(&host(at), &repository(name), blobs)
            .unwrap();
    };
    note("r.io", "a/b", &[one, two]);
    note("r.io", "c", &[one]);
    note("r.io:5000", "d", &[one]);
    assert_eq!(origins(store, "r.io", &one), ["c", "a/b"]);
    assert_eq!(origins(store, "r.io", &two), ["a/b"]);
    assert_eq!(origins(store, "r.io:5000", &one), ["d"]);
    note("r.io", "a/b", &[one]);
    assert_eq!(origins(store, "r.io", &one), ["a/b", "c"]);
    // Whoever opens the store sees it.
    let again = Store::open(store.root()).unwrap();
    assert_eq!(origins(&again, "r.io", &one), ["a/b", "c"]);
}

#[test]
fn a_long_list_loses_its_older_half() {
    let fixture = fixture();
    let store = &fixture.store;
    let digest = |i: u32| Digest::sha256(&i.to_le_bytes());
    let many: Vec<Digest> = (0..14_000).map(digest).collect();
    let note = |blobs: &[Digest]| {
        store
            .note_origin(&host("r.io"), &repository("a"), blobs)
            .unwrap();
    };
    note(&many[..1]);
    note(&many[1..]);
    // What is noted at once is never dropped.
    assert!(origins(store, "r.io", &digest(0)).is_empty());
    assert_eq!(origins(store, "r.io", &digest(13_999)), ["a"]);
    note(&[digest(20_000)]);
    assert_eq!(origins(store, "r.io", &digest(20_000)), ["a"]);
    let size = store.own("origins").metadata().unwrap().len();
    assert!(size <= 512 * 1024, "{size}");
}

#[test]
fn lines_that_cannot_be_read_are_passed_over() {
    let fixture = fixture();
    let store = &fixture.store;
    let digest = Digest::sha256(b"1");
    let text = format!("{digest} r.io/../x\n\u{0}\n{digest} r.io/a\n{digest} r.i");
    std::fs::write(store.own("origins"), text).unwrap();
    assert_eq!(origins(store, "r.io", &digest), ["a"]);
    store
        .note_origin(&host("r.io"), &repository("b"), &[digest])
        .unwrap();
    assert_eq!(origins(store, "r.io", &digest), ["b", "a"]);
}

#[test]
fn notes_of_many_threads_are_all_kept() {
    let fixture = fixture();
    std::thread::scope(|scope| {
        for i in 0_u32..8 {
            let store = &fixture.store;
            scope.spawn(move || {
                let digest = Digest::sha256(&i.to_le_bytes());
                store
                    .note_origin(&host("r.io"), &repository("a"), &[digest])
                    .unwrap();
            });
        }
    });
    for i in 0_u32..8 {
        let digest = Digest::sha256(&i.to_le_bytes());
        assert_eq!(origins(&fixture.store, "r.io", &digest), ["a"]);
    }
}
