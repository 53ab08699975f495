//! Blobs that are being downloaded, kept across interruptions.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use modelpack_spec::{Digest, Hasher};

use crate::blob::move_into_place;
use crate::error::IoContext;
use crate::ingest::preallocate;
use crate::journal::Journal;
use crate::layout::{Lock, hash_prefix, hash_range};
use crate::{Error, Lease, Stored, durable};

mod files;

pub(crate) use files::Files;
pub use files::PartialStatus;

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
    /// Length of the journal's file up to the end of its last whole line.
    log_end: u64,
    journal: Journal,
    /// Hash of the first `hashed` bytes, which are on disk.
    hasher: Hasher,
    hashed: u64,
    resumed: bool,
    lock: Lock,
}

impl Partial {
    /// Begins or continues a partial blob that `lock` gives to this caller alone.
    pub(crate) fn acquire(
        lease: &Lease,
        digest: &Digest,
        size: u64,
        wanted_by: &str,
        lock: impl FnOnce(&Files) -> Result<Lock, Error>,
    ) -> Result<Acquired, Error> {
        if let Some(stored) = find_complete(lease, digest, size)? {
            return Ok(Acquired::Complete(stored));
        }
        let files = Files::new(lease.store(), digest);
        let lock = lock(&files)?;
        // Who had it before may have finished it.
        if let Some(stored) = find_complete(lease, digest, size)? {
            files.unlock(lock)?;
            return Ok(Acquired::Complete(stored));
        }
        let known = files
            .load(digest)
            .map(|(journal, _)| journal)
            .filter(|journal| journal.size == size);
        let resumed = known.as_ref().is_some_and(|journal| journal.done() > 0);
        let (journal, data) = match known {
            Some(journal) => {
                let data = File::options().read(true).write(true).open(&files.data);
                (journal, data.at("open", &files.data)?)
            }
            None => {
                files.remove()?;
                let data = File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&files.data)
                    .at("create", &files.data)?;
                if let Err(error) = preallocate(&data, size, &files.data) {
                    files.remove()?;
                    files.unlock(lock)?;
                    return Err(error);
                }
                (Journal::new(*digest, size, wanted_by), data)
            }
        };
        // Written anew, so that a torn end never stands before new lines.
        let text = journal.text();
        durable::replace(
            &files.journal,
            &lease.store().own("ingest"),
            text.as_bytes(),
        )?;
        let log = File::options()
            .write(true)
            .open(&files.journal)
            .at("open", &files.journal)?;
        // The one time that bytes of an earlier process are read again.
        let hashed = journal.frontier();
        let hasher =
            hash_prefix(&data, digest.algorithm(), hashed, |_| Ok(())).at("read", &files.data)?;
        Ok(Acquired::Partial(Self {
            lease: lease.clone(),
            files,
            data,
            log,
            log_end: text.len() as u64,
            journal,
            hasher,
            hashed,
            resumed,
            lock,
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

    /// Bytes that are recorded from the beginning without a gap.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        self.journal.frontier()
    }

    /// Bytes that are recorded in all.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.journal.done()
    }

    /// What is still to be downloaded, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<Range<u64>> {
        self.journal.missing()
    }

    /// Writes bytes at their place. Bytes that come in order are hashed on the way; after an error
    /// the same call may be repeated.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when they reach beyond the end; [`Error::NoSpace`], [`Error::Io`].
    pub fn write_at(&mut self, offset: u64, content: &[u8]) -> Result<(), Error> {
        let end = offset.saturating_add(content.len() as u64);
        self.check_end(end)?;
        if offset < self.hashed {
            self.forget_hash();
        }
        self.data
            .write_all_at(content, offset)
            .at("write", &self.files.data)?;
        if offset == self.hashed {
            self.hasher.update(content);
            self.hashed = end;
        }
        Ok(())
    }

    /// Confirms that a range is written: syncs the data, then says so in the journal. To confirm
    /// what was not written costs the whole download, since [`Self::finish`] will refuse it.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when the range reaches beyond the end; [`Error::NoSpace`],
    /// [`Error::Io`].
    pub fn record(&mut self, range: Range<u64>) -> Result<(), Error> {
        self.check_end(range.end)?;
        if range.is_empty() {
            return Ok(());
        }
        self.data.sync_data().at("sync", &self.files.data)?;
        let line = Journal::record(&range);
        self.log
            .write_all_at(line.as_bytes(), self.log_end)
            .at("write", &self.files.journal)?;
        self.log.sync_data().at("sync", &self.files.journal)?;
        self.log_end += line.len() as u64;
        self.journal.add(range);
        Ok(())
    }

    /// Verifies the whole and keeps it as it is, so that damage can be looked for and repaired.
    /// Reads only what did not arrive in order.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when bytes are missing, [`Error::DigestMismatch`].
    pub fn verify(&mut self) -> Result<(), Error> {
        let (digest, size) = (*self.digest(), self.size());
        if self.done() != size {
            return Err(self.wrong_size(self.done()));
        }
        let from = self.hashed;
        let mut hasher = self.forget_hash();
        hash_range(&self.data, &mut hasher, from..size, |_| Ok(())).at("read", &self.files.data)?;
        let actual = hasher.finish();
        if actual != digest {
            return Err(Error::DigestMismatch {
                expected: digest,
                actual,
            });
        }
        Ok(())
    }

    /// Verifies the whole and makes it a blob.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when bytes are missing, which keeps what is there;
    /// [`Error::DigestMismatch`], which removes everything, since no byte of it can be trusted.
    pub fn finish(mut self) -> Result<Stored, Error> {
        match self.verify() {
            Err(error @ Error::DigestMismatch { .. }) => {
                self.discard()?;
                return Err(error);
            }
            verified => verified?,
        }
        let (digest, size) = (*self.digest(), self.size());
        // The lease lists the blob since it was asked for.
        let blob = self.lease.store().blob_path(&digest);
        move_into_place(&self.files.data, &self.data, &blob)?;
        self.discard()?;
        Ok(Stored {
            digest,
            size,
            existed: false,
        })
    }

    /// Throws it away.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(self) -> Result<(), Error> {
        self.files.remove()?;
        self.files.unlock(self.lock)
    }

    fn forget_hash(&mut self) -> Hasher {
        self.hashed = 0;
        let algorithm = self.digest().algorithm();
        std::mem::replace(&mut self.hasher, Hasher::new(algorithm))
    }

    fn check_end(&self, end: u64) -> Result<(), Error> {
        if end > self.size() {
            return Err(self.wrong_size(end));
        }
        Ok(())
    }

    fn wrong_size(&self, actual: u64) -> Error {
        wrong_size(self.digest(), self.size(), actual)
    }
}

fn wrong_size(digest: &Digest, expected: u64, actual: u64) -> Error {
    Error::SizeMismatch {
        what: format!("blob {digest}"),
        expected,
        actual,
    }
}

/// The blob, when it is in the store with the right size. With another one, either who promised the
/// size is wrong, or the blob was damaged, and then it has to be downloaded again.
fn find_complete(lease: &Lease, digest: &Digest, size: u64) -> Result<Option<Stored>, Error> {
    let Some(found) = lease.protect(digest)? else {
        return Ok(None);
    };
    if found != size {
        if lease.store().is_damaged(digest)? {
            return Ok(None);
        }
        return Err(wrong_size(digest, size, found));
    }
    Ok(Some(Stored {
        digest: *digest,
        size,
        existed: true,
    }))
}
