//! Why an operation failed, by what the caller can do about it.

use std::path::PathBuf;
use std::time::Duration;

use modelpack_spec::{Digest, FilePath, Host, Kind, Reference};

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
    /// There is no Modelfile where one was expected.
    #[error("there is no Modelfile at {}", path.display())]
    NoModelfile {
        /// Where it was looked for.
        path: PathBuf,
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
    /// A pattern matches no file of an artifact.
    #[error("{reference} has no file that matches `{pattern}`")]
    NoFileMatches {
        /// The artifact.
        reference: Reference,
        /// The pattern.
        pattern: String,
        /// Files that are called alike.
        near: Vec<String>,
    },
    /// An artifact has a file of this name already, with other content.
    #[error("{reference} has a file `{path}` already")]
    FileExists {
        /// The artifact.
        reference: Reference,
        /// The file.
        path: FilePath,
    },
    /// A line of the Modelfile names a directory.
    #[error(
        "line {line} of the Modelfile: `{pattern}` is a directory; a layer is made of one file"
    )]
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
    /// Something that was asked for by its name is not where it was looked for.
    #[error("{what}")]
    NotFound {
        /// What, and where.
        what: String,
        /// What there is instead, where that is known.
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
    /// The reference cannot become the name of an artifact.
    #[error("{reference} cannot be the name of {what}: {reason}")]
    InvalidName {
        /// What was given.
        reference: Reference,
        /// What should have got the name.
        what: &'static str,
        /// Why it cannot.
        reason: &'static str,
    },
    /// The reference has a digest, and what its tag names has another.
    #[error("{reference} pins another digest than {actual}")]
    PinMismatch {
        /// What was given.
        reference: Reference,
        /// The digest that is there.
        actual: Digest,
    },
    /// What the reference names is something else than a ModelPack artifact.
    #[error("{reference} is no ModelPack artifact but {actual}")]
    NotAModel {
        /// What was asked for.
        reference: Reference,
        /// What it is.
        actual: String,
        /// What reads it, or what to do with it.
        hint: String,
    },
    /// A document breaks the specification, so it is neither written nor believed.
    #[error("the {document} breaks the specification: {}", violations.join("; "))]
    RuleBroken {
        /// Which document.
        document: &'static str,
        /// Each broken rule with its place.
        violations: Vec<String>,
    },
    /// The manifest would be larger than registries take. Nothing was written or sent.
    #[error(
        "the manifest would have {size} bytes for {layers} layers; registries need not take more than {limit}"
    )]
    ManifestTooLarge {
        /// Size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
        /// Number of layers.
        layers: usize,
        /// The kind with the most files that could be packed into one layer.
        packable: Option<Kind>,
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
    /// Bytes that came from a registry are wrong, and fetching them again did not help. Nothing of them
    /// was kept.
    #[error("{what} came with digest {actual}: {culprit}")]
    WrongBytes {
        /// Repository and digest of the blob.
        what: String,
        /// The digest that came.
        actual: Digest,
        /// Which side was wrong.
        culprit: Culprit,
    },
    /// The operation took longer than it was given. What was transferred is kept and will be continued.
    #[error("it was not done within {} s", limit.as_secs_f64())]
    Deadline {
        /// How long it was given.
        limit: Duration,
    },
    /// A file cannot be made a layer.
    #[error("cannot pack {}", path.display())]
    Pack {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Source,
    },
    /// Files cannot be written into the directory.
    #[error("cannot write into {}", path.display())]
    Output {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: Source,
    },
    /// A layer cannot be written as files.
    #[error("cannot extract {}", path.as_ref().map_or_else(|| "the layer".to_owned(), ToString::to_string))]
    Extract {
        /// The file, where the layer says so.
        path: Option<FilePath>,
        /// The cause.
        source: Source,
    },
    /// The disk has too little room. What was transferred is kept.
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
    /// A registry does not accept a user with this password.
    #[error("{host} does not accept this user and password")]
    LoginRefused {
        /// The registry.
        host: Host,
        /// What it said.
        source: Box<modelpack_registry::Error>,
    },
    /// A credentials file is no such file, so it is not changed.
    #[error("the credentials file {} cannot be changed", path.display())]
    CredentialsFile {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        source: Source,
    },
    /// The credential helper that a credentials file names did not do its work.
    #[error("the login is not kept: the credentials file {} leaves it to a helper", path.display())]
    CredentialHelper {
        /// The credentials file.
        path: PathBuf,
        /// What the helper did.
        source: Source,
    },
    /// The operation was cancelled; what was transferred is kept and will be continued.
    #[error("cancelled")]
    Cancelled,
    /// A worker thread of the operation panicked, which is a defect of this library.
    #[error("a worker thread failed")]
    Worker(#[source] tokio::task::JoinError),
}

/// Which side wrong bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Culprit {
    /// The same wrong bytes came twice, so the registry has them.
    Registry,
    /// Different bytes came each time, so something changes them on the way.
    Transfer,
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Registry => "the registry sends the same wrong bytes each time",
            Self::Transfer => "something on the way changes the bytes, differently each time",
        })
    }
}

