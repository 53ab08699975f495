//! From method, path and query to an endpoint, or the reason why there is none.

use super::endpoint::{Endpoint, TagOrDigest, UploadId};
use super::percent::{self, decode};
use super::{ErrorCode, ErrorEntry};
use crate::{Algorithm, Digest, MediaType, Repository, Tag};

/// Most `tag` parameters of one manifest push; the specification asks for at least ten, and the
/// accepted ones come back in headers, whose total size clients bound.
const MAX_TAG_PARAMETERS: usize = 40;

/// Why a request names no endpoint, with the answer that it gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No endpoint has this path.
    #[error("there is no such endpoint")]
    UnknownPath,
    /// The path exists, but not with this method.
    #[error("this endpoint does not take {method} requests")]
    MethodNotAllowed {
        /// What was tried.
        method: String,
        /// What would be possible, for the `Allow` header.
        allow: &'static str,
    },
    /// The repository is no valid name.
    #[error("invalid repository name: {reason}")]
    InvalidName {
        /// What is wrong with it.
        reason: String,
    },
    /// A digest is malformed, of an unknown algorithm, or missing.
    #[error("{reason}")]
    InvalidDigest {
        /// What is wrong with it.
        reason: String,
    },
    /// A tag is malformed.
    #[error("invalid tag: {reason}")]
    InvalidTag {
        /// What is wrong with it.
        reason: String,
    },
    /// `n` is no number.
    #[error("invalid page size: `n` must be a decimal number")]
    InvalidPageSize,
    /// The query is not correctly encoded.
    #[error("the query is not correctly percent-encoded")]
    InvalidQuery,
    /// More `tag` parameters than are taken in one request.
    #[error("more than {limit} tags in one request", limit = MAX_TAG_PARAMETERS)]
    TooManyTags,
    /// No session can have this id.
    #[error("no such upload session")]
    UploadUnknown,
}

impl Rejection {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownPath | Self::UploadUnknown => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::TooManyTags => 414,
            Self::InvalidName { .. }
            | Self::InvalidDigest { .. }
            | Self::InvalidTag { .. }
            | Self::InvalidPageSize
            | Self::InvalidQuery => 400,
        }
    }

    /// The error code of the answer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownPath | Self::MethodNotAllowed { .. } | Self::InvalidQuery => {
                ErrorCode::Unsupported
            }
            Self::InvalidName { .. } => ErrorCode::NameInvalid,
            Self::InvalidDigest { .. } => ErrorCode::DigestInvalid,
            Self::InvalidTag { .. } | Self::TooManyTags => ErrorCode::ManifestInvalid,
            // Not in the specification; the name that the distribution project introduced.
            Self::InvalidPageSize => ErrorCode::from("PAGINATION_NUMBER_INVALID"),
            Self::UploadUnknown => ErrorCode::BlobUploadUnknown,
        }
    }
}

impl From<&Rejection> for ErrorEntry {
    fn from(rejection: &Rejection) -> Self {
        Self::new(rejection.code(), rejection.to_string())
    }
}

pub(super) fn parse(method: &str, path: &str, query: &str) -> Result<Endpoint, Rejection> {
    let rest = match path.strip_prefix("/v2") {
        Some("" | "/") => {
            return match method {
                "GET" | "HEAD" => Ok(Endpoint::Ping),
                _ => Err(not_allowed(method, "GET, HEAD")),
            };
        }
        Some(rest) => rest.strip_prefix('/').ok_or(Rejection::UnknownPath)?,
        None => return Err(Rejection::UnknownPath),
    };
    let segments = rest
        .split('/')
        .map(decode)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Rejection::InvalidName {
            reason: "the path is not correctly percent-encoded".to_owned(),
        })?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
            uploads(method, name, query)
        }
        [name @ .., "blobs", "uploads", id] => upload(method, name, id, query),
        [name @ .., "blobs", digest] => blob(method, name, digest),
        [name @ .., "manifests", reference] => manifest(method, name, reference, query),
        [name @ .., "tags", "list"] => tags(method, name, query),
        [name @ .., "referrers", digest] => referrers(method, name, digest, query),
        _ => Err(Rejection::UnknownPath),
    }
}

fn blob(method: &str, name: &[&str], digest: &str) -> Result<Endpoint, Rejection> {
    let build = match method {
        "GET" => |name, digest| Endpoint::GetBlob { name, digest },
        "HEAD" => |name, digest| Endpoint::HeadBlob { name, digest },
        "DELETE" => |name, digest| Endpoint::DeleteBlob { name, digest },
        _ => return Err(not_allowed(method, "GET, HEAD, DELETE")),
    };
    Ok(build(repository(name)?, parse_digest(digest)?))
}

fn manifest(
    method: &str,
    name: &[&str],
    reference: &str,
    query: &str,
) -> Result<Endpoint, Rejection> {
    if !matches!(method, "GET" | "HEAD" | "PUT" | "DELETE") {
        return Err(not_allowed(method, "GET, HEAD, PUT, DELETE"));
    }
    let name = repository(name)?;
    let reference = if reference.contains(':') {
        TagOrDigest::Digest(parse_digest(reference)?)
    } else {
        TagOrDigest::Tag(parse_tag(reference)?)
    };
    Ok(match method {
        "GET" => Endpoint::GetManifest { name, reference },
        "HEAD" => Endpoint::HeadManifest { name, reference },
        "DELETE" => Endpoint::DeleteManifest { name, reference },
        _ => {
            let mut tags = Vec::new();
            for parameter in percent::query(query) {
                let (key, value) = parameter.ok_or(Rejection::InvalidQuery)?;
                if key == "tag" {
                    if tags.len() == MAX_TAG_PARAMETERS {
                        return Err(Rejection::TooManyTags);
                    }
                    tags.push(parse_tag(&value)?);
                }
            }
            Endpoint::PutManifest {
                name,
                reference,
                tags,
            }
        }
    })
}

