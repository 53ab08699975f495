//! Everything that can be said of a model, typed by the specification.

use std::collections::BTreeMap;

use modelpack_spec::convert::CONTEXT_SIZE;
use modelpack_spec::{Modality, ModelCapabilities, ModelConfig, ModelDescriptor, Timestamp};

use crate::diagnostic::Shown;
use crate::license;
use crate::{Error, Field, Metadata, precision};

/// Annotations that a build writes itself, with what to do instead: the recipe, as `modctl` writes it, and the context
/// size, whose value is checked elsewhere.
const RESERVED: [(&str, &str); 2] = [
    ("org.cncf.modctl.modelfile", "choose another key"),
    (
        CONTEXT_SIZE,
        "give the context size as an option of the build",
    ),
];
/// The modalities of the specification.
const MODALITIES: [&str; 6] = ["text", "image", "audio", "video", "embedding", "other"];

/// What is said of a model: the parts of its config document that describe it, and annotations.
///
/// ```
/// use modelpack_modelfile::{Field, Properties};
///
/// let mut said = Properties::default();
/// said.set(Field::License, "Apache-2.0")?;
/// said.set(Field::Precision, "bf16")?;
/// assert_eq!(said.descriptor.licenses, ["Apache-2.0"]);
/// assert_eq!(said.config.precision.as_deref(), Some("bfloat16"));
/// # Ok::<(), modelpack_modelfile::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Properties {
    /// Names and origin. Its time of creation is not said here: a build knows it.
    pub descriptor: ModelDescriptor,
    /// Technical properties.
    pub config: ModelConfig,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Properties {
    /// Says a property. A list gets one more element, unless it has it already; of anything else the
    /// last value stands. The value of [`Field::Annotation`] is `key=value`.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a value that the property cannot have.
    pub fn set(&mut self, field: Field, value: &str) -> Result<(), Error> {
        if value.is_empty() {
            let what = format!("the value of {} is empty", field.path());
            return Err(Error::InvalidValue { what, hint: None });
        }
        let (descriptor, config) = (&mut self.descriptor, &mut self.config);
        let text = || Some(value.to_owned());
        match field {
            Field::Name => descriptor.name = text(),
            Field::Family => descriptor.family = text(),
            Field::Version => descriptor.version = text(),
            Field::Title => descriptor.title = text(),
            Field::Description => descriptor.description = text(),
            Field::Vendor => descriptor.vendor = text(),
            Field::DocUrl => descriptor.doc_url = text(),
            Field::SourceUrl => descriptor.source_url = text(),
            Field::Revision => descriptor.revision = text(),
            Field::Author => add(&mut descriptor.authors, value.to_owned()),
            Field::DatasetUrl => add(&mut descriptor.datasets_url, value.to_owned()),
            Field::License => add(&mut descriptor.licenses, expression(value)?),
            Field::Arch => config.architecture = text(),
            Field::Format => config.format = text(),
            Field::ParamSize => config.param_size = text(),
            Field::Precision => {
                config.precision = Some(precision(value)).filter(|words| !words.is_empty())
            }
            Field::Quantization => config.quantization = text(),
            Field::Annotation => {
                let (key, value) = annotation(value)?;
                self.annotations.insert(key, value);
            }
            Field::Input => {
                let modality = modality(value)?;
                add(&mut capabilities(config).input_types, modality);
            }
            Field::Output => {
                let modality = modality(value)?;
                add(&mut capabilities(config).output_types, modality);
            }
            Field::Language => {
                let language = language(value)?;
                add(&mut capabilities(config).languages, language);
            }
            Field::KnowledgeCutoff => {
                let time = time(value)?;
                capabilities(config).knowledge_cutoff = Some(time);
            }
            Field::Reasoning => {
                let flag = flag(value)?;
                capabilities(config).reasoning = Some(flag);
            }
            Field::ToolUsage => {
                let flag = flag(value)?;
                capabilities(config).tool_usage = Some(flag);
            }
            Field::Reward => {
                let flag = flag(value)?;
                capabilities(config).reward = Some(flag);
            }
        }
        Ok(())
    }

    /// What is said of one property, in the form that [`Self::set`] takes; of a list every element.
    #[must_use]
    pub fn values(&self, field: Field) -> Vec<String> {
        let none = ModelCapabilities::default();
        let (descriptor, config) = (&self.descriptor, &self.config);
        let capabilities = config.capabilities.as_ref().unwrap_or(&none);
        let one = |value: &Option<String>| value.iter().cloned().collect();
        let flag = |value: Option<bool>| value.iter().map(bool::to_string).collect();
        let words =
            |words: &[Modality]| words.iter().map(|word| word.as_str().to_owned()).collect();
        match field {
            Field::Name => one(&descriptor.name),
            Field::Family => one(&descriptor.family),
            Field::Version => one(&descriptor.version),
            Field::Title => one(&descriptor.title),
            Field::Description => one(&descriptor.description),
            Field::Vendor => one(&descriptor.vendor),
            Field::DocUrl => one(&descriptor.doc_url),
            Field::SourceUrl => one(&descriptor.source_url),
            Field::Revision => one(&descriptor.revision),
            Field::Author => descriptor.authors.clone(),
            Field::DatasetUrl => descriptor.datasets_url.clone(),
            Field::License => descriptor.licenses.clone(),
            Field::Arch => one(&config.architecture),
            Field::Format => one(&config.format),
            Field::ParamSize => one(&config.param_size),
            Field::Precision => one(&config.precision),
            Field::Quantization => one(&config.quantization),
            Field::Input => words(&capabilities.input_types),
            Field::Output => words(&capabilities.output_types),
            Field::Language => capabilities.languages.clone(),
            Field::KnowledgeCutoff => {
                let time = capabilities.knowledge_cutoff.iter();
                time.map(Timestamp::to_string).collect()
            }
            Field::Reasoning => flag(capabilities.reasoning),
            Field::ToolUsage => flag(capabilities.tool_usage),
            Field::Reward => flag(capabilities.reward),
            Field::Annotation => {
                let entries = self.annotations.iter();
                entries
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect()
            }
        }
    }

    /// The same with what is not said here taken from `other`. A list is taken whole or not at all,
    /// annotations one by one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut annotations = other.annotations;
        annotations.extend(self.annotations);
        Self {
            descriptor: descriptor_or(self.descriptor, other.descriptor),
            config: config_or(self.config, other.config),
            annotations,
        }
    }
}