impl Error {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        Self::File {
            action,
            path: path.into(),
            source,
        }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::InvalidInput {
            what: what.into(),
            hint: None,
        }
    }
}

impl From<modelpack_store::Error> for Error {
    fn from(error: modelpack_store::Error) -> Self {
        match error {
            modelpack_store::Error::UnknownReference { reference } => {
                Self::UnknownReference { reference }
            }
            modelpack_store::Error::NoSelector { reference } => Self::NoSelector { reference },
            modelpack_store::Error::PinMismatch { reference, actual } => {
                Self::PinMismatch { reference, actual }
            }
            modelpack_store::Error::FileChanged { path } => Self::FileChanged { path },
            other => Self::Store(Box::new(other)),
        }
    }
}

impl From<modelpack_registry::Error> for Error {
    fn from(error: modelpack_registry::Error) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl Error {
    /// What the floor that knows archives says.
    pub(crate) fn layer(&self) -> Option<&modelpack_layer::Error> {
        match self {
            Self::Pack { source, .. }
            | Self::Output { source, .. }
            | Self::Extract { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }

    /// Whether the arguments are wrong, whatever is in the store and in the registry.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoSelector { .. } | Self::InvalidName { .. })
    }

    /// Whether something that was asked for is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::UnknownReference { .. }
            | Self::NothingMatches { .. }
            | Self::NoFileMatches { .. }
            | Self::NoModelfile { .. } => true,
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            Self::Store(error) => error.is_not_found(),
            Self::Registry(error) => error.is_not_found(),
            _ => false,
        }
    }

    /// Whether the registry wants other credentials, or none of ours are good enough.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::LoginRefused { .. } => true,
            Self::Registry(error) => error.is_unauthorized() || error.is_denied(),
            _ => false,
        }
    }

    /// Whether the network or the registry failed in a way that may be gone later.
    #[must_use]
    pub fn is_network(&self) -> bool {
        match self {
            Self::Deadline { .. } => true,
            Self::Registry(error) => error.is_network() || error.is_retryable(),
            _ => false,
        }
    }

    /// Whether bytes are not what was promised.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        match self {
            Self::DigestMismatch { .. }
            | Self::FileChanged { .. }
            | Self::WrongBytes { .. }
            | Self::PinMismatch { .. } => true,
            Self::Spec(error) => error.is_integrity(),
            Self::Store(error) => error.is_integrity(),
            Self::Registry(error) => error.is_integrity(),
            _ => self
                .layer()
                .is_some_and(modelpack_layer::Error::is_integrity),
        }
    }

    /// Whether the disk has no room.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            Self::Store(error) => error.is_no_space(),
            _ => self
                .layer()
                .is_some_and(modelpack_layer::Error::is_no_space),
        }
    }

    /// Whether the operation was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}
