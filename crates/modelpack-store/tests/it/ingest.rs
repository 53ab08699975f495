//! Files that become blobs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelpack_spec::Digest;
use modelpack_store::{Adopt, Adopted, Error};

use crate::support::{Fixture, fixture, has, tree};

/// A small file, and one that is large enough for threads of its own.
const SIZES: [usize; 2] = [1_000_000, 9_000_001];

fn write(fixture: &Fixture, name: &str, content: &[u8]) -> PathBuf {
    let path = fixture.directory.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn quiet(_: u64) -> io::Result<()> {
    Ok(())
}

/// MD1, MD10: File becomes a blob by every way.
#[test]
fn a_file_becomes_a_blob_by_every_way() {
    let ways = [Adopt::ReflinkOrCopy, Adopt::Copy, Adopt::DangerHardLink];
    for (adopt, size) in ways
        .into_iter()
        .flat_map(|way| SIZES.map(|size| (way, size)))
    {
        let fixture = fixture();
        let content: Vec<u8> = (0..size).map(|at| (at / 1000) as u8).collect();
        let path = write(&fixture, "w.bin", &content);
        let lease = fixture.store.lease().unwrap();
        let mut seen = 0;
        let ingested = lease
            .ingest_file(&path, adopt, &mut |bytes| {
                seen += bytes;
                Ok(())
            })
            .unwrap();
        assert_eq!(ingested.digest, Digest::sha256(&content));
        assert_eq!((ingested.size, seen), (size as u64, size as u64));
        let blob = fixture.store.blob_path(&ingested.digest);
        assert_eq!(fs::read(&blob).unwrap(), content);
        let is_same = fs::metadata(&blob).unwrap().ino() == fs::metadata(&path).unwrap().ino();
        let allowed: &[Adopted] = match adopt {
            Adopt::Copy => &[Adopted::Copied],
            Adopt::DangerHardLink => &[Adopted::Linked],
            _ => &[Adopted::Reflinked, Adopted::Copied],
        };
        assert!(allowed.contains(&ingested.how), "{adopt:?}: {ingested:?}");
        assert_eq!(is_same, ingested.how == Adopted::Linked);
        let again = lease.ingest_file(&path, adopt, &mut quiet).unwrap();
        assert_eq!(again.how, Adopted::Existing);
        assert_eq!(
            fs::read_dir(fixture.store.own("ingest")).unwrap().count(),
            0
        );
    }
}

#[test]
fn by_default_a_later_edit_leaves_the_blob_alone() {
    let fixture = fixture();
    let path = write(&fixture, "w.bin", b"weights");
    let lease = fixture.store.lease().unwrap();
    let ingested = lease
        .ingest_file(&path, Adopt::default(), &mut quiet)
        .unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all(b"WEIGHTS")
        .unwrap();
    assert_eq!(
        fixture
            .store
            .read_blob(&ingested.digest, 7)
            .unwrap()
            .as_ref(),
        b"weights"
    );
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let pipe = fixture.directory.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for path in [fixture.directory.path(), &pipe, Path::new("/dev/null")] {
        let error = lease
            .ingest_file(path, Adopt::default(), &mut quiet)
            .unwrap_err();
        assert!(
            matches!(&error, Error::NotAFile { path: named } if named == path),
            "{error:?}"
        );
    }
    let missing = fixture.directory.path().join("missing");
    let error = lease
        .ingest_file(&missing, Adopt::default(), &mut quiet)
        .unwrap_err();
    assert!(
        matches!(&error, Error::Io { path, .. } if *path == missing),
        "{error:?}"
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let append = |path: &Path| {
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    };
    let truncate = |path: &Path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_len(10).unwrap();
    };
    let overwrite = |path: &Path| {
        // Same size; an explicit time, since two writes may fall into one tick of the clock.
        let mut file = File::options().write(true).open(path).unwrap();
        file.write_all(b"x").unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    };
    let changes: [&dyn Fn(&Path); 3] = [&append, &truncate, &overwrite];
    for adopt in [Adopt::ReflinkOrCopy, Adopt::Copy, Adopt::DangerHardLink] {
        for (change, size) in changes.iter().flat_map(|it| SIZES.map(|size| (it, size))) {
            let fixture = fixture();
            let path = write(&fixture, "w.bin", &vec![7; size]);
            let before = tree(fixture.store.root());
            let lease = fixture.store.lease().unwrap();
            let mut is_first = true;
            let result = lease.ingest_file(&path, adopt, &mut |_| {
                if std::mem::take(&mut is_first) {
                    change(&path);
                }
                Ok(())
            });
            let error = result.unwrap_err();
            assert!(matches!(error, Error::FileChanged { .. }), "{error:?}");
            drop(lease);
            assert_eq!(tree(fixture.store.root()), before);
        }
    }
}

#[test]
fn a_linked_name_that_was_given_to_another_file_is_refused() {
    let fixture = fixture();
    let path = write(&fixture, "w.bin", b"weights");
    let lease = fixture.store.lease().unwrap();
    let result = lease.ingest_file(&path, Adopt::DangerHardLink, &mut |_| {
        let other = write(&fixture, "other", b"WEIGHTS");
        fs::rename(other, &path)
    });
    // The replaced file lost a link, which changes its own times as well.
    assert!(matches!(result, Err(Error::FileChanged { .. })));
    assert!(fixture.store.blobs().unwrap().is_empty());
}

#[test]
fn a_file_that_grows_without_end_does_not_fill_the_disk() {
    let fixture = fixture();
    let path = write(&fixture, "w.bin", &vec![7; 1_000_000]);
    let lease = fixture.store.lease().unwrap();
    let (mut calls, mut taken) = (0, 0);
    let result = lease.ingest_file(&path, Adopt::Copy, &mut |bytes| {
        calls += 1;
        taken += bytes;
        let mut file = File::options().append(true).open(&path)?;
        file.write_all(&vec![7; if calls < 20 { 1_000_000 } else { 0 }])
    });
    assert!(matches!(result, Err(Error::FileChanged { .. })));
    assert!(taken <= 1_000_000, "{taken}");
}

#[test]
fn a_symlink_that_is_turned_elsewhere_is_noticed() {
    let fixture = fixture();
    let first = write(&fixture, "first", b"weights");
    let second = write(&fixture, "second", b"WEIGHTS");
    let link = fixture.directory.path().join("link");
    std::os::unix::fs::symlink(first, &link).unwrap();
    let lease = fixture.store.lease().unwrap();
    let result = lease.ingest_file(&link, Adopt::DangerHardLink, &mut |_| {
        fs::remove_file(&link)?;
        std::os::unix::fs::symlink(&second, &link)
    });
    assert!(matches!(result, Err(Error::FileChanged { .. })));
    assert!(fixture.store.blobs().unwrap().is_empty());
}

#[test]
fn the_work_can_be_stopped() {
    let fixture = fixture();
    let ways = [Adopt::ReflinkOrCopy, Adopt::Copy, Adopt::DangerHardLink];
    let lease = fixture.store.lease().unwrap();
    for (adopt, size) in ways
        .into_iter()
        .flat_map(|way| SIZES.map(|size| (way, size)))
    {
        let path = write(&fixture, "w.bin", &vec![7; size]);
        let mut calls = 0;
        let result = lease.ingest_file(&path, adopt, &mut |_| {
            calls += 1;
            Err(io::Error::other("stopped"))
        });
        assert!(result.is_err());
        assert_eq!(calls, 1, "{adopt:?}");
    }
    assert!(fixture.store.blobs().unwrap().is_empty());
}

/// MD3: File that did not change is not read again.
#[test]
fn a_file_that_did_not_change_is_not_read_again() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    // The times of a file that a test has just made are too young to be trusted.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let first = lease.ingest_file(&path, Adopt::Copy, &mut quiet).unwrap();
    assert_eq!(first.how, Adopted::Copied);
    let second = lease.ingest_file(&path, Adopt::Copy, &mut quiet).unwrap();
    assert_eq!(second.how, Adopted::Cached);
    assert_eq!(second.digest, first.digest);
    // What is known of a file does not replace a blob that is gone.
    fs::remove_file(fixture.store.blob_path(&first.digest)).unwrap();
    let third = lease.ingest_file(&path, Adopt::Copy, &mut quiet).unwrap();
    assert_eq!(third.how, Adopted::Copied);
    assert!(has(&fixture.store, &first.digest));
}

#[test]
fn a_file_that_was_just_written_is_read_again() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let path = write(&fixture, "w.bin", b"weights");
    lease.ingest_file(&path, Adopt::Copy, &mut quiet).unwrap();
    let again = lease.ingest_file(&path, Adopt::Copy, &mut quiet).unwrap();
    assert_eq!(again.how, Adopted::Existing);
}

#[test]
fn symlinks_are_followed() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let path = write(&fixture, "w.bin", b"weights");
    let link = fixture.directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let ingested = lease
        .ingest_file(&link, Adopt::DangerHardLink, &mut quiet)
        .unwrap();
    assert_eq!(ingested.how, Adopted::Linked);
    let blob = fs::symlink_metadata(fixture.store.blob_path(&ingested.digest)).unwrap();
    assert!(blob.is_file());
}
