//! Why an operation failed, by what the caller can do about it.

use std::path::PathBuf;
use std::time::Duration;

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
    #[error(
        "the manifest has {size} bytes for {layers} files; registries need not take more than {limit}"
    )]
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
    fn layer(&self) -> Option<&modelpack_layer::Error> {
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
            Self::UnknownReference { .. }
            | Self::NothingMatches { .. }
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
        matches!(self, Self::Registry(error) if error.is_unauthorized() || error.is_denied())
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

    /// What to do next, in words, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::InvalidInput { hint, .. } => return hint.clone(),
            Self::UnknownReference { reference } => {
                return Some(format!(
                    "`modelpack pull {reference}` fetches it; `modelpack ls` lists what is here"
                ));
            }
            Self::NoSelector { reference } => {
                return Some(format!("add a tag, such as {reference}:latest"));
            }
            Self::InvalidName { reference, .. } => {
                return Some(format!(
                    "use a tag and no digest, such as {}:latest",
                    reference.name()
                ));
            }
            Self::PinMismatch { .. } => "`modelpack ls` shows the digest that each name has",
            Self::ManifestTooLarge { .. } => {
                "take fewer files: an archive of many small ones is one file"
            }
            Self::NoModelfile { .. } => {
                "`modelpack modelfile generate DIR` writes one; `--modelfile` names another"
            }
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "check the spelling of the path"
            }
            Self::NothingMatches { .. } => {
                "paths and patterns are relative to the directory that is built"
            }
            Self::IsDirectory { pattern, .. } => {
                return Some(format!(
                    "write `{pattern}/*` or `{pattern}/**/*` for the files in it"
                ));
            }
            Self::FileChanged { .. } => "let the program that writes it finish, then build again",
            Self::NotAModel { .. } => {
                "this tool takes ModelPack artifacts (application/vnd.cncf.model.*)"
            }
            Self::NoSpace {
                needed, available, ..
            } => {
                return Some(format!(
                    "free {} bytes (`modelpack prune` may help), then run the same command again",
                    needed.saturating_sub(*available)
                ));
            }
            Self::Cancelled | Self::Deadline { .. } => {
                "run the same command again; it continues where it stopped"
            }
            Self::WrongBytes { culprit, .. } => match culprit {
                Culprit::Registry => {
                    "the artifact has to be pushed again; this registry has lost it"
                }
                Culprit::Transfer => "look for a proxy or a network that changes what passes",
            },
            _ if self.is_no_space() => {
                "free some space (`modelpack prune` may help), then run the same command again"
            }
            _ if self.is_unauthorized() => {
                "log in to the registry (`docker login HOST`), or ask for access to the repository"
            }
            Self::Store(error) if matches!(**error, modelpack_store::Error::NewerStore { .. }) => {
                "use a newer version of this program, or another --storage-dir"
            }
            Self::Store(_) | Self::Extract { .. } if self.is_integrity() => {
                "`modelpack verify` names every damaged blob; remove the artifact and pull it again"
            }
            Self::Store(error) if error.is_not_found() => {
                "the artifact in the local store is incomplete; pull or build it again"
            }
            Self::DigestMismatch { .. } => {
                "nothing of it was kept; try again, and tell whoever runs the registry if it stays so"
            }
            Self::RuleBroken {
                document: "model config",
                ..
            } => "the artifact has to be built anew by the tool that made it",
            Self::Extract { .. }
                if matches!(self.layer(), Some(modelpack_layer::Error::Blocked { .. })) =>
            {
                "move away what is there, or give another directory"
            }
            Self::Output { .. } => "give a directory, or a place where one can be made",
            Self::Registry(error) => return registry_hint(error),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn registry_hint(error: &modelpack_registry::Error) -> Option<String> {
    use modelpack_registry::Error as Failure;
    let text = match error {
        Failure::NotFound { at } if at.url.contains("/blobs/") => {
            "the registry has lost a part of the artifact; pushing it again mends that"
        }
        Failure::NotFound { .. } => {
            "check the name; `modelpack ls --remote HOST/REPOSITORY` lists the tags that are there"
        }
        Failure::Timeout { .. } | Failure::Truncated { .. } => {
            "run the same command again; what has arrived is kept"
        }
        Failure::Network { at, .. } if at.url.contains("/blobs/") => {
            "run the same command again; what has arrived is kept"
        }
        Failure::Network { at, .. } if at.url.starts_with("https:") => {
            "check that the registry runs there; `--plain-http` is for one without TLS"
        }
        Failure::Network { .. } => "check that the registry runs there, then try again",
        Failure::NotARegistry { .. } => {
            "check the host of the reference, and whether a proxy or a login page is in between"
        }
        Failure::RateLimited { .. } => {
            "wait a little; many registries allow more to users who are logged in"
        }
        Failure::Server { .. } => "the fault is on the side of the registry; try again later",
        _ if error.is_integrity() => {
            "nothing of it was kept; try again, and tell whoever runs the registry if it stays so"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
