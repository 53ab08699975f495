//! Why a weight file cannot be read.

use std::io;

/// Why a weight file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file begins like none of the formats that are known here.
    #[error("the file is in no known weight format")]
    UnknownFormat,
    /// The header contradicts itself or the file.
    #[error("invalid {format} header: {reason}")]
    Invalid {
        /// The format that the file claims to have.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A length in the header is over its limit.
    #[error("invalid {format} header: {what} of {found} is over the limit of {limit}")]
    OverLimit {
        /// The format that the file claims to have.
        format: &'static str,
        /// What is too large.
        what: &'static str,
        /// What the file says.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The file ends inside its header.
    #[error("the file ends inside its {format} header")]
    Truncated {
        /// The format that the file claims to have.
        format: &'static str,
    },
    /// The operating system refused.
    #[error("cannot read the file")]
    Io(#[source] io::Error),
}

impl Error {
    pub(crate) fn io(format: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { format },
            _ => Self::Io(error),
        }
    }
}
