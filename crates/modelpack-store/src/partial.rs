//! Blobs that are being downloaded, kept across interruptions.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::SystemTime;

use modelpack_spec::{Digest, Hasher};

use crate::blob::move_into_place;
use crate::error::IoContext;
use crate::ingest::preallocate;
use crate::journal::Journal;
use crate::layout::{Lock, hash_prefix};
use crate::{Error, Lease, Store, Stored, durable};

/// What came of asking for a partial blob.
#[derive(Debug)]
#[non_exhaustive]
pub enum Acquired {
    /// The blob is complete already.
    Complete(Stored),
    /// It has to be downloaded, or the rest of it.
    Partial(Partial),
}

/// A blob of known digest and size that is being downloaded. Dropping it keeps what was recorded.
///
/// Bytes may be written in any order. What [`Self::record`] has confirmed survives a crash and a
/// power loss; the rest is downloaded again.
#[derive(Debug)]
pub struct Partial {
    lease: Lease,
    files: Files,
    data: File,
    log: File,
    journal: Journal,
    /// Hash of the first `hashed` bytes; nothing once some of them were written anew.
    hasher: Option<Hasher>,
    hashed: u64,
    resumed: bool,
    _lock: Lock,
}

/// A partial blob, as [`Store::partials`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialStatus {
    /// Digest of the whole blob.
    pub digest: Digest,
    /// Size of the whole blob in bytes.
    pub size: u64,
    /// Bytes that are on disk.
    pub done: u64,
    /// Which reference asked for it.
    pub wanted_by: String,
    /// When bytes were last recorded.
    pub changed: SystemTime,
}

