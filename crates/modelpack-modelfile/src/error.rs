//! Why a Modelfile could not be generated, or a pattern is none.

use crate::diagnostic::Shown;

/// Why a Modelfile could not be generated, or a pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pattern is malformed.
    #[error("invalid pattern `{}`: {reason}", Shown(pattern))]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The pattern or path leads out of the work directory.
    #[error("`{}` is outside of the work directory: {reason}", Shown(pattern))]
    Outside {
        /// The pattern or path.
        pattern: String,
        /// What leads outside.
        reason: &'static str,
    },
    /// A name cannot be written in a Modelfile.
    #[error(
        "`{}` cannot be written in a Modelfile: it has a line break",
        Shown(name)
    )]
    Unwritable {
        /// The file name or value.
        name: String,
    },
    /// Nothing that would make a model was found.
    #[error("no model, code or dataset file among {files} files")]
    NothingFound {
        /// Number of files that were looked at.
        files: usize,
    },
    /// The files are more or larger than any model.
    #[error("{what} over the limit of {limit}")]
    OverLimit {
        /// What is over the limit.
        what: String,
        /// The limit, in bytes or files.
        limit: u64,
    },
}
