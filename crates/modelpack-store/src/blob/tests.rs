//! Tests of what only a failing disk does.

use std::os::unix::fs::FileExt;

use modelpack_spec::Digest;

use crate::Store;

#[test]
fn bytes_that_a_failed_write_left_behind_are_not_part_of_the_blob() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let lease = store.lease().unwrap();
    for rest in [&b"ghts"[..], b""] {
        let mut writer = lease.ingest().unwrap();
        writer.append(b"wei").unwrap();
        writer.file.write_all_at(b"ghXXXXXX", 3).unwrap();
        writer.append(rest).unwrap();
        let stored = writer.commit().unwrap();
        let content = [b"wei", rest].concat();
        assert_eq!(stored.digest, Digest::sha256(&content));
        assert_eq!(store.read_blob(&stored.digest, 100).unwrap(), content);
    }
}
