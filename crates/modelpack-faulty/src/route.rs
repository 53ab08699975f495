//! What a path of the registry means.

use super::rules::Class;
use super::wire::{Head, decode};

/// A place in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Token,
    Blob {
        repository: String,
        digest: String,
    },
    /// A blob by a URL that is good for whoever has it.
    Signed {
        ticket: String,
    },
    Upload {
        repository: String,
    },
    Session {
        repository: String,
        id: String,
    },
    Manifest {
        repository: String,
        reference: String,
    },
    Tags {
        repository: String,
    },
    Referrers {
        repository: String,
        digest: String,
    },
    Unknown,
}

impl Route {
    pub(super) fn of(head: &Head) -> Self {
        let path = decode(head.path());
        match path.as_str() {
            "/v2" | "/v2/" => return Self::Ping,
            "/token" => return Self::Token,
            _ => {}
        }
        if let Some(ticket) = path.strip_prefix("/signed/") {
            return Self::Signed {
                ticket: ticket.to_owned(),
            };
        }
        path.strip_prefix("/v2/")
            .and_then(Self::in_repository)
            .unwrap_or(Self::Unknown)
    }

    /// Known tails are looked for from the right, because a repository may be called `blobs` or `manifests`.
    fn in_repository(path: &str) -> Option<Self> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        if let Some(name) = path.strip_suffix("/tags/list") {
            return named(name).map(|repository| Self::Tags { repository });
        }
        let upload = path.strip_suffix('/').unwrap_or(path);
        if let Some(name) = upload.strip_suffix("/blobs/uploads") {
            return named(name).map(|repository| Self::Upload { repository });
        }
        let (rest, last) = path.rsplit_once('/')?;
        let last = last.to_owned();
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return named(name).map(|repository| Self::Session {
                repository,
                id: last,
            });
        }
        let (name, kind) = rest.rsplit_once('/')?;
        let repository = named(name)?;
        Some(match kind {
            "blobs" => Self::Blob {
                repository,
                digest: last,
            },
            "manifests" => Self::Manifest {
                repository,
                reference: last,
            },
            "referrers" => Self::Referrers {
                repository,
                digest: last,
            },
            _ => return None,
        })
    }

    pub(super) fn class(&self) -> Class {
        match self {
            Self::Ping => Class::Ping,
            Self::Token => Class::Token,
            Self::Blob { .. } | Self::Signed { .. } => Class::Blob,
            Self::Upload { .. } => Class::Upload,
            Self::Session { .. } => Class::Session,
            Self::Manifest { .. } => Class::Manifest,
            Self::Tags { .. } => Class::Tags,
            Self::Referrers { .. } => Class::Referrers,
            Self::Unknown => Class::Other,
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Blob { repository, .. }
            | Self::Upload { repository }
            | Self::Session { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. } => Some(repository),
            Self::Ping | Self::Token | Self::Signed { .. } | Self::Unknown => None,
        }
    }

    /// The tag or digest in the path.
    pub(super) fn reference(&self) -> Option<&str> {
        match self {
            Self::Blob { digest, .. } | Self::Referrers { digest, .. } => Some(digest),
            Self::Manifest { reference, .. } => Some(reference),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
