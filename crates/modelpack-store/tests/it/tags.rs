//! Names of manifests.

use std::collections::BTreeMap;
use std::fs;

use modelpack_spec::{Descriptor, Digest, MediaType};
use modelpack_store::Error;
use proptest::prelude::*;

use crate::support::{Fixture, artifact, fixture, reference, tagged};

fn names(fixture: &Fixture) -> Vec<String> {
    let entries = fixture.store.references().unwrap();
    entries
        .iter()
        .map(|entry| entry.reference.to_string())
        .collect()
}

#[test]
fn a_tag_moves_and_a_digest_finds_any_name_of_the_repository() {
    let fixture = fixture();
    let store = &fixture.store;
    let a = tagged(store, "example.com/team/model:1", "a").manifest;
    let b = tagged(store, "example.com/team/model:2", "b").manifest;
    let resolve = |text: &str| store.resolve(&reference(text)).map(|found| found.digest);
    assert_eq!(resolve("example.com/team/model:1").unwrap(), a.digest);
    let pinned = format!("example.com/team/model@{}", b.digest);
    assert_eq!(resolve(&pinned).unwrap(), b.digest);
    // With both, the digest decides.
    let both = format!("example.com/team/model:1@{}", b.digest);
    assert_eq!(resolve(&both).unwrap(), b.digest);
    store
        .tag(&reference("example.com/team/model:1"), &b)
        .unwrap();
    assert_eq!(resolve("example.com/team/model:1").unwrap(), b.digest);
    for missing in [
        format!("example.com/team/model@{}", a.digest),
        format!("example.com/other/model@{}", b.digest),
        "example.com/team/model:3".to_owned(),
        "other.com/team/model:1".to_owned(),
    ] {
        let error = resolve(&missing).unwrap_err();
        assert!(error.is_not_found(), "{missing}: {error:?}");
    }
    assert!(matches!(
        resolve("example.com/team/model"),
        Err(Error::NoSelector { .. })
    ));
}

#[test]
fn the_descriptor_comes_back_as_it_was_given() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let mut manifest = artifact(&lease, "a").manifest;
    manifest
        .annotations
        .insert("com.example".to_owned(), "kept".to_owned());
    let name = reference("example.com/m:1");
    fixture.store.tag(&name, &manifest).unwrap();
    assert_eq!(fixture.store.resolve(&name).unwrap(), manifest);
    assert_eq!(fixture.store.references().unwrap()[0].descriptor, manifest);
}

#[test]
fn a_name_needs_its_manifest() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let manifest = artifact(&lease, "a").manifest;
    let name = reference("example.com/m:1");
    let absent = Descriptor::new(MediaType::OciManifest, Digest::sha256(b"?"), 1);
    assert!(store.tag(&name, &absent).unwrap_err().is_not_found());
    let mut wrong = manifest.clone();
    wrong.size += 1;
    assert!(matches!(
        store.tag(&name, &wrong),
        Err(Error::SizeMismatch { .. })
    ));
    let pinned = name.with_digest(absent.digest);
    assert!(matches!(
        store.tag(&pinned, &manifest),
        Err(Error::PinMismatch { .. })
    ));
    assert!(names(&fixture).is_empty());
}

#[test]
fn what_was_pulled_by_digest_has_its_digest_as_name() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let manifest = artifact(&lease, "a").manifest;
    let name = reference(&format!("example.com/m@{}", manifest.digest));
    fixture.store.tag(&name, &manifest).unwrap();
    fixture.store.tag(&name, &manifest).unwrap();
    assert_eq!(names(&fixture), [name.to_string()]);
    assert_eq!(fixture.store.resolve(&name).unwrap(), manifest);
}

/// MA6: Names go one by one or by digest.
#[test]
fn names_go_one_by_one_or_by_digest() {
    let fixture = fixture();
    let store = &fixture.store;
    let a = tagged(store, "example.com/m:1", "a").manifest;
    for name in ["example.com/m:2", "example.com/other:1"] {
        store.tag(&reference(name), &a).unwrap();
    }
    let b = tagged(store, "example.com/m:3", "b").manifest;
    let wrong = reference("example.com/m:1").with_digest(b.digest);
    assert!(matches!(
        store.remove(&wrong),
        Err(Error::PinMismatch { .. })
    ));
    assert_eq!(names(&fixture).len(), 4);

    let by_digest = reference(&format!("example.com/m@{}", a.digest));
    let removed = store.remove(&by_digest).unwrap();
    let gone: Vec<_> = removed
        .names
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(gone, ["example.com/m:1", "example.com/m:2"]);
    assert_eq!(names(&fixture), ["example.com/m:3", "example.com/other:1"]);

    let by_tag = store.remove(&reference("example.com/m:3")).unwrap();
    assert_eq!(by_tag.names, [(reference("example.com/m:3"), b.digest)]);
    let again = store.remove(&reference("example.com/m:3")).unwrap_err();
    assert!(again.is_not_found());
    assert!(store.remove(&by_digest).unwrap_err().is_not_found());
    // The blobs wait for prune, so a mistake costs nothing.
    assert_eq!(store.blob_size(&b.digest).unwrap(), Some(b.size));
}

