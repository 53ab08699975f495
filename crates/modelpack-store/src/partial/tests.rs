//! A disk that refuses to sync.

use std::fs::File;
use std::path::PathBuf;

use modelpack_spec::Digest;

use super::shared::Shared;
use super::{Acquired, Journal};
use crate::Store;

/// A file that takes every byte and refuses every sync.
fn no_sync(digest: Digest, size: u64) -> Shared {
    let path = PathBuf::from("/dev/null");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    Shared::new(file, path, Journal::new(digest, size, ""))
}

#[test]
fn what_a_failed_sync_may_have_lost_never_becomes_a_blob() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    let lease = store.lease().unwrap();
    let digest = Digest::sha256(b"weights");
    let Acquired::Partial(partial) = lease.partial(&digest, 7, "").unwrap() else {
        panic!("it cannot be complete");
    };
    partial.write_at(0, b"wei").unwrap();
    partial.record().unwrap();
    let failing = no_sync(digest, 7);
    failing.write_at(3, b"gh").unwrap();
    partial.recorder.record(&failing).unwrap_err();

    // The system would say now that everything is well.
    partial.write_at(3, b"ghts").unwrap();
    partial.record().unwrap_err();
    partial.finish().unwrap_err();
    assert_eq!(store.blob_size(&digest).unwrap(), None);
    let left = store.partial_status(&digest).unwrap().unwrap();
    assert_eq!(left.done.gaps(0..7), std::slice::from_ref(&(3..7)));
}
