//! Tests of what only a failing disk does.

use std::io::Write;
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

/// Whoever reads a blob that is being written goes on, whatever becomes of it, and cannot change it.
#[test]
fn what_is_being_written_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let lease = store.lease().unwrap();
    for is_kept in [true, false] {
        let mut writer = lease.ingest().unwrap();
        writer.append(b"wei").unwrap();
        let mut reader = writer.reader().unwrap();
        writer.append(b"ghts").unwrap();
        if is_kept {
            writer.commit().unwrap();
        } else {
            drop(writer);
        }
        let mut content = [0; 7];
        reader.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(&content, b"weights");
        assert!(reader.write_all(b"x").is_err());
    }
}
