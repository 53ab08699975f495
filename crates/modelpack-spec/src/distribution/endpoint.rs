//! The endpoints of a registry as typed values.

use std::fmt;
use std::str::FromStr;

use super::percent::encode;
use super::route::{self, Rejection};
use crate::{Algorithm, Digest, MediaType, Repository, Selector, Tag};

/// A tag or a digest, where the distribution specification takes either.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagOrDigest {
    /// A tag.
    Tag(Tag),
    /// A digest.
    Digest(Digest),
}

impl From<Selector<'_>> for TagOrDigest {
    fn from(selector: Selector<'_>) -> Self {
        match selector {
            Selector::Tag(tag) => Self::Tag(tag.clone()),
            Selector::Digest(digest) => Self::Digest(*digest),
        }
    }
}

impl From<Tag> for TagOrDigest {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for TagOrDigest {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// The name of an upload session: 1 to 128 of `[A-Za-z0-9_-]`, chosen by the registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(Box<str>);

impl UploadId {
    /// Longest id that is read, in bytes; a UUID has 36.
    const MAX_BYTES: usize = 128;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let is_id = (1..=Self::MAX_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if is_id {
            Ok(Self(text.into()))
        } else {
            Err(Rejection::UploadUnknown)
        }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One operation of the distribution specification with its checked parameters; the comments give
/// the `end-…` ids of its [endpoint table].
///
/// A client builds one to know method and path. A server gets one from [`Endpoint::parse`]; an upload
/// session's path is the server's own business, clients use the `Location` that they were given.
///
/// [endpoint table]: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// end-1: whether this is a registry.
    Ping,
    /// end-2: content of a blob.
    GetBlob {
        /// The repository.
        name: Repository,
        /// The blob.
        digest: Digest,
    },
    /// end-2: whether a blob is there.
    HeadBlob {
        /// The repository.
        name: Repository,
        /// The blob.
        digest: Digest,
    },
    /// end-10: removes a blob.
    DeleteBlob {
        /// The repository.
        name: Repository,
        /// The blob.
        digest: Digest,
    },
    /// end-3: content of a manifest.
    GetManifest {
        /// The repository.
        name: Repository,
        /// Which manifest.
        reference: TagOrDigest,
    },
    /// end-3: whether a manifest is there.
    HeadManifest {
        /// The repository.
        name: Repository,
        /// Which manifest.
        reference: TagOrDigest,
    },
    /// end-7a, end-7b: stores a manifest.
    PutManifest {
        /// The repository.
        name: Repository,
        /// Tag to set, or digest that the content must have.
        reference: TagOrDigest,
        /// Further tags to set (`?tag=`), in the order given.
        tags: Vec<Tag>,
    },
    /// end-9: removes a tag, or a manifest with all its tags.
    DeleteManifest {
        /// The repository.
        name: Repository,
        /// Which tag or manifest.
        reference: TagOrDigest,
    },
    /// end-4a, end-4c: opens an upload session.
    StartUpload {
        /// The repository.
        name: Repository,
        /// The algorithm of the digest that will close the session, when the client said so.
        algorithm: Option<Algorithm>,
    },
    /// end-4b: a whole blob in one request.
    UploadBlob {
        /// The repository.
        name: Repository,
        /// The digest that the content must have.
        digest: Digest,
    },
    /// end-11: takes a blob over from another repository.
    MountBlob {
        /// The repository.
        name: Repository,
        /// The blob.
        digest: Digest,
        /// Where it is; without it, anywhere that the caller can read.
        from: Option<Repository>,
    },
    /// end-5: adds bytes to a session.
    PatchUpload {
        /// The repository.
        name: Repository,
        /// The session.
        upload: UploadId,
    },
    /// end-6: closes a session, possibly with its last bytes.
    FinishUpload {
        /// The repository.
        name: Repository,
        /// The session.
        upload: UploadId,
        /// The digest that the content must have.
        digest: Digest,
    },
    /// end-13: how many bytes a session has.
    UploadStatus {
        /// The repository.
        name: Repository,
        /// The session.
        upload: UploadId,
    },
    /// end-14: gives a session up.
    CancelUpload {
        /// The repository.
        name: Repository,
        /// The session.
        upload: UploadId,
    },
    /// end-8a, end-8b: tags of a repository.
    ListTags {
        /// The repository.
        name: Repository,
        /// At most so many.
        n: Option<u64>,
        /// Only those that sort after this text.
        last: Option<String>,
    },
    /// end-12a, end-12b: manifests whose subject is this one.
    Referrers {
        /// The repository.
        name: Repository,
        /// The subject.
        digest: Digest,
        /// Only those of this type.
        artifact_type: Option<MediaType>,
    },
}

impl Endpoint {
    /// The endpoint that a request names. `path` and `query` are as in the request line: still
    /// percent-encoded, the query without its `?`.
    ///
    /// The path is split before it is decoded, so `%2F` never makes a new segment, and decoded once,
    /// so `%252e` is no dot. A repository can contain `blobs` or `manifests` as a component; the last
    /// known tail decides.
    ///
    /// # Errors
    /// A [`Rejection`], which knows the status and the error code of the answer.
    pub fn parse(method: &str, path: &str, query: &str) -> Result<Self, Rejection> {
        route::parse(method, path, query)
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Ping
            | Self::GetBlob { .. }
            | Self::GetManifest { .. }
            | Self::UploadStatus { .. }
            | Self::ListTags { .. }
            | Self::Referrers { .. } => "GET",
            Self::HeadBlob { .. } | Self::HeadManifest { .. } => "HEAD",
            Self::StartUpload { .. } | Self::UploadBlob { .. } | Self::MountBlob { .. } => "POST",
            Self::PatchUpload { .. } => "PATCH",
            Self::PutManifest { .. } | Self::FinishUpload { .. } => "PUT",
            Self::DeleteBlob { .. } | Self::DeleteManifest { .. } | Self::CancelUpload { .. } => {
                "DELETE"
            }
        }
    }

