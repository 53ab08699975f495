//! What `config.json` and `generation_config.json` say about a model.

use serde_json::{Map, Value};

use crate::precision;

/// Properties of a model that a Modelfile can say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// `ARCH`
    pub arch: Option<String>,
    /// `FAMILY`
    pub family: Option<String>,
    /// `FORMAT`
    pub format: Option<String>,
    /// `PARAMSIZE`
    pub param_size: Option<String>,
    /// `PRECISION`
    pub precision: Option<String>,
    /// `QUANTIZATION`
    pub quantization: Option<String>,
}

impl Metadata {
    /// Reads configuration files in the form of the transformers library; the later one wins where
    /// two say the same thing. What is not JSON says nothing.
    #[must_use]
    pub fn from_transformers(files: &[&[u8]]) -> Self {
        let mut metadata = Self::default();
        for file in files {
            let Ok(Value::Object(config)) = serde_json::from_slice(file) else {
                continue;
            };
            let nested = config.get("text_config").and_then(Value::as_object);
            // A model of several parts describes the one that speaks in `text_config`. Null and empty
            // values say nothing.
            let text = |keys: &[&str]| {
                [Some(&config), nested]
                    .into_iter()
                    .flatten()
                    .flat_map(|object| keys.iter().filter_map(|key| object.get(*key)?.as_str()))
                    .find(|value| !value.is_empty())
                    .map(str::to_owned)
            };
            // The older library writes the first name, newer ones the second.
            let dtype = text(&["torch_dtype", "dtype"]).filter(|word| word != "auto");
            metadata.precision = dtype
                .as_deref()
                .map(precision)
                .filter(|words| !words.is_empty())
                .or(metadata.precision);
            metadata.family = text(&["model_type"]).or(metadata.family);
            if config.contains_key("transformers_version") {
                metadata.arch = Some("transformer".to_owned());
            }
            metadata.quantization = quantization(&config)
                .or_else(|| nested.and_then(quantization))
                .or(metadata.quantization);
        }
        metadata
    }

    /// The same with what is missing taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            arch: self.arch.or(other.arch),
            family: self.family.or(other.family),
            format: self.format.or(other.format),
            param_size: self.param_size.or(other.param_size),
            precision: self.precision.or(other.precision),
            quantization: self.quantization.or(other.quantization),
        }
    }
}

/// The technique that the weights were quantised with, as the library names it: `gptq`, `awq`, `bitsandbytes`, `fp8`.
/// The number of bits is no part of the name: programs look for the word alone.
fn quantization(config: &Map<String, Value>) -> Option<String> {
    // The second name is that of early releases of compressed-tensors.
    let settings = ["quantization_config", "compression_config"]
        .iter()
        .find_map(|key| config.get(*key)?.as_object())?;
    let method = settings.get("quant_method").and_then(Value::as_str);
    let is_on = |key: &str| settings.get(key).and_then(Value::as_bool) == Some(true);
    match method.filter(|method| !method.is_empty()) {
        Some(method) => Some(method.to_ascii_lowercase()),
        // Configurations from before the key had a name for it.
        None => (is_on("load_in_4bit") || is_on("load_in_8bit")).then(|| "bitsandbytes".to_owned()),
    }
}
