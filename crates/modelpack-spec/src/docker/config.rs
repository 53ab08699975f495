//! The config of Docker's dialect.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::write::go_json;
use crate::document::OciDocument;
use crate::json::{Extra, null_as_default};
use crate::{Digest, Document, Error, MediaType, Timestamp};

/// Largest config that is read; the header of a GGUF file with its chat template is part of it.
const MAX_CONFIG_BYTES: u64 = 16 * 1024 * 1024;

/// The config document of an artifact in Docker's dialect; both versions share it.
///
/// The published document describes another form, with `createdAt` and `files`; that is read as well.
/// Unknown fields are kept at every level.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DockerConfig {
    /// What the model is.
    #[serde(default)]
    pub config: DockerModel,
    /// When it was made.
    #[serde(default)]
    pub descriptor: DockerDescriptor,
    /// The content of the layers; absent in the published form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<RootFs>,
    /// The content of the layers in the published form.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub files: Vec<ContentFile>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DockerModel {
    /// `gguf`, `safetensors` or `dduf`; `diffusers` in older artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How it is quantised: `MOSTLY_Q4_K_M`, `BF16`, `mixed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
    /// Number of parameters for people: `8.02B`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// Architecture, such as `llama`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Size for people: `4.58GiB`; older artifacts have a space in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The header of a GGUF file, all values as text.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub gguf: BTreeMap<String, serde_json::Value>,
    /// The header of a safetensors file, all values as text.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub safetensors: BTreeMap<String, serde_json::Value>,
    /// What a DDUF file is called.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub diffusers: BTreeMap<String, serde_json::Value>,
    /// How many tokens the model is loaded for, at most 2³¹ − 1; −1 means as many as it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_size: Option<i64>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// When an artifact was made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DockerDescriptor {
    /// When the artifact was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The same in the published form.
    #[serde(default, rename = "createdAt", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The content of the layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RootFs {
    /// Always `rootfs`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digest of each layer, in the order of the manifest.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RootFs {
    /// The content of layers with these digests.
    #[must_use]
    pub fn new(diff_ids: Vec<Digest>) -> Self {
        Self {
            kind: "rootfs".to_owned(),
            diff_ids,
            extra: Extra::new(),
        }
    }
}

/// The content of a layer in the published form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContentFile {
    /// Digest of the layer.
    #[serde(rename = "diffID", alias = "diffId")]
    pub diff_id: Digest,
    /// Media type of the layer.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaType>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl DockerConfig {
    /// Reads a config.
    ///
    /// # Errors
    /// Those of [`Document::parse`].
    pub fn read(bytes: Bytes) -> Result<Document<Self>, Error> {
        Document::parse(bytes)
    }

    /// When the artifact was made, in either form.
    #[must_use]
    pub fn created(&self) -> Option<&Timestamp> {
        let DockerDescriptor {
            created,
            created_at,
            ..
        } = &self.descriptor;
        created.as_ref().or(created_at.as_ref())
    }

    /// Digest of each layer, in either form.
    pub fn diff_ids(&self) -> impl Iterator<Item = &Digest> {
        let files = self.files.iter().map(|file| &file.diff_id);
        self.rootfs
            .iter()
            .flat_map(|rootfs| &rootfs.diff_ids)
            .chain(files)
    }

    /// The document with this value, written as Docker's tools write it.
    ///
    /// # Errors
    /// [`Error::DocumentTooLarge`]; [`Error::InvalidDocument`] when an unknown field is called like a
    /// known one.
    pub fn to_document(&self) -> Result<Document<Self>, Error> {
        Document::parse(go_json(self))
    }
}

impl OciDocument for DockerConfig {
    const NAME: &'static str = "Docker model config";
    const MAX_BYTES: u64 = MAX_CONFIG_BYTES;

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn media_type(&self) -> MediaType {
        MediaType::DockerModelConfig(super::Version::V01)
    }
}
