//! A registry on disk whose process is killed in the middle of anything.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use modelpack_server::{DiskStorage, Options, Registry};
use modelpack_spec::{Digest, Selector};
use modelpack_store::{PruneOptions, Store};
use modelpack_testkit::random_bytes;

use crate::support::{Client, artifact, open_disk};

/// Says to a child where its store is. A child is this test binary again.
const ROOT: &str = "MODELPACK_SERVER_TEST_ROOT";
/// Which number the first content of a child has.
const FIRST: &str = "MODELPACK_SERVER_TEST_FIRST";
const ROUNDS: usize = 24;

/// Content by its number: from some bytes to a quarter of a megabyte.
fn content(number: usize) -> Vec<u8> {
    random_bytes(1 + number * 7919 % 262_144, number as u64)
}

/// Not a test by itself: a registry that is pushed to, deleted from and pruned for ever. It says what it has
/// answered.
#[tokio::test(flavor = "multi_thread")]
async fn as_child() {
    let (Ok(root), Ok(first)) = (std::env::var(ROOT), std::env::var(FIRST)) else {
        return;
    };
    let store = Store::open(root).unwrap();
    let host = "localhost:5000".parse().unwrap();
    let registry = Registry::new(
        DiskStorage::new(store.clone(), host).unwrap(),
        Options::default(),
    );
    let first: usize = first.parse().unwrap();
    let mut work = tokio::task::JoinSet::new();
    // One that is pruned again and again without a pause never lets anybody else have its lock.
    let (done, steps) = mpsc::channel();
    for lane in 0..2 {
        work.spawn(push(registry.clone(), first + lane, done.clone()));
    }
    drop(done);
    work.spawn_blocking(move || {
        for () in steps {
            store.prune(&PruneOptions::default()).unwrap();
        }
    });
    // The first one that ends has failed, and the parent waits for lines that do not come.
    while let Some(ended) = work.join_next().await {
        if ended.is_err() {
            std::process::abort();
        }
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // The test harness may have begun a line.
    writeln!(output, "\n{line}").unwrap();
    output.flush().unwrap();
}

async fn push(registry: Registry, first: usize, done: mpsc::Sender<()>) {
    let client = Client {
        registry,
        storage: "disk",
        directory: None,
    };
    client.blob("a", b"{}").await;
    for number in (first..).step_by(2) {
        let bytes = content(number);
        let digest = Digest::sha256(&bytes);
        let location = client.start("a").await;
        let (one, two) = bytes.split_at(bytes.len() / 2);
        let sent = client.send("PATCH", &location, &[], one.to_vec()).await;
        assert_eq!(sent.status, 202);
        let put = format!("{location}?digest={digest}");
        let stored = client.send("PUT", &put, &[], two.to_vec()).await;
        assert_eq!(stored.status, 201);
        say(&format!("blob {number}"));
        done.send(()).unwrap();
        let layer = format!("layer {number}");
        client.artifact("a", &format!("v{number}"), &layer).await;
        say(&format!("tag {number}"));
        done.send(()).unwrap();
        if number % 3 == 0 {
            let gone = client.delete(&format!("/v2/a/manifests/v{number}")).await;
            assert_eq!(gone.status, 202);
            say(&format!("gone {number}"));
        }
    }
}

/// Kills the child after so many of its lines, and gives the last word about each thing.
fn run(root: &Path, first: usize, lines: usize) -> BTreeMap<usize, String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::as_child", "--nocapture"])
        .env(ROOT, root)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut said = BTreeMap::new();
    let mut count = 0;
    for line in output.lines().map_while(Result::ok) {
        let words = line.split_once(' ');
        let Some((what, number)) = words.filter(|it| matches!(it.0, "blob" | "tag" | "gone"))
        else {
            continue;
        };
        said.insert(number.parse().unwrap(), what.to_owned());
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= lines, "it ended by itself after {count} lines");
    said
}

/// S15: Pushes, deletes and prunes that are killed anywhere.
#[tokio::test]
async fn s15_whatever_kills_it_a_blob_is_absent_or_right() {
    let directory = tempfile::tempdir().unwrap();
    drop(open_disk(&directory));
    for round in 0..ROUNDS {
        let first = round * 1000;
        let said = run(directory.path(), first, 1 + round * 5 % 17);
        let client = Client {
            registry: Registry::new(open_disk(&directory), Options::default()),
            storage: "disk",
            directory: None,
        };
        for (number, what) in &said {
            let blob = Digest::sha256(&content(*number));
            let found = client.get(&format!("/v2/a/blobs/{blob}")).await;
            assert_eq!(found.body, content(*number), "{round}: {what} {number}");
            let found = client.get(&format!("/v2/a/manifests/v{number}")).await;
            match what.as_str() {
                "tag" if number % 3 != 0 => {
                    let expected = artifact(&format!("layer {number}"), "");
                    assert_eq!(found.body, expected, "{round}: {number}");
                }
                "gone" => assert_eq!(found.status, 404, "{round}: {number}"),
                // The next step may have been done without being told.
                _ => {}
            }
        }
        let store = Store::open(directory.path()).unwrap();
        let report = store.verify(|_| true).unwrap();
        assert_eq!(report.damage, [], "{round}");
        // Whatever is named can be pulled whole.
        for entry in store.references().unwrap() {
            // A manifest whose tag was deleted still has its digest.
            let name = match entry.reference.selector() {
                Some(Selector::Tag(tag)) => tag.to_string(),
                Some(Selector::Digest(digest)) => digest.to_string(),
                _ => panic!("{}", entry.reference),
            };
            let manifest = client.get(&format!("/v2/a/manifests/{name}")).await;
            assert_eq!(manifest.status, 200, "{round}: {name}");
            let manifest: serde_json::Value = serde_json::from_slice(&manifest.body).unwrap();
            let layer: Digest = manifest["layers"][0]["digest"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            let found = client.get(&format!("/v2/a/blobs/{layer}")).await;
            assert_eq!(Digest::sha256(&found.body), layer, "{round}: {name}");
        }
        drop(client);
        let ingest = store.own("ingest");
        store.prune(&PruneOptions::default()).unwrap();
        assert_eq!(std::fs::read_dir(ingest).unwrap().count(), 0, "{round}");
    }
}
