//! Files of all kinds and sizes.

use std::fs;

use super::read;
use crate::Error;

#[test]
fn only_a_small_file_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it");
    assert!(matches!(read(&path, 4), Ok(None)));
    fs::write(&path, b"four").unwrap();
    assert_eq!(read(&path, 4).unwrap().unwrap(), b"four");
    let error = read(&path, 3).unwrap_err();
    assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
    // Opened, this would wait for a writer for ever.
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let error = read(&path, 4).unwrap_err();
    assert!(error.to_string().ends_with("is no regular file"), "{error}");
    let error = read(directory.path(), 4).unwrap_err();
    assert!(
        error.to_string().ends_with("is a directory, not a file"),
        "{error}"
    );
}