impl From<Metadata> for Properties {
    fn from(metadata: Metadata) -> Self {
        let mut properties = Self::default();
        properties.descriptor.family = metadata.family;
        properties.config.architecture = metadata.arch;
        properties.config.format = metadata.format;
        properties.config.param_size = metadata.param_size;
        properties.config.precision = metadata.precision.as_deref().map(precision);
        properties.config.quantization = metadata.quantization;
        properties
    }
}

fn capabilities(config: &mut ModelConfig) -> &mut ModelCapabilities {
    config.capabilities.get_or_insert_default()
}

fn add<T: PartialEq>(list: &mut Vec<T>, element: T) {
    if !list.contains(&element) {
        list.push(element);
    }
}

fn list_or<T>(list: Vec<T>, other: Vec<T>) -> Vec<T> {
    if list.is_empty() { other } else { list }
}

fn descriptor_or(mut said: ModelDescriptor, other: ModelDescriptor) -> ModelDescriptor {
    said.created_at = said.created_at.or(other.created_at);
    said.authors = list_or(said.authors, other.authors);
    said.family = said.family.or(other.family);
    said.name = said.name.or(other.name);
    said.doc_url = said.doc_url.or(other.doc_url);
    said.source_url = said.source_url.or(other.source_url);
    said.datasets_url = list_or(said.datasets_url, other.datasets_url);
    said.version = said.version.or(other.version);
    said.revision = said.revision.or(other.revision);
    said.vendor = said.vendor.or(other.vendor);
    said.licenses = list_or(said.licenses, other.licenses);
    said.title = said.title.or(other.title);
    said.description = said.description.or(other.description);
    said.extra = extra_or(said.extra, other.extra);
    said
}

