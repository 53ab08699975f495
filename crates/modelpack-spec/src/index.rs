//! Image indexes, the document that lists manifests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{MAX_MANIFEST_BYTES, OciDocument};
use crate::json::{Extra, null_as_default};
use crate::{Descriptor, Error, MediaType};

/// An OCI image index (OCI image specification, [index]).
///
/// [index]: https://github.com/opencontainers/image-spec/blob/main/image-index.md
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Type of this document; older writers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// Type of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The manifests, in order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free key and value pairs.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Index {
    /// An index of these manifests.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OciIndex),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }
}

impl OciDocument for Index {
    const NAME: &'static str = "index";
    const MAX_BYTES: u64 = MAX_MANIFEST_BYTES;

    fn check(&self) -> Result<(), Error> {
        let invalid = |reason: String| Error::InvalidDocument {
            document: Self::NAME,
            reason,
        };
        if self.schema_version != 2 {
            return Err(invalid(format!(
                "schemaVersion is {}, expected 2",
                self.schema_version
            )));
        }
        if let Some(media_type) = self
            .media_type
            .as_ref()
            .filter(|media_type| !media_type.is_index())
        {
            return Err(invalid(format!(
                "mediaType is `{media_type}`, which is no index"
            )));
        }
        if self.extra.contains_key("layers") || self.extra.contains_key("config") {
            return Err(invalid("it has both `manifests` and `config` or `layers`, so it could be read as two different things".into()));
        }
        Ok(())
    }

    fn media_type(&self) -> MediaType {
        self.media_type.clone().unwrap_or(MediaType::OciIndex)
    }
}
