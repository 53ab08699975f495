//! Why a text or document is not a valid value of this vocabulary.

use crate::Digest;

/// Why a text or document was refused.
///
/// Every variant carries the text that was refused, so that a message needs no further context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no digest of the form `algorithm:hex`.
    #[error("invalid digest `{text}`: {reason}")]
    InvalidDigest {
        /// What was read.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A well-formed digest of an algorithm that cannot be verified here.
    #[error(
        "digest `{text}` uses the algorithm `{algorithm}`, which is not supported (sha256 and sha512 are)"
    )]
    UnsupportedAlgorithm {
        /// What was read.
        text: String,
        /// The part before the colon.
        algorithm: String,
    },
    /// The text is no fully qualified reference.
    #[error("invalid reference `{text}`: {reason}")]
    InvalidReference {
        /// What was read.
        text: String,
        /// What is wrong with it, and where that helps, what was probably meant.
        reason: String,
    },
    /// The path could leave its directory, or cannot exist on every system.
    #[error("unsafe path `{}`: {reason}", path.escape_debug())]
    InvalidPath {
        /// What was read.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two paths of one artifact cannot both exist in a directory.
    #[error("path `{path}` collides with `{other}`: {reason}")]
    PathCollision {
        /// The path that came second.
        path: String,
        /// The path that was there before.
        other: String,
        /// Why they cannot both exist.
        reason: &'static str,
    },
    /// The text is no RFC 3339 date and time.
    #[error("invalid time `{text}`: expected RFC 3339, such as 2026-01-31T12:00:00Z")]
    InvalidTimestamp {
        /// What was read.
        text: String,
    },
    /// The document is not JSON of the expected shape.
    #[error("invalid {document}: {reason}")]
    InvalidDocument {
        /// Which kind of document was expected.
        document: &'static str,
        /// What is wrong with it; line and column where the JSON parser gave them.
        reason: String,
    },
    /// The document is larger than its limit.
    #[error("{document} of {size} bytes is over the limit of {limit} bytes")]
    DocumentTooLarge {
        /// Which kind of document it is.
        document: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The artifact is no model in any dialect that is known here.
    #[error("it is no model artifact but {actual}")]
    NotAModel {
        /// What it is.
        actual: String,
    },
    /// Something cannot be written in the other dialect.
    #[error("{what} cannot be converted: {reason}")]
    Inconvertible {
        /// What it is.
        what: String,
        /// Why not, and what to do instead where that is known.
        reason: String,
    },
    /// The bytes are not those that were asked for.
    #[error("{document} has digest {actual}, expected {expected}")]
    DigestMismatch {
        /// Which kind of document it is.
        document: &'static str,
        /// What was promised.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
    },
}

impl Error {
    /// Whether bytes differ from what was promised.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        matches!(self, Self::DigestMismatch { .. })
    }
}
