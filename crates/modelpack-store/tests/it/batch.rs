//! Small blobs that become visible together.

use modelpack_spec::Digest;
use modelpack_store::{Adopt, Store};

#[test]
fn blobs_are_there_when_the_batch_is_finished_and_gone_when_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    let lease = store.lease().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"file").unwrap();
    let fill = |batch: &modelpack_store::Batch| {
        for number in 0..300_u32 {
            let content = (number % 290).to_string();
            let digest = Digest::sha256(content.as_bytes());
            let mut writer = lease.ingest().unwrap();
            writer.append(content.as_bytes()).unwrap();
            let size = content.len() as u64;
            batch.commit_expecting(writer, &digest, size).unwrap();
        }
        let ingested = batch
            .ingest_file(&file, Adopt::Copy, &mut |_| Ok(()))
            .unwrap();
        assert_eq!(ingested.digest, Digest::sha256(b"file"));
    };
    let batch = lease.batch();
    fill(&batch);
    // Two full ones; the rest waits.
    assert_eq!(store.blobs().unwrap().len(), 256);
    drop(batch);
    assert_eq!(store.blobs().unwrap().len(), 256);
    let waiting = std::fs::read_dir(store.own("ingest")).unwrap().count();
    assert_eq!(waiting, 0);
    let batch = lease.batch();
    fill(&batch);
    batch.finish().unwrap();
    assert_eq!(store.blobs().unwrap().len(), 291);
    let content = store.read_blob(&Digest::sha256(b"289"), 3).unwrap();
    assert_eq!(content, "289");
    lease.take_back().unwrap();
    assert!(store.blobs().unwrap().is_empty());
}

#[test]
fn a_blob_that_is_not_what_was_promised_joins_no_batch() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let lease = store.lease().unwrap();
    let batch = lease.batch();
    let mut writer = lease.ingest().unwrap();
    writer.append(b"wrong").unwrap();
    let error = batch
        .commit_expecting(writer, &Digest::sha256(b"right"), 5)
        .unwrap_err();
    assert!(error.is_integrity(), "{error}");
    batch.finish().unwrap();
    assert!(store.blobs().unwrap().is_empty());
}

#[test]
fn a_file_is_hashed_where_it_is_and_a_change_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"one").unwrap();
    let lease = store.lease().unwrap();
    let hashed = lease.hash_file(&file, &mut |_| Ok(())).unwrap();
    assert_eq!((hashed.digest, hashed.size), (Digest::sha256(b"one"), 3));
    let opened = std::fs::File::open(&file).unwrap();
    assert!(hashed.is_unchanged(&opened).unwrap());
    // Another file of the same name, size and time of the last write.
    let before = opened.metadata().unwrap().modified().unwrap();
    std::fs::write(directory.path().join("new"), b"two").unwrap();
    std::fs::rename(directory.path().join("new"), &file).unwrap();
    let opened = std::fs::File::options().write(true).open(&file).unwrap();
    opened.set_modified(before).unwrap();
    assert!(!hashed.is_unchanged(&opened).unwrap());
    let again = lease.hash_file(&file, &mut |_| Ok(())).unwrap();
    assert_eq!(again.digest, Digest::sha256(b"two"));
    assert!(store.blobs().unwrap().is_empty());
}
