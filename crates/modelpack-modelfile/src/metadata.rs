//! What `config.json` and `generation_config.json` say about a model.

use serde_json::Value;

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
            metadata.precision = text(&["torch_dtype", "dtype"]).or(metadata.precision);
            metadata.family = text(&["model_type"]).or(metadata.family);
            if config.contains_key("transformers_version") {
                metadata.arch = Some("transformer".to_owned());
            }
            let method = config
                .get("quantization_config")
                .and_then(|quantization| quantization.get("quant_method"));
            metadata.quantization = method
                .and_then(Value::as_str)
                .map(str::to_owned)
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
