//! Several processes on one store, and processes that are killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use modelpack_spec::Digest;
use modelpack_store::{Acquired, Adopt, Store};

use crate::support::{artifact, fixture, has, prune, reference, tagged};

/// Says to a child what to do: a role and the root of a store. A child is this test binary again.
const ROLE: &str = "MODELPACK_STORE_TEST_ROLE";
const ROOT: &str = "MODELPACK_STORE_TEST_ROOT";
/// Names that each child gives.
const NAMES: usize = 12;
const BLOB: usize = 1 << 20;

fn child(role: &str, root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::as_child", "--nocapture"])
        .env(ROLE, role)
        .env(ROOT, root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Waits until the child has said this line.
fn wait_for(child: &mut Child, wanted: &str) {
    let output = child.stdout.take().unwrap();
    let found = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .any(|line| line == wanted);
    assert!(found, "the child ended without saying {wanted:?}");
}

fn content() -> Vec<u8> {
    (0..BLOB).map(|at| (at % 251) as u8).collect()
}

/// Not a test by itself: what the children of the other tests do.
#[test]
fn as_child() {
    let (Ok(role), Ok(root)) = (std::env::var(ROLE), std::env::var(ROOT)) else {
        return;
    };
    let store = Store::open(root).unwrap();
    match role.as_str() {
        "download" => {
            let lease = store.lease().unwrap();
            let bytes = content();
            let digest = Digest::sha256(&bytes);
            let Acquired::Partial(partial) = lease
                .partial(&digest, BLOB as u64, "example.com/m:1")
                .unwrap()
            else {
                panic!("it cannot be complete");
            };
            let half = BLOB / 2;
            partial.write_at(0, &bytes[..half]).unwrap();
            partial.record().unwrap();
            partial.write_at(half as u64, &bytes[half..]).unwrap();
            stop();
        }
        "hold" => {
            let lease = store.lease().unwrap();
            lease.put(b"of a living process").unwrap();
            let mut writer = lease.ingest().unwrap();
            writer.append(b"being written").unwrap();
            stop();
        }
        number => {
            for name in 0..NAMES {
                let lease = store.lease().unwrap();
                let made = artifact(&lease, &format!("{number} {name}"));
                // Every child wants this one as well.
                artifact(&lease, "shared");
                let name = reference(&format!("example.com/m:{number}-{name}"));
                store.tag(&name, &made.manifest).unwrap();
            }
            let gone = reference(&format!("example.com/m:{number}-0"));
            store.remove(&gone).unwrap();
        }
    }
}

/// Tells the parent and waits to be killed, or for the parent's own end.
fn stop() {
    // The test harness has begun a line.
    let mut output = std::io::stdout();
    output.write_all(b"\nready\n").unwrap();
    output.flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn no_name_is_lost_between_processes_that_tag_remove_and_prune() {
    let fixture = fixture();
    let store = &fixture.store;
    let mut children: Vec<_> = (0..4)
        .map(|number| child(&number.to_string(), store.root()))
        .collect();
    loop {
        prune(store);
        let mut running = children.iter_mut();
        if running.all(|child| child.try_wait().unwrap().is_some()) {
            break;
        }
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    prune(store);
    assert_eq!(store.references().unwrap().len(), 4 * (NAMES - 1));
    let report = store.verify(|_| true).unwrap();
    assert_eq!(report.damage, []);
    assert_eq!(report.blobs, 3 * 4 * (NAMES - 1));
}

#[test]
fn no_name_is_lost_between_threads() {
    let fixture = fixture();
    let store = &fixture.store;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for name in 0..NAMES {
                    let name = format!("example.com/m:{thread}-{name}");
                    tagged(store, &name, &name);
                    prune(store);
                }
            });
        }
    });
    assert_eq!(store.references().unwrap().len(), 8 * NAMES);
    assert!(store.verify(|_| true).unwrap().damage.is_empty());
}

#[test]
fn processes_that_make_one_store_at_once_agree() {
    let directory = tempfile::tempdir().unwrap();
    let root = &directory.path().join("store");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let store = Store::create(root).unwrap();
                tagged(&store, &format!("example.com/m:{thread}"), "weights");
            });
        }
    });
    assert_eq!(Store::open(root).unwrap().references().unwrap().len(), 8);
}

#[test]
fn what_was_recorded_survives_a_killed_download() {
    let fixture = fixture();
    let store = &fixture.store;
    let mut download = child("download", store.root());
    wait_for(&mut download, "ready");
    let bytes = content();
    let digest = Digest::sha256(&bytes);
    let lease = store.lease().unwrap();
    assert!(
        lease
            .try_partial(&digest, BLOB as u64, "")
            .unwrap_err()
            .is_retryable()
    );
    download.kill().unwrap();
    download.wait().unwrap();
    let Acquired::Partial(partial) = lease.partial(&digest, BLOB as u64, "").unwrap() else {
        panic!("it cannot be complete");
    };
    let half = BLOB as u64 / 2;
    let rest = half..BLOB as u64;
    assert_eq!(partial.missing(), std::slice::from_ref(&rest));
    partial.write_at(half, &bytes[BLOB / 2..]).unwrap();
    partial.record().unwrap();
    partial.finish().unwrap();
    assert_eq!(
        store.read_blob(&digest, BLOB as u64).unwrap().as_ref(),
        bytes
    );
}

#[test]
fn a_living_process_keeps_its_blobs_and_a_killed_one_does_not() {
    let fixture = fixture();
    let store = &fixture.store;
    let mut holder = child("hold", store.root());
    wait_for(&mut holder, "ready");
    let digest = Digest::sha256(b"of a living process");
    assert!(prune(store).items.is_empty());
    assert!(has(store, &digest));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let report = prune(store);
    assert_eq!(report.items.len(), 2, "{report:?}");
    assert!(!has(store, &digest));
    assert!(prune(store).items.is_empty());
}

/// MC3: The digest cache is shared by threads.
#[test]
fn the_digest_cache_is_shared_by_threads() {
    let fixture = fixture();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let digest = Digest::sha256(&std::fs::read(&path).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let lease = fixture.store.lease().unwrap();
                let ingested = lease
                    .ingest_file(&path, Adopt::Copy, &mut |_| Ok(()))
                    .unwrap();
                assert_eq!(ingested.digest, digest);
            });
        }
    });
}
