//! What a header means: the questions that people and programs ask.

use std::collections::BTreeMap;

use crate::FileType;
use crate::dtype;
use crate::header::{Format, Header, Tensor, Value};

/// What a weight file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Role {
    /// The model itself, or a part of it.
    #[default]
    Model,
    /// A low-rank adapter (LoRA) for another model.
    Adapter,
    /// A projector that lets a model see or hear.
    Projector,
    /// A control vector that steers a model.
    ControlVector,
    /// An importance matrix that a model is quantised with.
    ImportanceMatrix,
    /// A vocabulary without weights.
    Vocabulary,
}

/// A model that another one was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BaseModel {
    /// Its name.
    pub name: Option<String>,
    /// Who made it.
    pub organization: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// Most base models that are listed; merges have a handful.
const MAX_BASES: u64 = 64;

impl Header {
    /// Number of elements of all tensors; nothing where the file does not say (PyTorch).
    #[must_use]
    pub fn parameters(&self) -> Option<u128> {
        (self.format != Format::Pytorch).then(|| elements(&self.tensors))
    }

    /// The data types, with the number of elements of each.
    #[must_use]
    pub fn dtypes(&self) -> BTreeMap<&str, u128> {
        dtypes(&self.tensors)
    }

    /// The data type that most elements have.
    #[must_use]
    pub fn main_dtype(&self) -> Option<&str> {
        most(self.dtypes())
    }

    /// The precision in the words of the ModelPack specification, such as `bfloat16`: that of most
    /// floating-point numbers, or of most integers where there are no others. Nothing when most
    /// elements are quantised.
    #[must_use]
    pub fn precision(&self) -> Option<&'static str> {
        precision(self.dtypes())
    }

    /// The file type of a GGUF file: what it says, or else what its tensors say.
    #[must_use]
    pub fn file_type(&self) -> Option<FileType> {
        if self.format != Format::Gguf {
            return None;
        }
        let said = self.metadata.get("general.file_type");
        said.and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
            .map(FileType::new)
            .or_else(|| FileType::guess(&self.tensors))
    }

    /// How a GGUF file is quantised, such as `Q4_K_M`; nothing when it is not.
    #[must_use]
    pub fn quantization(&self) -> Option<&'static str> {
        self.file_type()
            .filter(|file_type| file_type.is_quantized())?
            .name()
    }

    /// How many tokens the model was made for, where the file says so (GGUF).
    #[must_use]
    pub fn context_length(&self) -> Option<u64> {
        if self.role() != Role::Model {
            return None;
        }
        let key = format!("{}.context_length", self.architecture.as_deref()?);
        self.metadata.get(&key)?.as_u64()
    }

    /// What the file is for.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.format {
            Format::Gguf => self.gguf_role(),
            Format::Safetensors if self.tensors.iter().any(is_low_rank) => Role::Adapter,
            _ => Role::Model,
        }
    }

    fn gguf_role(&self) -> Role {
        let architecture = self.architecture.as_deref();
        match self.text("general.type") {
            Some("adapter") => Role::Adapter,
            Some("mmproj") => Role::Projector,
            Some("imatrix") => Role::ImportanceMatrix,
            _ if architecture == Some("clip") => Role::Projector,
            _ if architecture == Some("controlvector") => Role::ControlVector,
            Some("vocab") => Role::Vocabulary,
            // Files of a set may hold no tensors: the first one often does not.
            _ if self.tensors.is_empty()
                && self.tokenizer().is_some()
                && !self.metadata.contains_key("split.count") =>
            {
                Role::Vocabulary
            }
            _ => Role::Model,
        }
    }

    /// The kind of tokenizer in the file, such as `gpt2` (GGUF).
    #[must_use]
    pub fn tokenizer(&self) -> Option<&str> {
        self.text("tokenizer.ggml.model")
    }

    /// The chat template in the file (GGUF).
    #[must_use]
    pub fn chat_template(&self) -> Option<&str> {
        self.text("tokenizer.chat_template")
    }

    /// The name that the file gives the model (GGUF).
    #[must_use]
    pub fn model_name(&self) -> Option<&str> {
        self.text("general.name")
    }

    /// The licence that the file names (GGUF, and safetensors that were told).
    #[must_use]
    pub fn license(&self) -> Option<&str> {
        self.text("general.license")
            .or_else(|| self.text("license"))
    }

    /// The languages that the file names (GGUF).
    #[must_use]
    pub fn languages(&self) -> Vec<&str> {
        match self.metadata.get("general.languages") {
            Some(Value::Array { values, .. }) => values.iter().filter_map(Value::as_text).collect(),
            _ => Vec::new(),
        }
    }

    /// The models that this one was made from (GGUF).
    #[must_use]
    pub fn base_models(&self) -> Vec<BaseModel> {
        let count = self.metadata.get("general.base_model.count");
        let count = count.and_then(Value::as_u64).unwrap_or(0).min(MAX_BASES);
        (0..count)
            .map(|number| {
                let text = |field: &str| {
                    self.text(&format!("general.base_model.{number}.{field}"))
                        .map(str::to_owned)
                };
                BaseModel {
                    name: text("name"),
                    organization: text("organization"),
                    version: text("version"),
                    url: text("repo_url").or_else(|| text("url")),
                }
            })
            .collect()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key)?.as_text()
    }
}

/// Names that training libraries give the two halves of a low-rank matrix.
fn is_low_rank(tensor: &Tensor) -> bool {
    [
        ".lora_A.",
        ".lora_B.",
        ".lora_down.",
        ".lora_up.",
        ".lora_embedding_A",
    ]
    .iter()
    .any(|part| tensor.name.contains(part))
}

pub(crate) fn elements(tensors: &[Tensor]) -> u128 {
    tensors
        .iter()
        .fold(0, |sum, tensor| sum.saturating_add(tensor.elements()))
}

pub(crate) fn dtypes<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> BTreeMap<&'a str, u128> {
    let mut found: BTreeMap<&str, u128> = BTreeMap::new();
    for tensor in tensors {
        let sum = found.entry(&tensor.dtype).or_default();
        *sum = sum.saturating_add(tensor.elements());
    }
    found
}

/// The type with the most elements; of several, the first by name.
pub(crate) fn most(dtypes: BTreeMap<&str, u128>) -> Option<&str> {
    dtypes
        .into_iter()
        .rev()
        .max_by_key(|(_, elements)| *elements)
        .map(|(dtype, _)| dtype)
}

/// What most numbers are. Integers count only where there is nothing else: they are positions, or
/// packed weights whose scales tell more.
pub(crate) fn precision(mut dtypes: BTreeMap<&str, u128>) -> Option<&'static str> {
    let main = dtype::precision(most(dtypes.clone())?)?;
    dtypes.retain(|name, _| dtype::precision(name).is_some_and(|word| word.contains("float")));
    most(dtypes).and_then(dtype::precision).or(Some(main))
}
