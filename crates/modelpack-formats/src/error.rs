//! Why a weight file cannot be read.

use std::io;

/// Why a weight file, or a set of them, cannot be read.
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
    /// The header of a file that is fetched piece by piece lies in too many places.
    #[error("the header lies in more than {pieces} places of the file")]
    TooScattered {
        /// How many were looked at.
        pieces: usize,
    },
    /// Files of a set that is split are not there.
    #[error("{} of {expected} files of `{set}` are missing: {}", missing.len(), list(missing))]
    ShardsMissing {
        /// What the names of the files have in common.
        set: String,
        /// How many files there should be.
        expected: u64,
        /// Those that are not there, at most 20 of them.
        missing: Vec<String>,
    },
    /// Files that are named like one set do not belong together.
    #[error("`{second}` does not belong to `{first}`: {reason}")]
    ShardsDiffer {
        /// A file of the set.
        first: String,
        /// The file that does not fit.
        second: String,
        /// How they differ.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot read the file")]
    Io(#[source] io::Error),
}

/// Names for a message, not too many.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
