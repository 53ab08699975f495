//! Why an operation failed, by what the caller can do about it.

use std::path::PathBuf;

use modelpack_spec::{Digest, FilePath, Reference};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation failed.
///
/// Variants say what the caller can do; [`Self::hint`] says it in words. The questions
/// (`is_not_found` and so on) also look through the errors of the lower floors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The Modelfile has mistakes; `rendered` shows each with its line and a caret.
    #[error("{} cannot be used:\n{rendered}", file.display())]
    Modelfile {
        /// The file.
        file: PathBuf,
        /// All diagnostics, as text of several lines.
        rendered: String,
    },
    /// A line of the Modelfile names no file.
    #[error("line {line} of the Modelfile: `{pattern}` matches no file below {}", directory.display())]
    NothingMatches {
        /// 1-based line.
        line: usize,
        /// The path or pattern.
        pattern: String,
        /// The work directory.
        directory: PathBuf,
    },
    /// A line of the Modelfile names a directory.
    #[error("line {line} of the Modelfile: `{pattern}` is a directory; a layer is made of one file")]
    IsDirectory {
        /// 1-based line.
        line: usize,
        /// The path or pattern.
        pattern: String,
    },
    /// An argument or a name is not usable; nothing was done.
    #[error("{what}")]
    InvalidInput {
        /// What is wrong.
        what: String,
        /// What to do instead, where that is known.
        hint: Option<String>,
    },
    /// A local file or directory could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried, such as `cannot read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file changed while it was being read; nothing of it was kept.
    #[error("{} changed while it was being read", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
    },
    /// The reference is not in the local store.
    #[error("{reference} is not in the local store")]
    UnknownReference {
        /// What was asked for.
        reference: Reference,
    },
    /// The reference names no single artifact, and this operation needs one.
    #[error("{reference} has neither a tag nor a digest")]
    NoSelector {
        /// What was given.
        reference: Reference,
    },
    /// What the reference names is something else than a ModelPack artifact.
    #[error("{reference} is no ModelPack artifact but {actual}")]
    NotAModel {
        /// What was asked for.
        reference: Reference,
        /// What it is.
        actual: String,
    },
    /// A document breaks the specification, so it is neither written nor believed.
    #[error("the {document} breaks the specification: {}", violations.join("; "))]
    RuleBroken {
        /// Which document.
        document: &'static str,
        /// Each broken rule with its place.
        violations: Vec<String>,
    },
    /// The manifest would be larger than registries take.
    #[error("the manifest has {size} bytes for {layers} files; registries need not take more than {limit}")]
    ManifestTooLarge {
        /// Size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
        /// Number of layers.
        layers: usize,
    },
    /// Bytes are not what was promised.
    #[error("{what} has digest {actual}, expected {expected}")]
    DigestMismatch {
        /// Which blob or file.
        what: String,
        /// What was promised.
        expected: Digest,
        /// What is there.
        actual: Digest,
    },
    /// A layer cannot be written as files.
    #[error("cannot extract {}", path.as_ref().map_or_else(|| "the layer".to_owned(), ToString::to_string))]
    Extract {
        /// The file, where the layer says so.
        path: Option<FilePath>,
        /// The cause.
        source: Source,
    },
    /// The disk has too little room; nothing was transferred.
    #[error("{} has {available} bytes free, {needed} are needed", path.display())]
    NoSpace {
        /// Where.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// A text or document of the specification is not valid.
    #[error(transparent)]
    Spec(#[from] modelpack_spec::Error),
    /// The local store failed.
    #[error("the local store failed")]
    Store(#[source] Box<modelpack_store::Error>),
    /// The registry, or the way to it, failed.
    #[error("the registry request failed")]
    Registry(#[source] Box<modelpack_registry::Error>),
    /// The operation was cancelled; what was transferred is kept and will be continued.
    #[error("cancelled")]
    Cancelled,
    /// A worker thread of the operation panicked, which is a defect of this library.
    #[error("a worker thread failed")]
    Worker(#[source] tokio::task::JoinError),
}

impl Error {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        Self::File { action, path: path.into(), source }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::InvalidInput { what: what.into(), hint: None }
    }
}
