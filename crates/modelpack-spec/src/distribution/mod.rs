//! The wire vocabulary of the OCI distribution specification, shared by registry client and server.
//!
//! Text in, values out, and back: which [`Endpoint`] a request names, what an [`ErrorBody`] says, which
//! bytes a [`ByteRange`] asks for and a [`ContentRange`] carries, how lists continue by [`Link`].
//! Nothing here knows an HTTP library; methods and header values are plain text.
//!
//! ```
//! use modelpack_spec::distribution::{ByteRange, Endpoint, TagOrDigest};
//!
//! let endpoint = Endpoint::parse("GET", "/v2/qwen/qwen3/manifests/0.6b", "")?;
//! assert!(matches!(&endpoint, Endpoint::GetManifest { reference: TagOrDigest::Tag(tag), .. } if tag.as_str() == "0.6b"));
//! assert_eq!(endpoint.path_and_query(), "/v2/qwen/qwen3/manifests/0.6b");
//!
//! let range = ByteRange::parse("bytes=500-").and_then(|range| range.resolve(2048));
//! assert_eq!(range, Some(500..2048));
//! # Ok::<(), modelpack_spec::distribution::Rejection>(())
//! ```

mod endpoint;
mod error_body;
mod list;
mod percent;
mod range;
mod route;

pub use endpoint::{Endpoint, TagOrDigest, UploadId};
pub use error_body::{ErrorBody, ErrorCode, ErrorEntry};
pub use list::{Link, TagList};
pub use range::{ByteRange, ContentRange, UploadRange};
pub use route::Rejection;

use crate::{Digest, MediaType, Tag};

/// `Docker-Content-Digest`: digest of the content that was asked for or stored.
pub const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";
/// `Docker-Distribution-API-Version`: sent by the ping for clients older than the specification.
pub const DOCKER_DISTRIBUTION_API_VERSION: &str = "docker-distribution-api-version";
/// `OCI-Subject`: the registry has understood the `subject` of a pushed manifest.
pub const OCI_SUBJECT: &str = "oci-subject";
/// `OCI-Tag`: a tag that was accepted together with a manifest pushed by digest.
pub const OCI_TAG: &str = "oci-tag";
/// `OCI-Filters-Applied`: filters that the registry applied to a list of referrers.
pub const OCI_FILTERS_APPLIED: &str = "oci-filters-applied";
/// `OCI-Chunk-Min-Length`: smallest size in bytes of every chunk but the last.
pub const OCI_CHUNK_MIN_LENGTH: &str = "oci-chunk-min-length";

/// Largest manifest that every registry should take, in bytes (distribution specification, pushing manifests).
pub const MANIFEST_BYTES_EVERYWHERE: u64 = 4 * 1024 * 1024;

/// The tag under which referrers of `subject` are listed where the registry has no referrers API
/// (distribution specification, referrers tag schema): the encoded part is cut to 64 characters.
///
/// ```
/// use modelpack_spec::{distribution::referrers_tag, Algorithm, Digest};
/// assert!(referrers_tag(&Digest::of(Algorithm::Sha512, b"")).as_str().starts_with("sha512-cf83e1357eefb8bd"));
/// ```
#[must_use]
pub fn referrers_tag(subject: &Digest) -> Tag {
    const ENCODED_CHARS: usize = 64;
    let mut encoded = subject.hex();
    encoded.truncate(ENCODED_CHARS);
    format!("{}-{encoded}", subject.algorithm())
        .parse()
        .expect("an algorithm name, a dash and at most 64 hex digits are a tag")
}

/// The media type of a `Content-Type` header, without its parameters.
#[must_use]
pub fn content_type(header: &str) -> MediaType {
    let essence = header.split(';').next().unwrap_or_default();
    MediaType::from(essence.trim())
}

#[cfg(test)]
mod tests;