/// MA15: One broken artifact does not hide the others.
#[test]
fn one_broken_artifact_does_not_hide_the_others() {
    let fixture = fixture();
    let lost = tagged(&fixture.store, "example.com/m:lost", "a").manifest;
    tagged(&fixture.store, "example.com/m:whole", "b");
    fs::remove_file(fixture.store.blob_path(&lost.digest)).unwrap();
    assert_eq!(
        names(&fixture),
        ["example.com/m:lost", "example.com/m:whole"]
    );
}

#[test]
fn entries_of_other_tools_are_kept_and_names_stay_unique() {
    let fixture = fixture();
    let manifest = tagged(&fixture.store, "example.com/m:1", "a").manifest;
    let path = fixture.store.root().join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let entry = |name: Option<&str>| {
        let mut entry = serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest.digest.to_string(),
            "size": manifest.size,
            "com.example.unknown": [1],
        });
        if let Some(name) = name {
            entry["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": name});
        }
        entry
    };
    let list = index["manifests"].as_array_mut().unwrap();
    list.extend([
        entry(None),
        entry(Some("latest")),
        entry(Some("example.com/m:1")),
    ]);
    fs::write(&path, index.to_string()).unwrap();
    fixture
        .store
        .tag(&reference("example.com/m:1"), &manifest)
        .unwrap();
    let index: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let list = index["manifests"].as_array().unwrap();
    assert!(list.contains(&entry(None)));
    assert!(list.contains(&entry(Some("latest"))));
    assert_eq!(names(&fixture), ["example.com/m:1"]);
}

#[test]
fn a_damaged_index_is_an_error_and_stays_as_it_is() {
    let fixture = fixture();
    let manifest = tagged(&fixture.store, "example.com/m:1", "a").manifest;
    let path = fixture.store.root().join("index.json");
    fs::write(&path, "{").unwrap();
    let name = reference("example.com/m:1");
    for error in [
        fixture.store.references().unwrap_err(),
        fixture.store.tag(&name, &manifest).unwrap_err(),
        fixture.store.remove(&name).unwrap_err(),
        fixture.store.prune(&Default::default()).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"{");
    assert_eq!(fixture.store.blobs().unwrap().len(), 3);
}

#[derive(Debug, Clone)]
enum Operation {
    Tag(usize, usize),
    Remove(usize),
    RemoveDigest(usize, usize),
}

const NAMES: [&str; 4] = [
    "a.example/x:1",
    "a.example/x:2",
    "a.example/y:1",
    "b.example:5000/x:1",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_index_agrees_with_a_map(operations in prop::collection::vec(
        prop_oneof![
            (0..4_usize, 0..3_usize).prop_map(|(name, manifest)| Operation::Tag(name, manifest)),
            (0..4_usize).prop_map(Operation::Remove),
            (0..4_usize, 0..3_usize).prop_map(|(name, manifest)| Operation::RemoveDigest(name, manifest)),
        ],
        0..12,
    )) {
        let fixture = fixture();
        let lease = fixture.store.lease().unwrap();
        let manifests: Vec<_> = ["a", "b", "c"].iter().map(|content| artifact(&lease, content).manifest).collect();
        let mut model = BTreeMap::new();
        for operation in operations {
            match operation {
                Operation::Tag(name, manifest) => {
                    fixture.store.tag(&reference(NAMES[name]), &manifests[manifest]).unwrap();
                    model.insert(NAMES[name].to_owned(), manifests[manifest].digest);
                }
                Operation::Remove(name) => {
                    let was = model.remove(NAMES[name]);
                    prop_assert_eq!(fixture.store.remove(&reference(NAMES[name])).is_ok(), was.is_some());
                }
                Operation::RemoveDigest(name, manifest) => {
                    let digest = manifests[manifest].digest;
                    let repository = reference(NAMES[name]).without_selector();
                    let before = model.len();
                    model.retain(|name, found| *found != digest || reference(name).without_selector() != repository);
                    let removed = fixture.store.remove(&repository.with_digest(digest));
                    prop_assert_eq!(removed.map_or(0, |removed| removed.names.len()), before - model.len());
                }
            }
        }
        let found: BTreeMap<_, _> = fixture.store.references().unwrap().into_iter()
            .map(|entry| (entry.reference.to_string(), entry.descriptor.digest)).collect();
        prop_assert_eq!(found, model);
    }
}
