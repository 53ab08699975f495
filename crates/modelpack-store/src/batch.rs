//! Many small blobs that become visible together, so that the disk is waited for once and not for each.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use modelpack_spec::Digest;

use crate::blob::{BLOB_MODE, BlobWriter, Scratch, publish};
use crate::error::IoContext;
use crate::{Adopt, Error, Ingested, Lease, Stored, durable};

/// Blobs up to this size, in bytes, wait for others. Of a larger one the sync costs less than its bytes.
const MAX_BYTES: u64 = 1024 * 1024;
/// So many blobs wait at most. Each is an open file, of which a process may have some hundred.
const MAX_WAITING: usize = 128;
/// Fewer are synced one by one: to sync the whole file system waits for what other programs have written.
const MIN_TOGETHER: usize = 8;

/// Many small blobs that become visible together.
///
/// The promise is that of single blobs: none has its name before all of its bytes are on disk. Only the
/// moment is another one: a blob that was added is there when [`Self::finish`] has returned. What waits
/// when the batch is dropped is removed.
#[derive(Debug)]
pub struct Batch {
    lease: Lease,
    waiting: Mutex<Vec<Waiting>>,
    /// Held while blobs get their names, so that whoever finishes the batch waits for them.
    publishing: Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    scratch: Scratch,
    file: File,
    digest: Digest,
    size: u64,
}

impl Lease {
    /// Begins a batch of small blobs.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch {
            lease: self.clone(),
            waiting: Mutex::default(),
            publishing: Mutex::default(),
        }
    }
}

impl Batch {
    /// The lease that the blobs belong to.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Like [`Lease::ingest_file`]; a small file is there after [`Self::finish`].
    ///
    /// # Errors
    /// Those of [`Lease::ingest_file`], also for files that were added before.
    pub fn ingest_file(
        &self,
        path: &Path,
        adopt: Adopt,
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<Ingested, Error> {
        self.lease.ingest_into(path, adopt, progress, Some(self))
    }

    /// Like [`BlobWriter::commit_expecting`]; a small blob is there after [`Self::finish`].
    ///
    /// # Errors
    /// Those of [`BlobWriter::commit_expecting`], also for blobs that were added before.
    pub fn commit_expecting(
        &self,
        writer: BlobWriter,
        digest: &Digest,
        size: u64,
    ) -> Result<Stored, Error> {
        let (scratch, file) = writer.verified(digest, size)?;
        self.publish(scratch, file, digest, size)
    }

    /// Makes everything visible that was added.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn finish(&self) -> Result<(), Error> {
        // Taken under the lock: whoever comes second must not return before these have their names.
        let _publishing = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut *self.waiting());
        self.publish_all(waiting)
    }

    /// Takes a complete, verified file; gives it its name at once when it is large.
    pub(crate) fn publish(
        &self,
        scratch: Scratch,
        file: File,
        digest: &Digest,
        size: u64,
    ) -> Result<Stored, Error> {
        if size > MAX_BYTES {
            return publish(&self.lease, scratch, &file, digest, size);
        }
        let mut stored = Stored {
            digest: *digest,
            size,
            existed: true,
        };
        if self.lease.protect(digest)? == Some(size) {
            return Ok(stored);
        }
        stored.existed = false;
        let is_full = {
            let mut waiting = self.waiting();
            waiting.push(Waiting {
                scratch,
                file,
                digest: *digest,
                size,
            });
            waiting.len() >= MAX_WAITING
        };
        if is_full {
            self.finish()?;
        }
        Ok(stored)
    }

    /// `publishing` is held.
    fn publish_all(&self, waiting: Vec<Waiting>) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let mut new = Vec::new();
        for blob in waiting {
            let is_there = self.lease.protect(&blob.digest)? == Some(blob.size);
            if !is_there && seen.insert(blob.digest) {
                new.push(blob);
            }
        }
        for Waiting {
            scratch,
            file,
            size,
            ..
        } in &new
        {
            let path = &scratch.path;
            if file.metadata().at("read", path)?.len() != *size {
                file.set_len(*size).at("write", path)?;
            }
            file.set_permissions(Permissions::from_mode(BLOB_MODE))
                .at("set the mode of", path)?;
        }
        if let Some(first) = new.first().filter(|_| new.len() >= MIN_TOGETHER) {
            write_back(&first.file);
        }
        // All of them before the first gets its name. After the above there is little left to do, and it is
        // this call that says whether the bytes of this file are on disk.
        for blob in &new {
            blob.file.sync_all().at("sync", &blob.scratch.path)?;
        }
        let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
        for blob in &new {
            let path = self.lease.store().blob_path(&blob.digest);
            fs::rename(&blob.scratch.path, &path).at("rename", &blob.scratch.path)?;
            self.lease.note_added(&blob.digest);
            directories.extend(path.parent().map(Path::to_owned));
        }
        directories
            .iter()
            .try_for_each(|directory| durable::sync_directory(directory))
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the file system write everything at once. It only makes what follows quick, so a failure is none.
#[cfg(target_os = "linux")]
fn write_back(file: &File) {
    let _ = rustix::fs::syncfs(file);
}

#[cfg(not(target_os = "linux"))]
fn write_back(_file: &File) {}
