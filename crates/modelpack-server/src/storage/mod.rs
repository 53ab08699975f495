//! What a registry needs from the place where it keeps things.

mod disk;
mod memory;

pub use disk::DiskStorage;
pub use memory::MemoryStorage;

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Algorithm, Descriptor, Digest, MediaType, Repository, Tag};

use crate::Error;

/// Where a registry keeps blobs, manifests and tags.
///
/// Calls block; the registry makes them where blocking is allowed. Every call names the repository:
/// content is visible only in repositories to which it was uploaded, mounted or pushed, whatever else
/// the storage holds. What a call has finished is seen by every later call at once.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Size of a blob in bytes, if it is visible in the repository. A client that hears of it may
    /// leave out its upload, so a storage that collects garbage keeps the blob for a while.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn blob_size(&self, repository: &Repository, digest: &Digest) -> Result<Option<u64>, Error>;

    /// Opens a blob that is visible in the repository.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<Box<dyn Content>>, Error>;

    /// Takes a blob out of the repository; other repositories keep it. `false` when it was not there.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Storage`].
    fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error>;

    /// Makes a blob that is visible in another repository visible in this one too. `false` when
    /// there is none, or when the storage would not look.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn mount_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: MountSource<'_>,
    ) -> Result<bool, Error>;

    /// Begins an upload. The algorithm is the one in which its digest is expected; it may come in
    /// another one, at the price of one more pass.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    fn begin_upload(
        &self,
        repository: &Repository,
        algorithm: Algorithm,
    ) -> Result<Box<dyn Upload>, Error>;

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn manifest(
        &self,
        repository: &Repository,
        reference: &TagOrDigest,
    ) -> Result<Option<StoredManifest>, Error>;

    /// Stores a manifest and makes all tags point to it. The registry has checked it.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
        tags: &[Tag],
    ) -> Result<(), Error>;

    /// Stores a manifest that another registry has under this tag, makes the tag point to it and
    /// remembers that it came from there: [`is_fetched`](Self::is_fetched) says so from then on. Nothing
    /// happens, and the answer is `false`, when the tag does not point to `instead_of` any more; what
    /// somebody pushed meanwhile wins.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    fn put_fetched(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
        tag: &Tag,
        instead_of: Option<&Digest>,
    ) -> Result<bool, Error>;

    /// Whether the tag is as [`put_fetched`](Self::put_fetched) left it, so that another registry
    /// decides where it points. One that was pushed since, or never fetched, is not.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn is_fetched(&self, repository: &Repository, tag: &Tag) -> Result<bool, Error>;

    /// Removes a tag; its manifest stays readable by digest. `false` when there is no such tag.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Storage`].
    fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<bool, Error>;

    /// Removes a manifest and every tag on it. `false` when it was not there.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Storage`].
    fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error>;

    /// At most `limit` tags that sort after the text `after`, in ASCII order. `None` when the
    /// repository is not known.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn tags(
        &self,
        repository: &Repository,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, Error>;

    /// Descriptors of the manifests whose subject is this digest, in the form of the referrers list
    /// and in a stable order.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error>;

    /// Frees what no manifest, no running upload and no client needs that was told of it lately. Safe
    /// beside everything else that goes on.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn collect_garbage(&self) -> Result<Garbage, Error>;

    /// Whether the storage can be used at all, for health checks.
    ///
    /// # Errors
    /// [`Error::Storage`].
    fn check_health(&self) -> Result<(), Error>;
}

/// Where a mount looks for its blob.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum MountSource<'a> {
    /// In this repository.
    Repository(&'a Repository),
    /// In every repository for which this says yes.
    Any(&'a dyn Fn(&Repository) -> bool),
}

impl fmt::Debug for MountSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repository) => f.debug_tuple("Repository").field(repository).finish(),
            Self::Any(_) => f.debug_tuple("Any").finish_non_exhaustive(),
        }
    }
}

/// What a garbage collection freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Garbage {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A manifest as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredManifest {
    /// The media type under which it was pushed.
    pub media_type: MediaType,
    /// Its digest, in the algorithm under which it was pushed.
    pub digest: Digest,
    /// The exact bytes.
    pub bytes: Bytes,
}

impl StoredManifest {
    /// A manifest with the digest that names it.
    #[must_use]
    pub fn new(media_type: MediaType, digest: Digest, bytes: Bytes) -> Self {
        Self {
            media_type,
            digest,
            bytes,
        }
    }

    /// A descriptor of it.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            self.digest,
            self.bytes.len() as u64,
        )
    }
}

/// A blob that is open for reading.
pub trait Content: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Reads bytes from `offset` on into `buffer`, at least one unless the content ends there.
    ///
    /// # Errors
    /// Those of the operating system.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A blob that is being uploaded. Dropping it gives it up.
pub trait Upload: Send {
    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Opens what was added for reading, while more is added. What comes from an
    /// [`Upstream`](crate::Upstream) is handed on to clients as it arrives through this; without it, which is
    /// the default, they wait until all of it is there.
    ///
    /// Every byte for which [`append`](Self::append) has returned can be read, also when the upload was
    /// committed or given up since. Only such bytes are asked for, so [`Content::size`] may be any number in
    /// between.
    fn reader(&self) -> Option<Arc<dyn Content>> {
        None
    }

    /// Makes the blob visible in the repository of the upload, if it has this digest.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::NoSpace`], [`Error::Storage`]; nothing is visible then.
    fn commit(self: Box<Self>, digest: &Digest) -> Result<(), Error>;
}
