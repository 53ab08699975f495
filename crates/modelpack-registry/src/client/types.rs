//! What operations give back.

use modelpack_spec::{AnyManifest, Digest, MediaType, Repository};
use url::Url;

use crate::name::Name;

/// A manifest as it was received.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchedManifest {
    /// The document with its exact bytes.
    pub manifest: AnyManifest,
    /// Digest of the bytes; of the algorithm that was asked for, else SHA-256.
    pub digest: Digest,
    /// The type that it was served as.
    pub media_type: MediaType,
}

/// What a registry says about a manifest; nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestStat {
    /// Its digest, when the registry states one that can be verified.
    pub digest: Option<Digest>,
    /// Its type.
    pub media_type: MediaType,
    /// Its size in bytes, when the registry states it.
    pub size: Option<u64>,
}

/// What a registry says about a blob; nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobStat {
    /// Its size in bytes, when the registry states it.
    pub size: Option<u64>,
}

/// What came out of asking for a mount.
#[derive(Debug)]
#[non_exhaustive]
pub enum Mount {
    /// The blob is there.
    Mounted,
    /// The registry wants the blob itself and has opened an upload for it.
    Upload(Upload),
}

/// A blob that a repository is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobToPush {
    /// Its digest. It is not computed again: the registry checks it.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Other repositories of the same registry that probably have it, the likeliest first. Only the first
    /// few are tried. When none is named, the registry is asked to look for it itself.
    pub known_in: Vec<Repository>,
}

impl BlobToPush {
    /// A blob that is known nowhere.
    #[must_use]
    pub fn new(digest: Digest, size: u64) -> Self {
        Self {
            digest,
            size,
            known_in: Vec::new(),
        }
    }

    /// The same blob, probably in these repositories.
    #[must_use]
    pub fn known_in(mut self, repositories: impl IntoIterator<Item = Repository>) -> Self {
        self.known_in.extend(repositories);
        self
    }
}

/// How a blob got to where it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It was there.
    Exists,
    /// The registry has taken it over from another repository.
    Mounted,
    /// Its bytes were sent.
    Uploaded,
}

/// An upload that a registry has opened, at the place that it named.
#[derive(Debug, Clone)]
pub struct Upload {
    pub(crate) name: Name,
    pub(crate) digest: Digest,
    pub(crate) location: Url,
}
