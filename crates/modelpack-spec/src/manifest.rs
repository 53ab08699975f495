//! Image manifests, the document that lists the layers of an artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{MAX_MANIFEST_BYTES, OciDocument};
use crate::json::{Extra, null_as_default};
use crate::{Descriptor, Error, Family, MediaType};

/// An OCI image manifest (OCI image specification, [manifest]); a ModelPack artifact is one with the
/// artifact type [`MediaType::ModelManifest`].
///
/// [manifest]: https://github.com/opencontainers/image-spec/blob/main/manifest.md
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Type of this document; older writers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// Type of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The config document.
    pub config: Descriptor,
    /// The layers, in order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub layers: Vec<Descriptor>,
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

impl Manifest {
    /// A ModelPack manifest with this config and these layers.
    #[must_use]
    pub fn model(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OciManifest),
            artifact_type: Some(MediaType::ModelManifest(Family::Cncf)),
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }

    /// The artifact type, or the type of the config where an older writer left the former out.
    #[must_use]
    pub fn kind(&self) -> &MediaType {
        self.artifact_type
            .as_ref()
            .unwrap_or(&self.config.media_type)
    }

    /// Whether it is a ModelPack artifact of either family, by its config.
    #[must_use]
    pub fn is_model(&self) -> bool {
        matches!(self.config.media_type, MediaType::ModelConfig(_))
    }

    /// Size of everything the manifest lists, in bytes; a layer that stands twice counts twice.
    #[must_use]
    pub fn content_size(&self) -> u64 {
        self.layers.iter().fold(self.config.size, |sum, layer| {
            sum.saturating_add(layer.size)
        })
    }
}

impl OciDocument for Manifest {
    const NAME: &'static str = "manifest";
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
            .filter(|media_type| !media_type.is_manifest())
        {
            return Err(invalid(format!(
                "mediaType is `{media_type}`, which is no image manifest"
            )));
        }
        if self.extra.contains_key("manifests") {
            return Err(invalid(
                "it has both `config` and `manifests`, so it could be read as two different things"
                    .into(),
            ));
        }
        Ok(())
    }

    fn media_type(&self) -> MediaType {
        self.media_type.clone().unwrap_or(MediaType::OciManifest)
    }
}
