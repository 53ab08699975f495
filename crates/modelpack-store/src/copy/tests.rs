//! A copy whose other side fails.

use std::fs::{self, File};

use super::Copy;
use crate::Error;

#[test]
fn the_writers_own_error_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (path, scratch) = (directory.path().join("from"), directory.path().join("to"));
    for size in [1_000_u64, 9_000_000] {
        fs::write(&path, vec![7; usize::try_from(size).unwrap()]).unwrap();
        fs::write(&scratch, b"").unwrap();
        // Opened for reading, as good as a disk that takes nothing.
        let (from, to) = (File::open(&path).unwrap(), File::open(&scratch).unwrap());
        let copy = Copy {
            from: &from,
            to: &to,
            size,
            path: &path,
            scratch: &scratch,
        };
        let Err(Error::Io { path, source, .. }) = copy.run(&mut |_| Ok(())) else {
            panic!("it was written");
        };
        assert_eq!(path, scratch);
        assert_eq!(
            source.raw_os_error(),
            Some(rustix::io::Errno::BADF.raw_os_error())
        );
    }
}
