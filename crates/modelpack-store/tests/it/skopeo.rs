//! Another tool reads the store as an image layout.

use std::path::Path;
use std::process::{Command, Output};

use modelpack_store::Store;

use crate::support::{fixture, tagged};

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skopeo(arguments: &[&str]) -> Option<Output> {
    match Command::new("skopeo")
        .arg("--insecure-policy")
        .args(arguments)
        .output()
    {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("skipped: skopeo is not on the PATH");
            None
        }
    }
}

fn location(directory: &Path, name: &str) -> String {
    format!("oci:{}:{name}", directory.display())
}

#[test]
fn skopeo_inspects_what_we_tagged() {
    let fixture = fixture();
    let name = "example.com:5000/team/model:1";
    let artifact = tagged(&fixture.store, name, "weights");
    let from = location(fixture.store.root(), name);
    let Some(output) = skopeo(&["inspect", "--raw", &from]) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let manifest = fixture
        .store
        .read_blob(&artifact.manifest.digest, 1 << 20)
        .unwrap();
    assert_eq!(output.stdout, manifest);
}

#[test]
fn skopeo_copies_out_of_the_store_and_into_it() {
    let fixture = fixture();
    let name = "example.com/team/model:1";
    let artifact = tagged(&fixture.store, name, "weights");
    let other = fixture.directory.path().join("other");
    let (from, to) = (
        location(fixture.store.root(), name),
        location(&other, "example.com/team/model:2"),
    );
    let Some(output) = skopeo(&["copy", &from, &to]) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let other = Store::create(&other).unwrap();
    let entries = other.references().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].reference.to_string(), "example.com/team/model:2");
    assert_eq!(entries[0].descriptor.digest, artifact.manifest.digest);
    assert!(other.verify(|_| true).unwrap().damage.is_empty());

    // And back under a third name, beside what is there.
    let back = location(fixture.store.root(), "example.com/team/model:3");
    let output = skopeo(&["copy", &to, &back]).unwrap();
    assert!(output.status.success(), "{output:?}");
    let names: Vec<_> = fixture
        .store
        .references()
        .unwrap()
        .iter()
        .map(|entry| entry.reference.to_string())
        .collect();
    assert_eq!(
        names,
        ["example.com/team/model:1", "example.com/team/model:3"]
    );
}
