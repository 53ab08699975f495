//! Why the registry or its storage failed.

use std::error::Error as StdError;

use modelpack_spec::{Digest, Host, Repository};

/// Why the registry or its storage failed.
///
/// What a client did wrong is no error here but an answer; these are the cases where the registry
/// itself could not do what it should, plus the two refusals that only a storage can decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Uploaded bytes do not have the digest that the client gave; nothing of them was kept.
    #[error("the content has digest {actual}, expected {expected}")]
    DigestMismatch {
        /// What the client gave.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
    },
    /// The content can be read here but is not the registry's to change.
    #[error("{what} can only be read through this registry")]
    ReadOnly {
        /// The repository, tag or digest.
        what: String,
    },
    /// The repository is too long for the public name of the registry.
    #[error("the name `{repository}` is too long for this registry")]
    NameTooLong {
        /// The repository.
        repository: Repository,
    },
    /// No reference can begin with this name, so nothing could be stored under it.
    #[error("`{authority}` cannot be the public name of a registry")]
    Authority {
        /// The name.
        authority: Host,
        /// The cause.
        source: modelpack_spec::Error,
    },
    /// The disk is full.
    #[error("no space left in the storage")]
    NoSpace {
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The storage failed.
    #[error("cannot {action}")]
    Storage {
        /// What was tried, with the digest or name it was tried on.
        action: String,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A blocking task did not finish, because it panicked or because the runtime is shutting down.
    #[error("a task of the registry was stopped")]
    Stopped {
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Certificate or key of a listener cannot be used.
    #[error("cannot {what}")]
    Tls {
        /// What was tried.
        what: &'static str,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// A failure of a storage, with the words that end "cannot …".
    pub fn storage(
        action: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Storage {
            action: action.into(),
            source: source.into(),
        }
    }

    /// Whether bytes are not what was promised.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        matches!(self, Self::DigestMismatch { .. })
    }
}
