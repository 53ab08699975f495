//! Writing and reading blobs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use modelpack_spec::{Algorithm, Digest};
use modelpack_store::{Adopt, Error};

use crate::support::{damage, fixture, has, prune, tree};

#[test]
fn a_blob_is_what_was_written_and_read_only() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let mut writer = lease.ingest().unwrap();
    writer.write_all(b"wei").unwrap();
    writer.append(b"ghts").unwrap();
    assert_eq!(writer.size(), 7);
    let stored = writer.commit().unwrap();
    assert_eq!(stored.digest, Digest::sha256(b"weights"));
    assert_eq!((stored.size, stored.existed), (7, false));
    let path = fixture.store.blob_path(&stored.digest);
    assert!(path.ends_with(format!("blobs/sha256/{}", stored.digest.hex())));
    assert_eq!(fs::read(&path).unwrap(), b"weights");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o444
    );
}

#[test]
fn sha512_has_a_directory_of_its_own() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let mut writer = lease.ingest_with(Algorithm::Sha512).unwrap();
    writer.append(b"weights").unwrap();
    let stored = writer.commit().unwrap();
    assert_eq!(stored.digest, Digest::of(Algorithm::Sha512, b"weights"));
    assert!(
        fixture
            .store
            .root()
            .join("blobs/sha512")
            .join(stored.digest.hex())
            .is_file()
    );
    assert_eq!(
        fixture.store.read_blob(&stored.digest, 7).unwrap().as_ref(),
        b"weights"
    );
}

#[test]
fn the_algorithm_may_be_known_at_the_end_only() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let mut writer = lease.ingest().unwrap();
    writer.append(b"weights").unwrap();
    let digest = Digest::of(Algorithm::Sha512, b"weights");
    assert_eq!(writer.commit_expecting(&digest, 7).unwrap().digest, digest);
}

/// MC2: Wrong bytes never become a blob.
#[test]
fn wrong_bytes_never_become_a_blob() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let good = Digest::sha256(b"weights");
    let check = |content: &[u8], is_expected: fn(&Error) -> bool| {
        let mut writer = lease.ingest().unwrap();
        writer.append(content).unwrap();
        let error = writer.commit_expecting(&good, 7).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert!(error.is_integrity());
    };
    check(b"WEIGHTS", |error| {
        matches!(error, Error::DigestMismatch { .. })
    });
    check(b"weight", |error| {
        matches!(
            error,
            Error::SizeMismatch {
                expected: 7,
                actual: 6,
                ..
            }
        )
    });
    check(b"weights!", |error| {
        matches!(error, Error::SizeMismatch { .. })
    });
    assert!(!has(&fixture.store, &good));
    assert!(fixture.store.blobs().unwrap().is_empty());
    assert_eq!(
        fs::read_dir(fixture.store.own("ingest")).unwrap().count(),
        0
    );
}

/// MC2: Dropped writer leaves nothing.
#[test]
fn a_dropped_writer_leaves_nothing() {
    let fixture = fixture();
    let before = tree(fixture.store.root());
    let mut writer = fixture.store.lease().unwrap().ingest().unwrap();
    writer.append(b"weights").unwrap();
    drop(writer);
    assert_eq!(tree(fixture.store.root()), before);
}

/// MD1: Blob that is there is not written again.
#[test]
fn a_blob_that_is_there_is_not_written_again() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let first = lease.put(b"weights").unwrap();
    let inode = fs::metadata(fixture.store.blob_path(&first.digest))
        .unwrap()
        .ino();
    let second = lease.put(b"weights").unwrap();
    assert!(second.existed);
    let path = fixture.store.blob_path(&first.digest);
    assert_eq!(fs::metadata(path).unwrap().ino(), inode);
}

#[test]
fn a_blob_of_wrong_size_is_replaced() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let stored = lease.put(b"weights").unwrap();
    damage(&fixture.store, &stored.digest, b"");
    assert!(!lease.put(b"weights").unwrap().existed);
    assert_eq!(fixture.store.read_blob(&stored.digest, 7).unwrap().len(), 7);
}

#[test]
fn reading_verifies_and_is_bounded() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let store = &fixture.store;
    let stored = lease.put(b"weights").unwrap();
    assert!(matches!(
        store.read_blob(&stored.digest, 6),
        Err(Error::TooLarge {
            size: 7,
            limit: 6,
            ..
        })
    ));
    damage(store, &stored.digest, b"WEIGHTS");
    let error = store.read_blob(&stored.digest, 7).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    let error = store.read_blob(&Digest::sha256(b"?"), 7).unwrap_err();
    assert!(error.is_not_found());
}

#[test]
fn a_mapped_blob_outlives_its_removal() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let stored = lease.put(b"weights").unwrap();
    let empty = lease.put(b"").unwrap();
    drop(lease);
    let map = fixture.store.map(&stored.digest).unwrap();
    let nothing = fixture.store.map(&empty.digest).unwrap();
    assert_eq!(prune(&fixture.store).items.len(), 2);
    assert_eq!(map.as_ref(), b"weights");
    assert_eq!(nothing.as_ref(), b"");
    assert!(
        fixture
            .store
            .map(&stored.digest)
            .unwrap_err()
            .is_not_found()
    );
}

/// MA10: Neither a blob whose place is taken nor one that was not what was promised counts as stored.
#[test]
fn ma10_a_blob_that_cannot_get_its_name_is_an_error() {
    let fixture = fixture();
    let store = &fixture.store;
    let lease = store.lease().unwrap();
    let digest = Digest::sha256(b"weights");
    let in_the_way = store.blob_path(&digest).join("x");
    fs::create_dir_all(&in_the_way).unwrap();
    let mut writer = lease.ingest().unwrap();
    writer.append(b"weights").unwrap();
    let error = writer.commit().unwrap_err();
    assert!(error.to_string().contains(&digest.hex()), "{error}");
    assert!(lease.put(b"weights").is_err());
    let path = fixture.directory.path().join("w.bin");
    fs::write(&path, b"weights").unwrap();
    let adopted = lease.ingest_file(&path, Adopt::Copy, &mut |_| Ok(()));
    assert!(adopted.is_err(), "{adopted:?}");
    // What was written for it is gone.
    assert_eq!(fs::read_dir(store.own("ingest")).unwrap().count(), 0);
}
