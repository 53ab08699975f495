//! Why nothing could be judged.

use std::path::PathBuf;

/// Why nothing could be judged. What is wrong with an artifact is in the report, not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the layout cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The directory is no OCI image layout, or its index cannot be understood.
    #[error("`{}` is no OCI image layout", path.display())]
    NotALayout {
        /// The file that shows it.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A document is larger than any reader takes.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The layout has no manifest of that name.
    #[error("`{}` has no manifest `{reference}`; it has: {}", path.display(), known.join(", "))]
    NotFound {
        /// The layout.
        path: PathBuf,
        /// What was asked for.
        reference: String,
        /// Names that there are.
        known: Vec<String>,
    },
    /// The text names no artifact.
    #[error("`{target}` names no artifact: {reason}")]
    InvalidTarget {
        /// The text.
        target: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The artifact cannot be read from its registry.
    #[error("cannot read `{target}`: {reason}")]
    Unavailable {
        /// Where it should be.
        target: String,
        /// What the registry did instead of answering with it.
        reason: String,
    },
    /// No name was given and the layout does not hold exactly one manifest.
    #[error("`{}` holds {} manifests; name one of: {}", path.display(), known.len(), known.join(", "))]
    Ambiguous {
        /// The layout.
        path: PathBuf,
        /// Names that there are.
        known: Vec<String>,
    },
}

impl Error {
    /// Whether the layout has no manifest of that name.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
