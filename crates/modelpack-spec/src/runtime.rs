//! How a model is run unless somebody says otherwise.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::convert::{CONTENT_TYPE, MAX_CONTEXT_SIZE, RUNTIME_TYPE};
use crate::document::OciDocument;
use crate::json::{Extra, null_as_default};
use crate::{Descriptor, Digest, Document, Error, FilePath, MediaType, annotations};

/// Largest document that is read; a system prompt is the longest thing in it.
const MAX_BYTES: u64 = 1024 * 1024;

/// The runtime configuration of a model: one small JSON file among those of the artifact.
///
/// In either dialect it is an ordinary configuration file, so that tools that do not know it pass it on;
/// its layer says what it is by the annotation [`CONTENT_TYPE`] with the value [`RUNTIME_TYPE`].
///
/// ```
/// use modelpack_spec::RuntimeConfig;
///
/// let text = br#"{"contextSize":8192,"system":"Be brief.","parameters":{"temperature":0.7,"stop":["</s>"]}}"#;
/// let runtime = RuntimeConfig::read(text.to_vec().into())?;
/// assert_eq!(runtime.value().context_size, Some(8192));
/// assert_eq!(runtime.value().parameters["temperature"], 0.7);
/// # Ok::<(), modelpack_spec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuntimeConfig {
    /// How many tokens it is loaded for, 1 to 2³¹ − 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_size: Option<i64>,
    /// The system prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Parameters of sampling by the names that engines share: `temperature`, `top_k`, `top_p`, `min_p`,
    /// `repeat_penalty`, `seed`, `max_tokens`, `stop` (an array of texts). Others are kept.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The chat template among the files of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<FilePath>,
    /// The projector among the files of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projector: Option<FilePath>,
    /// The adapters among the files of the artifact, in the order in which they are applied.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub adapters: Vec<FilePath>,
    /// The draft model among the files of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft_model: Option<FilePath>,
    /// The model that the adapters belong to, when it is not in this artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A model that lies in another artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Base {
    /// Digest of its manifest.
    pub digest: Digest,
    /// Where it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Base {
    /// The model with this manifest.
    #[must_use]
    pub fn new(digest: Digest) -> Self {
        Self {
            digest,
            reference: None,
            extra: Extra::new(),
        }
    }
}

impl RuntimeConfig {
    /// Where the file lies in an artifact, unless it says otherwise.
    pub const FILE_NAME: &'static str = "modelpack-runtime.json";

    /// Reads the document.
    ///
    /// # Errors
    /// Those of [`Document::parse`]; [`Error::InvalidDocument`] for a context size that no tool holds, or
    /// stop words that are no texts.
    pub fn read(bytes: Bytes) -> Result<Document<Self>, Error> {
        Document::parse(bytes)
    }

    /// A layer of a dialect that holds this document: `media_type` is that of a configuration file there.
    #[must_use]
    pub fn layer(document: &Document<Self>, media_type: MediaType) -> Descriptor {
        let size = document.bytes().len() as u64;
        let mut layer = Descriptor::new(media_type, *document.digest(), size);
        let named = [
            (annotations::FILEPATH, Self::FILE_NAME),
            (CONTENT_TYPE, RUNTIME_TYPE),
        ];
        layer
            .annotations
            .extend(named.map(|(key, value)| (key.to_owned(), value.to_owned())));
        layer
    }

    /// Whether a layer says that it holds such a document.
    #[must_use]
    pub fn is_layer(layer: &Descriptor) -> bool {
        layer.annotations.get(CONTENT_TYPE).map(String::as_str) == Some(RUNTIME_TYPE)
    }
}

impl OciDocument for RuntimeConfig {
    const NAME: &'static str = "runtime configuration";
    const MAX_BYTES: u64 = MAX_BYTES;

    fn check(&self) -> Result<(), Error> {
        let invalid = |reason: String| {
            Err(Error::InvalidDocument {
                document: Self::NAME,
                reason,
            })
        };
        if let Some(size) = self
            .context_size
            .filter(|size| !(1..=MAX_CONTEXT_SIZE).contains(size))
        {
            return invalid(format!(
                "contextSize is {size}, expected a number from 1 to {MAX_CONTEXT_SIZE}"
            ));
        }
        match self.parameters.get("stop") {
            None => Ok(()),
            Some(serde_json::Value::Array(words)) if words.iter().all(|word| word.is_string()) => {
                Ok(())
            }
            Some(_) => invalid("parameters.stop is no array of texts".to_owned()),
        }
    }

    fn media_type(&self) -> MediaType {
        RUNTIME_TYPE.into()
    }
}
