//! Why the store refused or failed.

use std::io;
use std::path::{Path, PathBuf};

use modelpack_spec::{Digest, Reference};

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no store at this path.
    #[error("{} is no store", path.display())]
    NotAStore {
        /// The path.
        path: PathBuf,
    },
    /// The store was written by a later version of this library and was left alone.
    #[error("the store {} has version {found}, this program knows up to {known}", path.display())]
    NewerStore {
        /// The path.
        path: PathBuf,
        /// Version of the store.
        found: u64,
        /// Newest version that this library can use.
        known: u64,
    },
    /// A document of the store itself cannot be read.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `index.json` has, or would get, so many names that it is over its limit.
    #[error("{} is over its limit of {limit} bytes", path.display())]
    TooManyNames {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The blob is not in the store.
    #[error("blob {digest} is not in the store")]
    UnknownBlob {
        /// Its digest.
        digest: Digest,
    },
    /// The reference is not in the store.
    #[error("{reference} is not in the store")]
    UnknownReference {
        /// What was asked for.
        reference: Reference,
    },
    /// A reference without tag and digest names no single artifact.
    #[error("{reference} has neither a tag nor a digest")]
    NoSelector {
        /// What was given.
        reference: Reference,
    },
    /// The digest in the reference is not the digest of what should get that name.
    #[error("{reference} cannot name {actual}")]
    PinMismatch {
        /// What was given.
        reference: Reference,
        /// Digest of the content.
        actual: Digest,
    },
    /// Bytes do not have the digest that they should have.
    #[error("blob {expected} has digest {actual}")]
    DigestMismatch {
        /// What was promised.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
    },
    /// Content is longer or shorter than promised.
    #[error("{what} has {actual} bytes, expected {expected}")]
    SizeMismatch {
        /// Which content.
        what: String,
        /// Promised size in bytes.
        expected: u64,
        /// Actual size in bytes.
        actual: u64,
    },
    /// The blob is larger than the caller is ready to hold in memory.
    #[error("blob {digest} has {size} bytes, over the limit of {limit}")]
    TooLarge {
        /// Its digest.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The path is a directory, device or pipe.
    #[error("{} is no regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file changed while it was being read; nothing of it was kept.
    #[error("{} changed while it was being read", path.display())]
    FileChanged {
        /// The path.
        path: PathBuf,
    },
    /// Somebody else is downloading this blob; ask again or wait.
    #[error("blob {digest} is being downloaded by someone else")]
    Busy {
        /// Its digest.
        digest: Digest,
    },
    /// The disk is full.
    #[error("no space left at {}", path.display())]
    NoSpace {
        /// Where the bytes should have gone.
        path: PathBuf,
        /// Bytes that were asked for, where that is known.
        needed: Option<u64>,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    /// Names the action and file of an error of the operating system; a full disk gets its own variant.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            return Self::NoSpace {
                path: path.to_owned(),
                needed: None,
            };
        }
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Says how many bytes a full disk could not take.
    pub(crate) fn needing(mut self, bytes: u64) -> Self {
        if let Self::NoSpace { needed, .. } = &mut self {
            *needed = Some(bytes);
        }
        self
    }

    /// Whether something that was asked for is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::UnknownBlob { .. } | Self::UnknownReference { .. }
        )
    }

    /// Whether bytes are not what was promised.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        matches!(
            self,
            Self::DigestMismatch { .. }
                | Self::SizeMismatch { .. }
                | Self::Damaged { .. }
                | Self::PinMismatch { .. }
        )
    }

    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }
}

/// Adds action and file to an error of the operating system.
pub(crate) trait IoContext<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::io(action, path, source))
    }
}

impl<T> IoContext<T> for rustix::io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|errno| Error::io(action, path, errno.into()))
    }
}

#[cfg(test)]
mod tests;
