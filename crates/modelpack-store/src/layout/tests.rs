//! Tests of locks whose file goes away.

use std::cell::RefCell;

use super::*;

thread_local! {
    static REPLACED: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// Gets the lock just after its owner has removed the file and another one has come.
fn lock_late(file: &File) -> io::Result<()> {
    file.lock()?;
    match REPLACED.take() {
        Some(path) => fs::remove_file(&path).and_then(|()| fs::write(path, "")),
        None => Ok(()),
    }
}

#[test]
fn a_lock_on_a_removed_file_is_not_taken_for_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    REPLACED.set(Some(path.clone()));
    let lock = Lock::take(&path, lock_late).unwrap();
    assert!(Lock::try_take(&path).unwrap().is_none());
    drop(lock);
    assert!(Lock::try_take(&path).unwrap().is_some());
}
