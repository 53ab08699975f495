//! Opening, making and refusing a store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use modelpack_store::{Error, Store};

use crate::support::{dry_run, fixture, prune, tree};

#[test]
fn a_fresh_store_is_an_empty_image_layout() {
    let fixture = fixture();
    let root = fixture.store.root();
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(read("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(
        read("index.json"),
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
    );
    assert!(root.join("blobs/sha256").is_dir());
}

/// MA15: Fresh store lists nothing and prunes nothing.
#[test]
fn a_fresh_store_lists_nothing_and_prunes_nothing() {
    let fixture = fixture();
    assert!(fixture.store.references().unwrap().is_empty());
    assert!(fixture.store.partials().unwrap().is_empty());
    assert!(fixture.store.blobs().unwrap().is_empty());
    assert!(dry_run(&fixture.store).items.is_empty());
    assert!(prune(&fixture.store).items.is_empty());
    assert!(fixture.store.verify(|_| true).unwrap().damage.is_empty());
}

#[test]
fn open_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    assert!(matches!(
        Store::open(&missing),
        Err(Error::NotAStore { .. })
    ));
    assert!(matches!(
        Store::open(directory.path()),
        Err(Error::NotAStore { .. })
    ));
    assert!(tree(directory.path()).is_empty());
    assert!(!missing.exists());
}

#[test]
fn create_opens_what_is_there() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let stored = lease.put(b"kept").unwrap();
    let again = Store::create(fixture.store.root()).unwrap();
    assert_eq!(again.blob_size(&stored.digest).unwrap(), Some(4));
}

#[test]
fn create_takes_over_an_image_layout_of_another_tool() {
    let directory = tempfile::tempdir().unwrap();
    let index = r#"{"schemaVersion":2,"manifests":[],"annotations":{"by":"another tool"}}"#;
    fs::write(directory.path().join("index.json"), index).unwrap();
    let layout = r#"{ "imageLayoutVersion": "1.0.0" }"#;
    fs::write(directory.path().join("oci-layout"), layout).unwrap();
    Store::create(directory.path()).unwrap();
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(read("index.json"), index);
    assert_eq!(read("oci-layout"), layout);
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let fixture = fixture();
    let root = fixture.store.root();
    fs::write(fixture.store.own("store.json"), r#"{"version":2,"new":[]}"#).unwrap();
    let before = tree(root);
    for opened in [Store::open(root), Store::create(root)] {
        let error = opened.unwrap_err();
        assert!(
            matches!(
                error,
                Error::NewerStore {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    assert_eq!(tree(root), before);
}

#[test]
fn a_damaged_version_file_is_reported() {
    let fixture = fixture();
    fs::write(fixture.store.own("store.json"), "").unwrap();
    let error = Store::open(fixture.store.root()).unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { path, .. } if path.ends_with("store.json")),
        "{error:?}"
    );
    assert!(error.is_integrity());
}

#[test]
fn other_users_may_read_the_layout_as_the_umask_says() {
    let fixture = fixture();
    let plain = fixture.directory.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode();
    for name in ["index.json", "oci-layout"] {
        assert_eq!(mode(&fixture.store.root().join(name)), mode(&plain));
    }
}

#[test]
fn room_on_the_disk_is_known() {
    assert!(fixture().store.available_space().unwrap() > 0);
}