fn config_or(mut said: ModelConfig, other: ModelConfig) -> ModelConfig {
    said.architecture = said.architecture.or(other.architecture);
    said.format = said.format.or(other.format);
    said.param_size = said.param_size.or(other.param_size);
    said.precision = said.precision.or(other.precision);
    said.quantization = said.quantization.or(other.quantization);
    said.capabilities = match (said.capabilities, other.capabilities) {
        (Some(said), Some(other)) => Some(capabilities_or(said, other)),
        (said, other) => said.or(other),
    };
    said.extra = extra_or(said.extra, other.extra);
    said
}

fn capabilities_or(mut said: ModelCapabilities, other: ModelCapabilities) -> ModelCapabilities {
    said.input_types = list_or(said.input_types, other.input_types);
    said.output_types = list_or(said.output_types, other.output_types);
    said.knowledge_cutoff = said.knowledge_cutoff.or(other.knowledge_cutoff);
    said.reasoning = said.reasoning.or(other.reasoning);
    said.tool_usage = said.tool_usage.or(other.tool_usage);
    said.reward = said.reward.or(other.reward);
    said.languages = list_or(said.languages, other.languages);
    said.extra = extra_or(said.extra, other.extra);
    said
}

fn extra_or<V>(said: BTreeMap<String, V>, mut other: BTreeMap<String, V>) -> BTreeMap<String, V> {
    other.extend(said);
    other
}

fn refuse<T>(what: String, hint: impl Into<String>) -> Result<T, Error> {
    let hint = Some(hint.into());
    Err(Error::InvalidValue { what, hint })
}

fn expression(text: &str) -> Result<String, Error> {
    match license::check(text) {
        Ok(()) => Ok(text.to_owned()),
        Err((why, hint)) => refuse(
            format!("`{}` is no SPDX expression: {why}", Shown(text)),
            hint,
        ),
    }
}

fn modality(word: &str) -> Result<Modality, Error> {
    if !MODALITIES.contains(&word) {
        let what = format!("`{}` is no modality", Shown(word));
        return refuse(what, format!("write one of {}", MODALITIES.join(", ")));
    }
    Ok(Modality::from(word))
}

fn language(code: &str) -> Result<String, Error> {
    if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Ok(code.to_owned());
    }
    let what = format!("`{}` is no two-letter language code", Shown(code));
    refuse(
        what,
        "write an ISO 639-1 code in lower case, such as `en`, one at a time",
    )
}

fn flag(word: &str) -> Result<bool, Error> {
    let what = || format!("`{}` is neither true nor false", Shown(word));
    word.parse()
        .or_else(|_| refuse(what(), "write `true` or `false`"))
}

/// A date stands for its first moment in UTC, since the specification wants date and time.
fn time(text: &str) -> Result<Timestamp, Error> {
    let midnight = format!("{text}T00:00:00Z");
    text.parse().or_else(|_| midnight.parse()).or_else(|_| {
        let what = format!("`{}` is neither a date nor a date and time", Shown(text));
        refuse(what, "write it as `2024-06-30` or `2024-06-30T12:00:00Z`")
    })
}

fn annotation(text: &str) -> Result<(String, String), Error> {
    let Some((key, value)) = text.split_once('=') else {
        let what = format!("`{}` has no `=` between key and value", Shown(text));
        return refuse(what, "write key=value, such as `org.example.team=vision`");
    };
    if key.is_empty() || key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let what = format!("`{}` is no key of an annotation", Shown(key));
        return refuse(
            what,
            "a key is not empty and has no spaces, such as `org.example.team`",
        );
    }
    if let Some((_, hint)) = RESERVED.iter().find(|(reserved, _)| *reserved == key) {
        let what = format!("the annotation `{key}` is written by the build");
        return refuse(what, *hint);
    }
    Ok((key.to_owned(), value.to_owned()))
}