fn uploads(method: &str, name: &[&str], query: &str) -> Result<Endpoint, Rejection> {
    if method != "POST" {
        return Err(not_allowed(method, "POST"));
    }
    let name = repository(name)?;
    if let Some(digest) = parameter(query, "mount")? {
        let from = parameter(query, "from")?
            .filter(|from| !from.is_empty())
            .map(|from| parse_repository(&from))
            .transpose()?;
        return Ok(Endpoint::MountBlob {
            name,
            digest: parse_digest(&digest)?,
            from,
        });
    }
    if let Some(digest) = parameter(query, "digest")? {
        let digest = parse_digest(&digest)?;
        return Ok(Endpoint::UploadBlob { name, digest });
    }
    let algorithm = match parameter(query, "digest-algorithm")?.as_deref() {
        None => None,
        Some("sha256") => Some(Algorithm::Sha256),
        Some("sha512") => Some(Algorithm::Sha512),
        Some(_) => {
            return Err(Rejection::InvalidDigest {
                reason: "the digest algorithm is not supported (sha256 and sha512 are)".to_owned(),
            });
        }
    };
    Ok(Endpoint::StartUpload { name, algorithm })
}

fn upload(method: &str, name: &[&str], id: &str, query: &str) -> Result<Endpoint, Rejection> {
    if !matches!(method, "GET" | "PATCH" | "PUT" | "DELETE") {
        return Err(not_allowed(method, "GET, PATCH, PUT, DELETE"));
    }
    let name = repository(name)?;
    let upload: UploadId = id.parse()?;
    Ok(match method {
        "GET" => Endpoint::UploadStatus { name, upload },
        "PATCH" => Endpoint::PatchUpload { name, upload },
        "DELETE" => Endpoint::CancelUpload { name, upload },
        _ => {
            let digest = parameter(query, "digest")?.ok_or_else(|| Rejection::InvalidDigest {
                reason: "the query has no `digest`".to_owned(),
            })?;
            Endpoint::FinishUpload {
                name,
                upload,
                digest: parse_digest(&digest)?,
            }
        }
    })
}

fn tags(method: &str, name: &[&str], query: &str) -> Result<Endpoint, Rejection> {
    if method != "GET" {
        return Err(not_allowed(method, "GET"));
    }
    let n = parameter(query, "n")?
        .map(|n| {
            if n.is_empty() || !n.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Rejection::InvalidPageSize);
            }
            // Only too large a number fails here, and the server caps it anyway.
            Ok(n.parse().unwrap_or(u64::MAX))
        })
        .transpose()?;
    Ok(Endpoint::ListTags {
        name: repository(name)?,
        n,
        last: parameter(query, "last")?,
    })
}

fn referrers(
    method: &str,
    name: &[&str],
    digest: &str,
    query: &str,
) -> Result<Endpoint, Rejection> {
    if method != "GET" {
        return Err(not_allowed(method, "GET"));
    }
    Ok(Endpoint::Referrers {
        name: repository(name)?,
        digest: parse_digest(digest)?,
        artifact_type: parameter(query, "artifactType")?
            .filter(|text| !text.is_empty())
            .map(|text| MediaType::from(text.as_str())),
    })
}

fn not_allowed(method: &str, allow: &'static str) -> Rejection {
    Rejection::MethodNotAllowed {
        method: method.to_owned(),
        allow,
    }
}

/// The first parameter of this name.
fn parameter(query: &str, name: &str) -> Result<Option<String>, Rejection> {
    for parameter in percent::query(query) {
        let (key, value) = parameter.ok_or(Rejection::InvalidQuery)?;
        if key == name {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn repository(segments: &[&str]) -> Result<Repository, Rejection> {
    // A segment that holds a slash was `%2F`; joined, it would name another repository than it did
    // to a proxy in front that reads paths before decoding.
    if segments.iter().any(|segment| segment.contains('/')) {
        return Err(Rejection::InvalidName {
            reason: "a component contains an encoded slash".to_owned(),
        });
    }
    parse_repository(&segments.join("/"))
}

fn parse_repository(text: &str) -> Result<Repository, Rejection> {
    text.parse().map_err(|error| Rejection::InvalidName {
        reason: reason(error),
    })
}

fn parse_tag(text: &str) -> Result<Tag, Rejection> {
    text.parse().map_err(|error| Rejection::InvalidTag {
        reason: reason(error),
    })
}

fn parse_digest(text: &str) -> Result<Digest, Rejection> {
    let reason = match text.parse() {
        Ok(digest) => return Ok(digest),
        Err(crate::Error::UnsupportedAlgorithm { .. }) => {
            "the digest algorithm is not supported (sha256 and sha512 are)".to_owned()
        }
        Err(error) => format!("invalid digest: {}", reason(error)),
    };
    Err(Rejection::InvalidDigest { reason })
}

/// Only the reason: the refused text came from outside and is not sent back.
fn reason(error: crate::Error) -> String {
    match error {
        crate::Error::InvalidReference { reason, .. } => reason,
        crate::Error::InvalidDigest { reason, .. } => reason.to_owned(),
        other => other.to_string(),
    }
}
