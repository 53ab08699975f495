//! Leases: what a running operation needs, so that prune leaves it alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use modelpack_spec::{Algorithm, Descriptor, Digest, Document, OciDocument};

use crate::cache::KnownDigests;
use crate::error::IoContext;
use crate::layout::Lock;
use crate::partial::Files;
use crate::{Acquired, BlobWriter, Error, Partial, Store};

/// A running operation. Blobs that it stored or protected, and files that it is writing, survive
/// every prune until it and its clones are dropped or its process ends.
///
/// It is a file that lists digests and is locked as long as the operation lives; a lease whose file
/// can be locked by someone else belongs to a dead process.
#[derive(Debug, Clone)]
pub struct Lease {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    path: PathBuf,
    id: String,
    listed: Mutex<Listed>,
    added: Mutex<BTreeSet<Digest>>,
    next: AtomicU64,
    known: OnceLock<KnownDigests>,
}

#[derive(Debug)]
struct Listed {
    file: File,
    digests: BTreeSet<Digest>,
}

/// A blob that is in the store now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it had been there before.
    pub existed: bool,
}

impl Lease {
    pub(crate) fn begin(store: Store) -> Result<Self, Error> {
        let directory = store.own("leases");
        let sweep = store.lock_sweep(File::lock_shared)?;
        let (file, path) = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(12)
            .tempfile_in(&directory)
            .at("create a lease in", &directory)?
            .keep()
            .map_err(|error| Error::io("create a lease in", &directory, error.error))?;
        file.lock().at("lock", &path)?;
        drop(sweep);
        let id = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                path,
                id,
                listed: Mutex::new(Listed {
                    file,
                    digests: BTreeSet::new(),
                }),
                added: Mutex::default(),
                next: AtomicU64::new(0),
                known: OnceLock::new(),
            }),
        })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What is known of files that were hashed before, read once.
    #[must_use]
    pub fn known(&self) -> &KnownDigests {
        let store = &self.inner.store;
        self.inner.known.get_or_init(|| store.known_digests())
    }

    /// Protects a blob from prune and says its size when it is here. Protect first and act on the
    /// answer: between the two nothing can take the blob away.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn protect(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let _sweep = self.note(digest)?;
        self.inner.store.blob_size(digest)
    }

    /// Lists a digest in the lease; the lock keeps a sweep away while the caller acts on it.
    pub(crate) fn note(&self, digest: &Digest) -> Result<Lock, Error> {
        let sweep = self.inner.store.lock_sweep(File::lock_shared)?;
        let mut listed = self
            .inner
            .listed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !listed.digests.contains(digest) {
            // The leading line break ends a line that a full disk cut short.
            let line = format!("\n{digest}");
            listed
                .file
                .write_all(line.as_bytes())
                .at("write", &self.inner.path)?;
            listed.digests.insert(*digest);
        }
        Ok(sweep)
    }

    /// Remembers that a blob came into the store by this operation.
    pub(crate) fn note_added(&self, digest: &Digest) {
        let added = self.inner.added.lock();
        added
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(*digest);
    }

    /// Gives up a failed operation: removes the blobs that it wrote, but for those that a named
    /// manifest or another running operation needs. Downloads stay, finished or not, so that they
    /// need not come again.
    ///
    /// # Errors
    /// Those of [`Store::prune`]; what is left then is freed by the next prune.
    pub fn take_back(&self) -> Result<(), Error> {
        let added = std::mem::take(
            &mut *self
                .inner
                .added
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        self.inner.store.remove_unneeded(&added, &self.inner.id)
    }

    /// Begins a blob of which neither digest nor size is known yet.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn ingest(&self) -> Result<BlobWriter, Error> {
        self.ingest_with(Algorithm::Sha256)
    }

    /// Begins a blob that is named by another algorithm than SHA-256.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn ingest_with(&self, algorithm: Algorithm) -> Result<BlobWriter, Error> {
        BlobWriter::begin(self, algorithm)
    }

    /// A path for a file that is being written; prune knows by its name to whom it belongs.
    pub(crate) fn scratch_path(&self) -> PathBuf {
        let number = self.inner.next.fetch_add(1, Ordering::Relaxed);
        self.inner
            .store
            .own("ingest")
            .join(format!("{}-{number}", self.inner.id))
    }

    /// Stores bytes that are in memory.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn put(&self, content: &[u8]) -> Result<Stored, Error> {
        let mut writer = self.ingest()?;
        writer.append(content)?;
        writer.commit()
    }

    /// Stores a document under its own digest.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn put_document<T: OciDocument>(
        &self,
        document: &Document<T>,
    ) -> Result<Descriptor, Error> {
        let mut writer = self.ingest_with(document.digest().algorithm())?;
        writer.append(document.bytes())?;
        writer.commit_expecting(document.digest(), document.bytes().len() as u64)?;
        Ok(document.descriptor())
    }

    /// Continues or begins a partial download of a blob. Waits while another process or thread
    /// downloads the same one, and then finds it finished.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn partial(&self, digest: &Digest, size: u64, wanted_by: &str) -> Result<Acquired, Error> {
        Partial::acquire(self, digest, size, wanted_by, Files::lock)
    }

    /// Like [`Self::partial`], without waiting.
    ///
    /// # Errors
    /// [`Error::Busy`] while another process or thread downloads it; [`Error::Io`],
    /// [`Error::NoSpace`].
    pub fn try_partial(
        &self,
        digest: &Digest,
        size: u64,
        wanted_by: &str,
    ) -> Result<Acquired, Error> {
        Partial::acquire(self, digest, size, wanted_by, |files| {
            files.try_lock()?.ok_or(Error::Busy { digest: *digest })
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What is left behind by a crash or a failed removal is found by the next prune.
        let _ = std::fs::remove_file(&self.path);
    }
}
