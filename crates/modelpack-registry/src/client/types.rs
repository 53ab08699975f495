//! What operations give back.

use modelpack_spec::{AnyManifest, Digest, MediaType};
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

/// An upload that a registry has opened, at the place that it named.
#[derive(Debug, Clone)]
pub struct Upload {
    pub(crate) name: Name,
    pub(crate) digest: Digest,
    pub(crate) location: Url,
}
