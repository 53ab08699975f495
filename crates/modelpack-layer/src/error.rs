//! Why files could not become a layer, or a layer files.

use std::io;

use modelpack_spec::{Digest, FilePath};

/// Why files could not become a layer, or a layer files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry of an archive is refused: it could write outside of its directory, or is no plain file.
    #[error("refused the entry `{}`: {reason}", entry.escape_debug())]
    UnsafeEntry {
        /// Name of the entry, as it stands in the archive.
        entry: String,
        /// Why.
        reason: String,
    },
    /// Something in the directory is in the way: a link or file where a directory is needed, a
    /// directory or special file where a file is.
    #[error("cannot write `{path}`: {reason}")]
    Blocked {
        /// The file that should have been written.
        path: FilePath,
        /// What is in the way.
        reason: &'static str,
    },
    /// A limit was reached, which is what decompression bombs do.
    #[error("the layer is over the limit of {limit} {what}")]
    OverLimit {
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The archive cannot be read.
    #[error("the archive is damaged{}: {reason}", entry.as_ref().map(|entry| format!(" at `{}`", entry.escape_debug())).unwrap_or_default())]
    Damaged {
        /// The entry, when it is known.
        entry: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// The bytes do not have the promised digest. Nothing of them was kept.
    #[error("content has digest {actual}, expected {expected}")]
    DigestMismatch {
        /// What was promised.
        expected: Digest,
        /// What was read.
        actual: Digest,
    },
    /// There are more or fewer bytes than promised. Nothing of them was kept.
    #[error("content has {actual} bytes, expected {expected}")]
    SizeMismatch {
        /// What was promised.
        expected: u64,
        /// What was read; reading stops one byte after too many.
        actual: u64,
    },
    /// A file was longer or shorter than announced, so it changed while it was read.
    #[error("`{path}` changed while it was being read")]
    FileChanged {
        /// The file.
        path: FilePath,
    },
    /// The encoding needs a cargo feature that this build does not have.
    #[error("this build cannot read or write `{encoding}` layers")]
    UnsupportedEncoding {
        /// The encoding.
        encoding: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl ToString,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            action,
            path: path.to_string(),
            source: source.into(),
        }
    }

    /// Refuses an entry for what the vocabulary says about its path.
    pub(crate) fn unsafe_entry(entry: &str, error: &modelpack_spec::Error) -> Self {
        let reason = match error {
            modelpack_spec::Error::InvalidPath { reason, .. } => (*reason).to_owned(),
            modelpack_spec::Error::PathCollision { other, reason, .. } => {
                format!("it collides with `{other}`: {reason}")
            }
            other => other.to_string(),
        };
        Self::UnsafeEntry {
            entry: entry.to_owned(),
            reason,
        }
    }

    /// Whether bytes are not what was promised.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        matches!(
            self,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::Damaged { .. }
        )
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
