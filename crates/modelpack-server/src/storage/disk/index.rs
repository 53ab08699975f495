//! The names of the store, read again only when they changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use modelpack_store::{Store, TagEntry};

use super::failed;
use crate::Error;

/// All names of a store, with what tells whether they are still those: other processes change them too.
#[derive(Debug, Default)]
pub(super) struct NamesOfStore {
    known: Mutex<Option<(Stamp, Arc<Vec<TagEntry>>)>>,
}

/// What is different after every change: the store never writes into its index but replaces it, so the
/// new file has another inode than the old one, and an inode that comes back has another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(store: &Store) -> Option<Self> {
        let metadata = fs::metadata(store.root().join("index.json")).ok()?;
        Some(Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl NamesOfStore {
    pub(super) fn read(&self, store: &Store) -> Result<Arc<Vec<TagEntry>>, Error> {
        // Taken before the names are read: a change in between makes it old, never the names.
        let stamp = Stamp::of(store);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, names)) = &*known
            && Some(*of) == stamp
        {
            return Ok(Arc::clone(names));
        }
        let names = store
            .references()
            .map_err(|error| failed("read the names of the store", error))?;
        let names = Arc::new(names);
        *known = stamp.map(|stamp| (stamp, Arc::clone(&names)));
        Ok(names)
    }

    /// Forgets the names, because this process changed them: its own changes must be seen at once,
    /// however coarse the times of the file system are.
    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
