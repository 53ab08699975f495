//! Grace times that have run out.

use std::time::Duration;

use modelpack_spec::{Algorithm, Digest, Repository};
use modelpack_store::{PruneOptions, Store};

use super::{DiskStorage, Grace, Storage};

fn store(directory: &tempfile::TempDir) -> Store {
    Store::create(directory.path()).unwrap()
}

fn pruned(store: &Store) -> Vec<String> {
    let report = store.prune(&PruneOptions::default()).unwrap();
    report.items.into_iter().map(|item| item.name).collect()
}

#[test]
fn protection_lasts_for_one_to_two_grace_times() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let grace = Grace::new(store.clone(), Duration::ZERO).unwrap();
    let digest = store.lease().unwrap().put(b"blob").unwrap().digest;
    let other = Digest::sha256(b"other");
    assert_eq!(grace.protect(&digest).unwrap(), Some(4));
    assert_eq!(grace.protect(&other).unwrap(), None);
    assert!(pruned(&store).is_empty());
    grace.protect(&other).unwrap();
    assert_eq!(pruned(&store), [digest.to_string()]);
}

/// An upload that took longer than the grace time begins a new one when it ends.
#[test]
fn a_slow_upload_is_protected_when_it_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let authority = "localhost:5000".parse().unwrap();
    let storage = DiskStorage::with_grace(store.clone(), authority, Duration::ZERO).unwrap();
    let repository: Repository = "a".parse().unwrap();
    let mut upload = storage
        .begin_upload(&repository, Algorithm::Sha256)
        .unwrap();
    let digest = Digest::sha256(b"slow");
    for byte in b"slow" {
        storage.blob_size(&repository, &digest).unwrap();
        upload.append(&[*byte]).unwrap();
        assert!(pruned(&store).is_empty());
        drop(
            storage
                .begin_upload(&repository, Algorithm::Sha256)
                .unwrap(),
        );
    }
    upload.commit(&digest).unwrap();
    assert!(pruned(&store).is_empty());
    assert_eq!(storage.blob_size(&repository, &digest).unwrap(), Some(4));
}
