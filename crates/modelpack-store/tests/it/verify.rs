//! What a disk has lost.

use std::fs;

use modelpack_store::Damage;

use crate::support::{damage, fixture, has, index, reference, tagged};

#[test]
fn damage_is_named() {
    let fixture = fixture();
    let store = &fixture.store;
    let a = tagged(store, "example.com/m:a", "weights");
    let b = tagged(store, "example.com/m:b", "more");
    let report = store.verify(|_| true).unwrap();
    assert_eq!((report.blobs, report.damage.len()), (6, 0));
    assert!(report.bytes > 11);

    damage(store, &a.layer, b"WEIGHTS");
    fs::remove_file(store.blob_path(&b.layer)).unwrap();
    let damage = store.verify(|_| true).unwrap().damage;
    assert_eq!(
        damage,
        [
            Damage::Changed {
                digest: a.layer,
                actual: modelpack_spec::Digest::sha256(b"WEIGHTS"),
            },
            Damage::Missing {
                digest: b.layer,
                needed_by: reference("example.com/m:b"),
            },
        ]
    );
}

#[test]
fn a_lost_blob_of_a_nested_manifest_is_missed_and_a_sparse_index_is_fine() {
    let fixture = fixture();
    let store = &fixture.store;
    let child = tagged(store, "example.com/m:child", "weights");
    let lease = store.lease().unwrap();
    let mut absent = child.manifest.clone();
    absent.digest = modelpack_spec::Digest::sha256(b"never fetched");
    let top = index(&lease, vec![child.manifest.clone(), absent]);
    store.tag(&reference("example.com/m:top"), &top).unwrap();
    store.remove(&reference("example.com/m:child")).unwrap();
    assert!(store.verify(|_| true).unwrap().damage.is_empty());
    fs::remove_file(store.blob_path(&child.layer)).unwrap();
    assert_eq!(
        store.verify(|_| true).unwrap().damage,
        [Damage::Missing {
            digest: child.layer,
            needed_by: reference("example.com/m:top"),
        }]
    );
}

#[test]
fn it_can_be_stopped() {
    let fixture = fixture();
    tagged(&fixture.store, "example.com/m:a", "weights");
    let mut calls = 0;
    let report = fixture
        .store
        .verify(|_| {
            calls += 1;
            false
        })
        .unwrap();
    assert_eq!((calls, report.blobs), (1, 0));
}

#[test]
fn a_damaged_blob_is_removed_and_a_whole_one_is_not() {
    let fixture = fixture();
    let store = &fixture.store;
    let layer = tagged(store, "example.com/m:a", "weights").layer;
    assert!(!store.remove_damaged(&layer).unwrap());
    damage(store, &layer, b"WEIGHTS");
    assert!(store.remove_damaged(&layer).unwrap());
    assert!(!has(store, &layer));
    assert!(store.remove_damaged(&layer).unwrap_err().is_not_found());
}
