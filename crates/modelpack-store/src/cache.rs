//! Digests of files that did not change since they were hashed.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use modelpack_spec::Digest;

use crate::Store;
use crate::layout::Lock;

/// A file changed within this many seconds before it was hashed could change again without any of
/// its times showing it, so it is not remembered (as git does with its index).
const RACY_SECONDS: i64 = 2;
/// The cache is dropped when it grows over this many bytes, about 50 000 files.
const MAX_CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// What tells one state of one file from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileKey {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl FileKey {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The file system that it is on.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether only the change time differs, which a new hard link touches as well.
    pub(crate) fn is_same_content(&self, other: &Self) -> bool {
        (self.device, self.inode, self.size, self.mtime)
            == (other.device, other.inode, other.size, other.mtime)
    }

    fn text(&self) -> String {
        let Self {
            device,
            inode,
            size,
            mtime,
            ctime,
        } = self;
        format!(
            "{device} {inode} {size} {}.{} {}.{}",
            mtime.0, mtime.1, ctime.0, ctime.1
        )
    }
}

/// Digests of files that were hashed before, as they were known at one moment. An operation on ten
/// thousand files reads them once.
#[derive(Debug)]
pub struct KnownDigests(Mutex<HashMap<String, Digest>>);

impl KnownDigests {
    pub(crate) fn lookup(&self, key: &FileKey) -> Option<Digest> {
        self.map().get(&key.text()).copied()
    }

    pub(crate) fn insert(&self, key: &FileKey, digest: Digest) {
        self.map().insert(key.text(), digest);
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// What is known of files that were hashed before.
    #[must_use]
    pub fn known_digests(&self) -> KnownDigests {
        DigestCache::new(self).read()
    }
}

/// A text file of one line per known file in the store's own directory. A later line for the same
/// file replaces an earlier one; a line that cannot be read counts as absent.
pub(crate) struct DigestCache {
    path: PathBuf,
    lock: PathBuf,
}

impl DigestCache {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            path: store.own("digests"),
            lock: store.own("digests.lock"),
        }
    }

    /// Everything that is remembered.
    pub(crate) fn read(&self) -> KnownDigests {
        let read = || {
            let _lock = Lock::take(&self.lock, File::lock_shared).ok()?;
            fs::read(&self.path).ok()
        };
        let content = read().unwrap_or_default();
        let known = String::from_utf8_lossy(&content)
            .lines()
            .filter_map(|line| {
                let (key, digest) = line.split_once(" = ")?;
                Some((key.to_owned(), digest.parse().ok()?))
            })
            .collect();
        KnownDigests(Mutex::new(known))
    }

    /// Remembers a digest unless the file changed shortly before `hashed_at` (seconds since 1970).
    /// A failure costs time, not correctness, so it is only said whether it may be relied on.
    pub(crate) fn remember(&self, key: &FileKey, digest: &Digest, hashed_at: i64) -> bool {
        if hashed_at - key.mtime.0.max(key.ctime.0) < RACY_SECONDS {
            return false;
        }
        let Ok(_lock) = Lock::take(&self.lock, File::lock) else {
            return true;
        };
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > MAX_CACHE_BYTES) {
            let _ = fs::remove_file(&self.path);
        }
        if let Ok(mut file) = File::options().append(true).create(true).open(&self.path) {
            // The leading line break ends a line that a crash cut short.
            let _ = file.write_all(format!("\n{} = {digest}", key.text()).as_bytes());
        }
        true
    }
}

#[cfg(test)]
mod tests;
