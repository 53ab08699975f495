//! Blobs that are being downloaded, kept across interruptions.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;

use modelpack_spec::Digest;

use crate::blob::move_into_place;
use crate::error::IoContext;
use crate::ingest::preallocate;
use crate::journal::Journal;
use crate::layout::Lock;
use crate::{Error, Lease, Stored, durable};

mod files;
mod recorder;
mod shared;

pub(crate) use files::Files;
pub use files::PartialStatus;
use recorder::Recorder;
use shared::Shared;

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
/// Bytes may be written in any order and from any number of threads. What [`Self::record`] has
/// confirmed survives a crash and a power loss; the rest is downloaded again. The hash goes along in
/// the journal, so that no byte is hashed twice by the next process either.
#[derive(Debug)]
pub struct Partial {
    lease: Lease,
    files: Files,
    shared: Arc<Shared>,
    recorder: Arc<Recorder>,
    followers: Vec<JoinHandle<()>>,
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
            files.unlock(&lock)?;
            return Ok(Acquired::Complete(stored));
        }
        let known = files
            .load(digest)
            .map(|(journal, _)| journal)
            .filter(|journal| journal.size == size);
        let resumed = known
            .as_ref()
            .is_some_and(|journal| !journal.done.is_empty());
        let is_new = known.is_none();
        let (journal, data) = match known {
            Some(mut journal) => {
                journal.want(wanted_by);
                let data = File::options().read(true).write(true).open(&files.data);
                (journal, data.at("open", &files.data)?)
            }
            None => {
                if files.size().is_some() {
                    files.remove()?;
                    // An old journal must never be found beside new data.
                    files
                        .data
                        .parent()
                        .map_or(Ok(()), durable::sync_directory)?;
                }
                let data = File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&files.data)
                    .at("create", &files.data)?;
                if let Err(error) = preallocate(&data, size, &files.data) {
                    files.remove()?;
                    files.unlock(&lock)?;
                    return Err(error);
                }
                (Journal::new(*digest, size, wanted_by), data)
            }
        };
        // Written anew, so that a torn end never stands before new lines.
        let text = journal.text();
        let scratch = lease.store().own("ingest");
        if let Err(error) = durable::replace(&files.journal, &scratch, text.as_bytes()) {
            // On a full disk above all, room that nobody can use must not stay taken.
            if is_new {
                files.remove()?;
                files.unlock(&lock)?;
            }
            return Err(error);
        }
        let log = File::options()
            .write(true)
            .open(&files.journal)
            .at("open", &files.journal)?;
        let recorder = Recorder::new(log, files.journal.clone(), text.len() as u64, &journal);
        let shared = Shared::new(data, files.data.clone(), journal);
        Ok(Acquired::Partial(Self {
            lease: lease.clone(),
            files,
            shared: Arc::new(shared),
            recorder: Arc::new(recorder),
            followers: Vec::new(),
            resumed,
            lock,
        }))
    }

    /// Digest of the whole blob.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.shared.digest
    }

    /// Size of the whole blob in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.size
    }

    /// Whether an earlier download left bytes that are used now.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Bytes that are written from the beginning without a gap.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        self.shared.state().written.frontier()
    }

    /// Bytes that are written in all.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.shared.state().written.len()
    }

    /// What is still to be downloaded, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<Range<u64>> {
        self.shared.state().written.gaps(0..self.size())
    }

    /// Writes bytes at their place. Those that are written already, or are being written by another
    /// thread, are passed over: what was hashed is never changed. After an error the same call may be
    /// repeated.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when they reach beyond the end; [`Error::NoSpace`], [`Error::Io`].
    pub fn write_at(&self, offset: u64, content: &[u8]) -> Result<(), Error> {
        self.shared.write_at(offset, content)
    }

    /// Compares bytes with those that are written and puts them in their place; says whether they
    /// differ. For a blob that [`Self::verify`] has found wrong.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when they reach beyond the end; [`Error::NoSpace`], [`Error::Io`].
    pub fn repair_at(&mut self, offset: u64, content: &[u8]) -> Result<bool, Error> {
        self.shared.end_following(false);
        self.join();
        let forget_hash = || self.recorder.forget_hash(&self.shared);
        self.shared.repair_at(offset, content, forget_hash)
    }

    /// Hashes and records on two threads of its own from now on, while bytes arrive. For blobs that
    /// are large enough for a thread to be worth it; without this, bytes are hashed as they are
    /// written, and recorded by [`Self::record`] alone.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no more threads.
    pub fn follow(&mut self) -> Result<(), Error> {
        if !self.followers.is_empty() {
            return Ok(());
        }
        self.shared.begin_following();
        let shared = Arc::clone(&self.shared);
        let hash = move || shared.follow();
        self.followers.push(self.spawn("modelpack-hash", hash)?);
        let (shared, recorder) = (Arc::clone(&self.shared), Arc::clone(&self.recorder));
        let record = move || recorder.follow(&shared);
        self.followers.push(self.spawn("modelpack-record", record)?);
        Ok(())
    }

    fn spawn(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, Error> {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .at("start a thread for", &self.files.data)
    }

    /// Confirms everything that is written so far: syncs the data, then says so in the journal.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Io`].
    pub fn record(&self) -> Result<(), Error> {
        self.recorder.record(&self.shared)
    }

    /// Verifies the whole and keeps it as it is, so that damage can be looked for and repaired. Reads
    /// only what is not hashed yet.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when bytes are missing, [`Error::DigestMismatch`].
    pub fn verify(&mut self) -> Result<(), Error> {
        self.shared.end_following(false);
        self.join();
        self.shared.verify()
    }

    /// Verifies the whole and makes it a blob.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] when bytes are missing, which keeps what is there;
    /// [`Error::DigestMismatch`], which removes everything, since no byte of it can be trusted;
    /// [`Error::Io`], also when the disk has failed to take bytes earlier, which keeps what is recorded.
    pub fn finish(mut self) -> Result<Stored, Error> {
        match self.verify() {
            Err(error @ Error::DigestMismatch { .. }) => {
                self.discard()?;
                return Err(error);
            }
            verified => verified?,
        }
        self.recorder.check_synced()?;
        let (digest, size) = (*self.digest(), self.size());
        // The lease lists the blob since it was asked for.
        let blob = self.lease.store().blob_path(&digest);
        move_into_place(&self.files.data, &self.shared.data, &blob)?;
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
    pub fn discard(mut self) -> Result<(), Error> {
        self.shared.end_following(true);
        self.join();
        self.files.remove()?;
        self.files.unlock(&self.lock)
    }

    fn join(&mut self) {
        for follower in self.followers.drain(..) {
            // A follower that panicked has hashed or recorded less, which `verify` and the next process
            // make up for.
            let _ = follower.join();
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // The lock must not be free while a thread still writes into the journal.
        self.shared.end_following(true);
        self.join();
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

fn wrong_size(digest: &Digest, expected: u64, actual: u64) -> Error {
    Error::SizeMismatch {
        what: format!("blob {digest}"),
        expected,
        actual,
    }
}

#[cfg(test)]
mod tests;
