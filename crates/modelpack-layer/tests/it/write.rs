//! One file into a directory: whole, verified, or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use modelpack_layer::{Destination, Error, FileAttributes};
use modelpack_spec::FilePath;

use crate::archive::{expected, tree};

fn write(directory: &Path, name: &str, content: &[u8], promised: &[u8]) -> Result<(), Error> {
    let destination = Destination::open(directory)?;
    let path = FilePath::parse(name).unwrap();
    destination.write_raw(
        &path,
        &FileAttributes::default(),
        &mut &*content,
        &expected(promised),
    )
}

/// MC4: Wrong bytes leave the old file.
#[test]
fn wrong_bytes_leave_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "a", b"old", b"old").unwrap();
    let before = tree(directory.path());
    for wrong in ["neu", "ne", "newer", ""] {
        assert!(
            write(directory.path(), "a", wrong.as_bytes(), b"new")
                .unwrap_err()
                .is_integrity()
        );
        assert!(
            write(directory.path(), "x/y", wrong.as_bytes(), b"new")
                .unwrap_err()
                .is_integrity()
        );
        assert_eq!(tree(directory.path()), before);
    }
    fs::set_permissions(directory.path().join("a"), Permissions::from_mode(0o444)).unwrap();
    write(directory.path(), "a", b"new", b"new").unwrap();
    assert_eq!(tree(directory.path())["a"], "644 new");
}

/// MC4: Reader of the old file keeps it.
#[test]
fn a_reader_of_the_old_file_keeps_it() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "a", b"old", b"old").unwrap();
    let mut old = fs::File::open(directory.path().join("a")).unwrap();
    write(directory.path(), "a", b"new", b"new").unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut old, &mut text).unwrap();
    assert_eq!(text, "old");
}

#[test]
fn what_is_in_the_way_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("dir")).unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    for (name, reason) in [
        ("dir", "a directory is in the way"),
        ("file/x", "a link or file is in the way"),
        ("socket", "a device, pipe or socket is in the way"),
    ] {
        let error = write(directory.path(), name, b"", b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write `{name}`: {reason}")
        );
    }
}

#[test]
fn a_link_at_the_place_is_replaced_and_its_target_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("target"), "target").unwrap();
    symlink("target", directory.path().join("a")).unwrap();
    write(directory.path(), "a", b"new", b"new").unwrap();
    assert_eq!(tree(directory.path())["target"], "644 target");
    assert_eq!(tree(directory.path())["a"], "644 new");
}

#[test]
fn the_time_is_set_when_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let destination = Destination::open(directory.path()).unwrap();
    let mut attributes = FileAttributes::default();
    attributes.mtime = 1_000_000_000;
    destination
        .write_raw(
            &FilePath::parse("a").unwrap(),
            &attributes,
            &mut &b""[..],
            &expected(b""),
        )
        .unwrap();
    let modified = fs::metadata(directory.path().join("a"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(
        modified
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
        1_000_000_000
    );
}

#[test]
fn a_failed_run_is_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mine")).unwrap();
    write(directory.path(), "old", b"old", b"old").unwrap();
    let before = tree(directory.path());
    let destination = Destination::open(directory.path()).unwrap();
    for name in ["a", "b/c/d", "mine/e", "old"] {
        let path = FilePath::parse(name).unwrap();
        destination
            .write_raw(
                &path,
                &FileAttributes::default(),
                &mut &b"old"[..],
                &expected(b"old"),
            )
            .unwrap();
    }
    destination.discard();
    drop(destination);
    assert_eq!(tree(directory.path()), before);
}

#[test]
fn made_directories_stay_when_they_hold_something() {
    let directory = tempfile::tempdir().unwrap();
    drop(Destination::open(directory.path().join("a/b")).unwrap());
    assert!(!directory.path().join("a").exists());
    write(&directory.path().join("a/b"), "c", b"", b"").unwrap();
    assert_eq!(
        tree(directory.path()).keys().collect::<Vec<_>>(),
        ["a", "a/b", "a/b/c"]
    );
}

#[test]
fn what_a_crash_left_is_removed_and_what_is_in_use_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let dead = directory.path().join(".modelpack-staging-1-0");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("0"), "half").unwrap();
    let first = Destination::open(directory.path()).unwrap();
    assert!(!dead.exists());
    let second = Destination::open(directory.path()).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    for (destination, name) in [(&first, "a"), (&second, "b")] {
        let path = FilePath::parse(name).unwrap();
        destination
            .write_raw(
                &path,
                &FileAttributes::default(),
                &mut &b""[..],
                &expected(b""),
            )
            .unwrap();
    }
}

#[test]
fn many_destinations_at_once_do_not_disturb_each_other() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let directory = directory.path();
            scope.spawn(move || {
                for round in 0..20 {
                    write(directory, &format!("d/{thread}/{round}"), b"x", b"x").unwrap();
                }
            });
        }
    });
    assert_eq!(
        tree(directory.path())
            .values()
            .filter(|value| *value == "644 x")
            .count(),
        160
    );
}

/// MA5: Holds looks at the content.
#[test]
fn holds_looks_at_the_content() {
    let directory = tempfile::tempdir().unwrap();
    let destination = Destination::open(directory.path()).unwrap();
    let path = FilePath::parse("d/a").unwrap();
    let holds = || destination.holds(&path, &expected(b"new")).unwrap();
    assert!(!holds());
    destination
        .write_raw(
            &path,
            &FileAttributes::default(),
            &mut &b"new"[..],
            &expected(b"new"),
        )
        .unwrap();
    assert!(holds());
    fs::write(directory.path().join("d/a"), "neu").unwrap();
    assert!(!holds());
    fs::write(directory.path().join("b"), "new").unwrap();
    fs::remove_file(directory.path().join("d/a")).unwrap();
    symlink("../b", directory.path().join("d/a")).unwrap();
    assert!(!holds(), "a link is no file of ours");
}