#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) data: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) lock: PathBuf,
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

    pub(crate) fn remove(&self) -> Result<(), Error> {
        // The journal goes first: data without journal counts as nothing, the reverse would lie.
        for path in [&self.journal, &self.data] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Partial {
    pub(crate) fn acquire(
        lease: &Lease,
        digest: &Digest,
        size: u64,
        wanted_by: &str,
    ) -> Result<Acquired, Error> {
        let files = Files::new(lease.store(), digest);
        let lock = Lock::take(&files.lock, File::lock)?;
        match lease.protect(digest)? {
            Some(found) if found == size => {
                return Ok(Acquired::Complete(Stored {
                    digest: *digest,
                    size,
                    existed: true,
                }));
            }
            Some(found) => {
                let what = format!("blob {digest}");
                return Err(Error::SizeMismatch {
                    what,
                    expected: size,
                    actual: found,
                });
            }
            None => {}
        }
        let known = fs::read(&files.journal)
            .ok()
            .and_then(|content| Journal::parse(&content));
        let known = known.filter(|journal| {
            journal.digest == *digest
                && journal.size == size
                && fs::metadata(&files.data).is_ok_and(|metadata| metadata.len() == size)
        });
        let resumed = known.as_ref().is_some_and(|journal| journal.done() > 0);
        let (data, log, journal) = match known {
            Some(journal) => {
                let data = File::options()
                    .read(true)
                    .write(true)
                    .open(&files.data)
                    .at("open", &files.data)?;
                (data, rewrite(&files, lease.store(), &journal)?, journal)
            }
            None => {
                files.remove()?;
                let data = File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&files.data)
                    .at("create", &files.data)?;
                if let Err(error) = preallocate(&data, size) {
                    files.remove()?;
                    return Err(Error::io("allocate", &files.data, error));
                }
                let journal = Journal::new(*digest, size, wanted_by);
                (data, rewrite(&files, lease.store(), &journal)?, journal)
            }
        };
        // The one time that bytes of an earlier process are read again.
        let hashed = journal.frontier();
        let hasher =
            hash_prefix(&data, digest.algorithm(), hashed, |_| ()).at("read", &files.data)?;
        Ok(Acquired::Partial(Self {
            lease: lease.clone(),
            files,
            data,
            log,
            journal,
            hasher: Some(hasher),
            hashed,
            resumed,
            _lock: lock,
        }))
    }

    /// Digest of the whole blob.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.journal.digest
    }

    /// Size of the whole blob in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.journal.size
    }

    /// Whether an earlier download left bytes that are used now.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Bytes that are there from the beginning without a gap.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        self.journal.frontier()
    }

    /// Bytes that are there in all.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.journal.done()
    }

    /// What is still to be downloaded, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<Range<u64>> {
        self.journal.missing()
    }

    /// Writes bytes at their place. Bytes that come in order are hashed on the way.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when they reach beyond the end; [`Error::NoSpace`], [`Error::Io`].
    pub fn write_at(&mut self, offset: u64, content: &[u8]) -> Result<(), Error> {
        let end = offset.saturating_add(content.len() as u64);
        if end > self.size() {
            let what = format!("blob {}", self.digest());
            return Err(Error::SizeMismatch {
                what,
                expected: self.size(),
                actual: end,
            });
        }
        self.data
            .write_all_at(content, offset)
            .at("write", &self.files.data)?;
        match &mut self.hasher {
            Some(hasher) if offset == self.hashed => {
                hasher.update(content);
                self.hashed = end;
            }
            // What was hashed is being replaced; the hash starts again when it is needed.
            Some(_) if offset < self.hashed => self.hasher = None,
            _ => {}
        }
        Ok(())
    }

    /// Confirms that a range is written: syncs the data, then says so in the journal.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Io`].
    pub fn record(&mut self, range: Range<u64>) -> Result<(), Error> {
        if range.is_empty() {
            return Ok(());
        }
        self.data.sync_data().at("sync", &self.files.data)?;
        self.log
            .write_all(Journal::record(&range).as_bytes())
            .at("write", &self.files.journal)?;
        self.log.sync_data().at("sync", &self.files.journal)?;
        self.journal.add(range);
        Ok(())
    }

    /// Verifies the whole and makes it a blob.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when bytes are missing, which keeps what is there;
    /// [`Error::DigestMismatch`], which removes everything, since no byte of it can be trusted.
    pub fn finish(mut self) -> Result<Stored, Error> {
        let (digest, size) = (*self.digest(), self.size());
        if self.done() != size {
            let what = format!("blob {digest}");
            return Err(Error::SizeMismatch {
                what,
                expected: size,
                actual: self.done(),
            });
        }
        let hasher = match self.hasher.take() {
            Some(hasher) if self.hashed == size => hasher,
            _ => hash_prefix(&self.data, digest.algorithm(), size, |_| ())
                .at("read", &self.files.data)?,
        };
        let actual = hasher.finish();
        if actual != digest {
            self.files.remove()?;
            return Err(Error::DigestMismatch {
                expected: digest,
                actual,
            });
        }
        move_into_place(
            &self.files.data,
            &self.data,
            &self.lease.store().blob_path(&digest),
        )?;
        self.files.remove()?;
        // The lock file goes while the lock is held. Who waits for it has the old file open, takes
        // that lock and finds the blob complete.
        let _ = fs::remove_file(&self.files.lock);
        Ok(Stored {
            digest,
            size,
            existed: false,
        })
    }
}

/// Writes the journal anew, so that a torn end never stands before new lines.
fn rewrite(files: &Files, store: &Store, journal: &Journal) -> Result<File, Error> {
    let mut content = journal.header();
    let mut at = 0;
    for gap in journal.missing() {
        if at < gap.start {
            content.push_str(&Journal::record(&(at..gap.start)));
        }
        at = gap.end;
    }
    if at < journal.size {
        content.push_str(&Journal::record(&(at..journal.size)));
    }
    durable::replace(&files.journal, &store.own("ingest"), content.as_bytes())?;
    File::options()
        .append(true)
        .open(&files.journal)
        .at("open", &files.journal)
}

impl Store {
    /// The partial blobs, sorted by digest. One that is being downloaded right now is among them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn partials(&self) -> Result<Vec<PartialStatus>, Error> {
        let directory = self.own("partials");
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory).at("read", &directory)? {
            let path = entry.at("read", &directory)?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != "journal")
            {
                continue;
            }
            // It may be finished between the listing and the look into it.
            let (Ok(content), Ok(metadata)) = (fs::read(&path), fs::metadata(&path)) else {
                continue;
            };
            let Some(journal) = Journal::parse(&content) else {
                continue;
            };
            found.push(PartialStatus {
                digest: journal.digest,
                size: journal.size,
                done: journal.done(),
                changed: metadata.modified().at("read", &path)?,
                wanted_by: journal.wanted_by,
            });
        }
        found.sort_by_key(|partial| partial.digest);
        Ok(found)
    }
}
