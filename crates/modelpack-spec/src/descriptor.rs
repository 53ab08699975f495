//! Descriptors: a promise of media type, digest and size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{Extra, null_as_default};
use crate::{Digest, MediaType};

/// What a document says of the bytes that it refers to (OCI image specification, [descriptor]).
///
/// [descriptor]: https://github.com/opencontainers/image-spec/blob/main/descriptor.md
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// Type of the content.
    pub media_type: MediaType,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Other places to get it from. Never asked by this toolkit: no secret and no request goes there.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// Free key and value pairs.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The content itself in base64; use it only after checking size and digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The platform, as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<serde_json::Value>,
    /// Type of the artifact, when the descriptor points to a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Descriptor {
    /// A descriptor without annotations.
    #[must_use]
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            platform: None,
            artifact_type: None,
            extra: Extra::new(),
        }
    }
}
