//! The model config: what the artifact says about the model.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::OciDocument;
use crate::json::{Extra, null_as_default};
use crate::{Digest, Error, Family, MediaType, Timestamp};

/// Largest model config that is read; generous, since a config is a few kilobytes plus one line per layer.
const MAX_CONFIG_BYTES: u64 = 16 * 1024 * 1024;

/// The config document of a ModelPack artifact (ModelPack specification, [config]).
///
/// Written in camelCase as today's specification says; the snake_case spellings of versions up to
/// v0.0.6 are read as well. Unknown fields are kept at every level.
///
/// [config]: https://github.com/modelpack/model-spec/blob/main/docs/config.md
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// What the model is called, by whom and when it was made.
    pub descriptor: ModelDescriptor,
    /// The content of the layers.
    pub modelfs: ModelFs,
    /// Technical properties.
    pub config: ModelConfig,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Names and origin of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelDescriptor {
    /// When the artifact was made.
    #[serde(default, alias = "created_at", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Contact details of the people or organisations responsible.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub authors: Vec<String>,
    /// Family, such as `llama3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Name, such as `llama3-8b-instruct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where documentation is.
    #[serde(
        default,
        rename = "docURL",
        alias = "doc_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub doc_url: Option<String>,
    /// Where the source is.
    #[serde(
        default,
        rename = "sourceURL",
        alias = "source_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_url: Option<String>,
    /// Where the data sets are.
    #[serde(
        default,
        rename = "datasetsURL",
        alias = "datasets_url",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub datasets_url: Vec<String>,
    /// Version of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Revision of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Who distributes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Licences as SPDX expressions.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub licenses: Vec<String>,
    /// Title for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Description for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The content of the layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digest of each layer before compression, in the order of the manifest.
    #[serde(default, alias = "diff_ids", deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ModelFs {
    /// The content of layers with these uncompressed digests.
    #[must_use]
    pub fn new(diff_ids: Vec<Digest>) -> Self {
        Self {
            kind: "layers".to_owned(),
            diff_ids,
            extra: Extra::new(),
        }
    }
}

impl Default for ModelFs {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// Technical properties of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelConfig {
    /// Architecture, such as `transformer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Format of the weights, such as `gguf` or `safetensors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Number of parameters, such as `8b`.
    #[serde(default, alias = "param_size", skip_serializing_if = "Option::is_none")]
    pub param_size: Option<String>,
    /// Precision, such as `bfloat16`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Quantisation method, such as `awq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
    /// What the model can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<ModelCapabilities>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a model can do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModelCapabilities {
    /// What it takes.
    #[serde(
        default,
        alias = "input_types",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub input_types: Vec<Modality>,
    /// What it gives.
    #[serde(
        default,
        alias = "output_types",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub output_types: Vec<Modality>,
    /// Until when it knows the world.
    #[serde(
        default,
        alias = "knowledge_cutoff",
        skip_serializing_if = "Option::is_none"
    )]
    pub knowledge_cutoff: Option<Timestamp>,
    /// Whether it reasons before it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// Whether it can call tools.
    #[serde(default, alias = "tool_usage", skip_serializing_if = "Option::is_none")]
    pub tool_usage: Option<bool>,
    /// Whether it is a reward model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<bool>,
    /// Languages it speaks, as ISO 639-1 codes.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub languages: Vec<String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A kind of input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Modality {
    /// `text`.
    Text,
    /// `image`.
    Image,
    /// `audio`.
    Audio,
    /// `video`.
    Video,
    /// `embedding`.
    Embedding,
    /// `other`.
    Other,
    /// A word that the specification does not have, kept as it is.
    Unknown(String),
}

const MODALITIES: [(&str, Modality); 6] = [
    ("text", Modality::Text),
    ("image", Modality::Image),
    ("audio", Modality::Audio),
    ("video", Modality::Video),
    ("embedding", Modality::Embedding),
    ("other", Modality::Other),
];

impl Modality {
    /// The word in the document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown(word) => word,
            known => MODALITIES
                .iter()
                .find(|(_, modality)| modality == known)
                .map_or("", |(word, _)| word),
        }
    }
}

impl From<&str> for Modality {
    fn from(word: &str) -> Self {
        MODALITIES
            .iter()
            .find(|(known, _)| *known == word)
            .map_or_else(
                || Self::Unknown(word.to_owned()),
                |(_, known)| known.clone(),
            )
    }
}

impl Serialize for Modality {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Modality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

impl OciDocument for Model {
    const NAME: &'static str = "model config";
    const MAX_BYTES: u64 = MAX_CONFIG_BYTES;

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn media_type(&self) -> MediaType {
        MediaType::ModelConfig(Family::Cncf)
    }
}
