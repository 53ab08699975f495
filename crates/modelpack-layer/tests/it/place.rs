//! A stored blob becomes a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use modelpack_layer::{Destination, Error, FileAttributes, Placed, Placement};
use modelpack_spec::FilePath;

use crate::archive::{expected, tree};

struct Blob {
    directory: tempfile::TempDir,
    path: std::path::PathBuf,
}

fn blob() -> Blob {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("blob");
    fs::write(&path, "blob").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    Blob { directory, path }
}

fn place(blob: &Blob, mode: u32, placement: Placement) -> Result<Placed, Error> {
    let destination = Destination::open(blob.directory.path().join("out"))?;
    let path = FilePath::parse("sub/file").unwrap();
    destination.place(
        &blob.path,
        &path,
        &FileAttributes::with_mode(mode),
        &expected(b"blob"),
        placement,
    )
}

#[test]
fn a_link_shares_the_file() {
    let blob = blob();
    let file = blob.directory.path().join("out/sub/file");
    for _ in 0..2 {
        assert_eq!(
            place(&blob, 0o644, Placement::Link).unwrap(),
            Placed::Linked
        );
        assert_eq!(
            fs::metadata(&file).unwrap().ino(),
            fs::metadata(&blob.path).unwrap().ino()
        );
    }
    assert_eq!(
        fs::read_dir(blob.directory.path().join("out"))
            .unwrap()
            .count(),
        1,
        "no staging is left"
    );
}

#[test]
fn executable_and_writable_files_are_not_linked() {
    let blob = blob();
    assert_ne!(
        place(&blob, 0o755, Placement::Link).unwrap(),
        Placed::Linked
    );
    assert_eq!(tree(blob.directory.path())["out/sub/file"], "755 blob");
    assert_eq!(
        tree(blob.directory.path())["blob"],
        "444 blob",
        "the blob keeps its mode"
    );
    fs::set_permissions(&blob.path, Permissions::from_mode(0o644)).unwrap();
    assert_ne!(
        place(&blob, 0o644, Placement::Link).unwrap(),
        Placed::Linked
    );
}

#[test]
fn an_own_file_can_be_edited() {
    let blob = blob();
    assert_ne!(place(&blob, 0o644, Placement::Own).unwrap(), Placed::Linked);
    fs::write(blob.directory.path().join("out/sub/file"), "edited").unwrap();
    assert_eq!(fs::read(&blob.path).unwrap(), b"blob");
    // And a local edit is repaired.
    place(&blob, 0o644, Placement::Own).unwrap();
    assert_eq!(tree(blob.directory.path())["out/sub/file"], "644 blob");
}

#[test]
fn a_blob_behind_a_symbolic_link_gives_a_file() {
    let blob = blob();
    let link = blob.directory.path().join("link");
    symlink("blob", &link).unwrap();
    let linked = Blob { path: link, ..blob };
    place(&linked, 0o644, Placement::Link).unwrap();
    assert_eq!(tree(linked.directory.path())["out/sub/file"], "444 blob");
}

#[test]
fn a_blob_of_another_size_is_refused() {
    let blob = blob();
    fs::remove_file(&blob.path).unwrap();
    fs::write(&blob.path, "blo").unwrap();
    let error = place(&blob, 0o644, Placement::Link).unwrap_err();
    assert!(matches!(
        error,
        Error::SizeMismatch {
            expected: 4,
            actual: 3
        }
    ));
    assert!(!blob.directory.path().join("out").exists());
}

#[test]
fn a_blob_can_be_moved_and_takes_the_mode_of_its_file() {
    let blob = blob();
    let inode = fs::metadata(&blob.path).unwrap().ino();
    assert_eq!(place(&blob, 0o755, Placement::Move).unwrap(), Placed::Moved);
    assert!(!blob.path.exists());
    let file = blob.directory.path().join("out/sub/file");
    assert_eq!(fs::metadata(&file).unwrap().ino(), inode);
    assert_eq!(tree(blob.directory.path())["out/sub/file"], "755 blob");
}

#[test]
fn a_blob_that_cannot_be_moved_stays() {
    let blob = blob();
    fs::create_dir_all(blob.directory.path().join("out/sub/file")).unwrap();
    let error = place(&blob, 0o644, Placement::Move).unwrap_err();
    assert!(matches!(error, Error::Blocked { .. }), "{error:?}");
    assert_eq!(fs::read(&blob.path).unwrap(), b"blob");
    let destination = Destination::open(blob.directory.path().join("out")).unwrap();
    let path = FilePath::parse("other").unwrap();
    let attributes = FileAttributes::default();
    let expected = expected(b"blob");
    let twice = ["first", "second"].map(|name| {
        let from = blob.directory.path().join(name);
        fs::copy(&blob.path, &from).unwrap();
        destination.place(&from, &path, &attributes, &expected, Placement::Move)
    });
    assert!(twice[0].is_ok());
    assert!(
        matches!(twice[1], Err(Error::UnsafeEntry { .. })),
        "{twice:?}"
    );
    assert!(blob.directory.path().join("second").exists());
}