    /// The repository; none for the ping.
    #[must_use]
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Ping => None,
            Self::GetBlob { name, .. }
            | Self::HeadBlob { name, .. }
            | Self::DeleteBlob { name, .. }
            | Self::GetManifest { name, .. }
            | Self::HeadManifest { name, .. }
            | Self::PutManifest { name, .. }
            | Self::DeleteManifest { name, .. }
            | Self::StartUpload { name, .. }
            | Self::UploadBlob { name, .. }
            | Self::MountBlob { name, .. }
            | Self::PatchUpload { name, .. }
            | Self::FinishUpload { name, .. }
            | Self::UploadStatus { name, .. }
            | Self::CancelUpload { name, .. }
            | Self::ListTags { name, .. }
            | Self::Referrers { name, .. } => Some(name),
        }
    }

    /// The request target: path, and query where there is one, percent-encoded.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        let (path, query) = match self {
            Self::Ping => return "/v2/".to_owned(),
            Self::GetBlob { name, digest }
            | Self::HeadBlob { name, digest }
            | Self::DeleteBlob { name, digest } => (format!("{name}/blobs/{digest}"), vec![]),
            Self::GetManifest { name, reference }
            | Self::HeadManifest { name, reference }
            | Self::DeleteManifest { name, reference } => {
                (format!("{name}/manifests/{reference}"), vec![])
            }
            Self::PutManifest {
                name,
                reference,
                tags,
            } => (
                format!("{name}/manifests/{reference}"),
                tags.iter().map(|tag| ("tag", tag.to_string())).collect(),
            ),
            Self::StartUpload { name, algorithm } => (
                format!("{name}/blobs/uploads/"),
                pair("digest-algorithm", *algorithm).collect(),
            ),
            Self::UploadBlob { name, digest } => (
                format!("{name}/blobs/uploads/"),
                pair("digest", Some(digest)).collect(),
            ),
            Self::MountBlob { name, digest, from } => (
                format!("{name}/blobs/uploads/"),
                pair("mount", Some(digest))
                    .chain(pair("from", from.as_ref()))
                    .collect(),
            ),
            Self::PatchUpload { name, upload }
            | Self::UploadStatus { name, upload }
            | Self::CancelUpload { name, upload } => {
                (format!("{name}/blobs/uploads/{upload}"), vec![])
            }
            Self::FinishUpload {
                name,
                upload,
                digest,
            } => (
                format!("{name}/blobs/uploads/{upload}"),
                pair("digest", Some(digest)).collect(),
            ),
            Self::ListTags { name, n, last } => (
                format!("{name}/tags/list"),
                pair("n", *n).chain(pair("last", last.as_ref())).collect(),
            ),
            Self::Referrers {
                name,
                digest,
                artifact_type,
            } => (
                format!("{name}/referrers/{digest}"),
                pair("artifactType", artifact_type.as_ref()).collect(),
            ),
        };
        let query: Vec<String> = query
            .iter()
            .map(|(key, value)| format!("{key}={}", encode(value)))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/v2/{path}{mark}{}", query.join("&"))
    }
}

fn pair(
    key: &'static str,
    value: Option<impl fmt::Display>,
) -> impl Iterator<Item = (&'static str, String)> {
    value.into_iter().map(move |value| (key, value.to_string()))
}
