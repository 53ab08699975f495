//! The files of partial blobs.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::SystemTime;

use modelpack_spec::{Digest, RangeSet};

use crate::error::IoContext;
use crate::journal::Journal;
use crate::layout::Lock;
use crate::{Error, Store};

/// A partial blob, as [`Store::partials`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialStatus {
    /// Digest of the whole blob.
    pub digest: Digest,
    /// Size of the whole blob in bytes.
    pub size: u64,
    /// Which bytes are on disk.
    pub done: RangeSet,
    /// Bytes that it takes on disk. Where room cannot be reserved, what is missing takes none yet.
    pub allocated: u64,
    /// Which references have asked for it, the first one first.
    pub wanted_by: Vec<String>,
    /// When bytes were last recorded.
    pub changed: SystemTime,
}

/// Where the parts of one partial blob lie.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) data: PathBuf,
    pub(crate) journal: PathBuf,
    lock: PathBuf,
}

impl Files {
    pub(crate) fn new(store: &Store, digest: &Digest) -> Self {
        let directory = store.own("partials");
        let name = format!("{}-{}", digest.algorithm(), digest.hex());
        Self {
            data: directory.join(format!("{name}.data")),
            journal: directory.join(format!("{name}.journal")),
            lock: directory.join(format!("{name}.lock")),
        }
    }

    /// Digests of which there is any file at all, sorted.
    pub(crate) fn all(store: &Store) -> Result<BTreeSet<Digest>, Error> {
        let directory = store.own("partials");
        let mut digests = BTreeSet::new();
        for entry in fs::read_dir(&directory).at("read", &directory)? {
            let name = entry.at("read", &directory)?.file_name();
            let digest = name
                .to_str()
                .and_then(|name| name.rsplit_once('.')?.0.split_once('-'))
                .and_then(|(algorithm, hex)| format!("{algorithm}:{hex}").parse::<Digest>().ok());
            digests.extend(digest);
        }
        Ok(digests)
    }

    /// Waits until nobody else works on it.
    pub(crate) fn lock(&self) -> Result<Lock, Error> {
        Lock::take(&self.lock, fs::File::lock)
    }

    /// Nothing when somebody works on it.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, Error> {
        Lock::try_take(&self.lock)
    }

    /// The journal, when data belongs to it. Anything else is of no use.
    pub(crate) fn load(&self, digest: &Digest) -> Option<(Journal, SystemTime)> {
        let journal = Journal::parse(&fs::read(&self.journal).ok()?)?;
        let data = fs::metadata(&self.data).ok()?;
        let changed = fs::metadata(&self.journal).ok()?.modified().ok()?;
        (journal.digest == *digest && data.len() == journal.size).then_some((journal, changed))
    }

    /// Bytes that data and journal have, when one of them is there.
    pub(crate) fn size(&self) -> Option<u64> {
        [&self.data, &self.journal]
            .into_iter()
            .filter_map(|path| Some(fs::metadata(path).ok()?.len()))
            .reduce(|a, b| a + b)
    }

    /// Removes data and journal.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        // The journal goes first: data without journal counts as nothing, the reverse would lie.
        remove_if_there(&self.journal)?;
        remove_if_there(&self.data)
    }

    /// Removes the lock's file, before it is let go. Who waits for it looks again.
    pub(crate) fn unlock(&self, _held: &Lock) -> Result<(), Error> {
        remove_if_there(&self.lock)
    }
}

fn remove_if_there(path: &std::path::Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

impl Store {
    /// The partial blobs, sorted by digest. One that is being downloaded right now is among them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn partials(&self) -> Result<Vec<PartialStatus>, Error> {
        Files::all(self)?
            .iter()
            .filter_map(|digest| self.partial_status(digest).transpose())
            .collect()
    }

    /// A partial blob, also one that is being downloaded right now; nothing when there is none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn partial_status(&self, digest: &Digest) -> Result<Option<PartialStatus>, Error> {
        let files = Files::new(self, digest);
        let Some((journal, changed)) = files.load(digest) else {
            return Ok(None);
        };
        Ok(Some(PartialStatus {
            digest: *digest,
            size: journal.size,
            // Blocks of 512 bytes, whatever the file system.
            allocated: fs::metadata(&files.data).map_or(0, |data| data.blocks() * 512),
            done: journal.done,
            wanted_by: journal.wanted_by,
            changed,
        }))
    }

    /// Throws a partial blob away and says whether there was one.
    ///
    /// # Errors
    /// [`Error::Busy`] when it is being downloaded, [`Error::Io`].
    pub fn discard_partial(&self, digest: &Digest) -> Result<bool, Error> {
        let files = Files::new(self, digest);
        let lock = files.try_lock()?.ok_or(Error::Busy { digest: *digest })?;
        let existed = files.size().is_some();
        files.remove()?;
        files.unlock(&lock)?;
        Ok(existed)
    }
}
