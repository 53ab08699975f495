//! One view of a model, whichever dialect its artifact is written in.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::convert::{CONTEXT_SIZE, mapping, values};
use crate::{
    Descriptor, Dialect, Digest, DockerConfig, Document, Encoding, Error, FilePath, Kind, Manifest,
    MediaType, Model, Timestamp, annotations, docker,
};

/// What a file is to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileRole {
    /// Weights of the model itself.
    Weight,
    /// A projector that lets it see or hear.
    Projector,
    /// A low-rank adapter.
    Adapter,
    /// A smaller model that guesses ahead.
    DraftModel,
    /// A chat template.
    ChatTemplate,
    /// A licence.
    License,
    /// How the model is run by default.
    Runtime,
    /// Any other configuration, such as a tokenizer.
    Config,
    /// Documentation.
    Doc,
    /// Code.
    Code,
    /// Data.
    Dataset,
    /// An archive of configuration files.
    Archive,
    /// Something else.
    Other,
}

impl FileRole {
    /// What it is called in reports and in the annotation [`ROLE`](crate::convert::ROLE).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Projector => "projector",
            Self::Adapter => "adapter",
            Self::DraftModel => "draft-model",
            Self::ChatTemplate => "chat-template",
            Self::License => "license",
            Self::Runtime => "runtime",
            Self::Config => "config",
            Self::Doc => "doc",
            Self::Code => "code",
            Self::Dataset => "dataset",
            Self::Archive => "archive",
            Self::Other => "other",
        }
    }
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelFile {
    /// Where it goes: as the artifact says, or by its role where it says nothing. An archive that does
    /// not say has none.
    pub path: Option<FilePath>,
    /// What it is to the model.
    pub role: FileRole,
    /// How it became a layer.
    pub encoding: Encoding,
    /// The layer.
    pub layer: Descriptor,
}

/// A model, whichever dialect its artifact is written in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelView {
    /// The dialect.
    pub dialect: Dialect,
    /// Name; Docker's dialect has none.
    pub name: Option<String>,
    /// Family; that of Docker's dialect is its architecture.
    pub family: Option<String>,
    /// Architecture.
    pub architecture: Option<String>,
    /// Format of the weights, in lower case.
    pub format: Option<String>,
    /// Number of parameters, as the artifact prints it.
    pub parameters: Option<String>,
    /// How it is quantised, as the artifact prints it.
    pub quantization: Option<String>,
    /// Precision; Docker's dialect has none.
    pub precision: Option<String>,
    /// How many tokens it is loaded for.
    pub context_size: Option<i64>,
    /// When the artifact was made.
    pub created: Option<Timestamp>,
    /// Keys and values of the header of the weights; ModelPack has none.
    pub metadata: BTreeMap<String, String>,
    /// Uncompressed digests, one for each layer.
    pub diff_ids: Vec<Digest>,
    /// The files, in the order of the layers.
    pub files: Vec<ModelFile>,
}

impl ModelFile {
    /// What it is in ModelPack.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        mapping::to_modelpack(self)
            .as_layer()
            .map(|layer| layer.kind)
    }
}

impl Document<Model> {
    /// Reads the config of an artifact of either dialect as ModelPack says it. The bytes and their
    /// digest are those of the config that was received.
    ///
    /// # Errors
    /// [`Error::NotAModel`], and those of [`Document::parse_verified`].
    pub fn read_either(manifest: &Manifest, config: Bytes) -> Result<Self, Error> {
        let expected = &manifest.config.digest;
        match Dialect::of(manifest, &config) {
            Some(Dialect::Docker(_)) => {
                let document = Document::<DockerConfig>::parse_verified(config, expected)?;
                let mut model = values::model(document.value(), manifest);
                let said: Vec<Digest> = document.value().diff_ids().copied().collect();
                if !said.is_empty() {
                    model.modelfs.diff_ids = said;
                }
                Ok(document.map(|_| model))
            }
            Some(_) => Self::parse_verified(config, expected),
            // A config that is neither says best itself what is wrong with it.
            None if manifest.is_model() => Self::parse_verified(config, expected),
            None => Err(Error::NotAModel {
                actual: manifest.kind().describe(),
            }),
        }
    }
}

impl ModelView {
    /// Reads an artifact of either dialect. Layers without a name get one, so that no two files of an
    /// artifact can be written over each other.
    ///
    /// # Errors
    /// [`Error::NotAModel`], those of reading its config, [`Error::InvalidPath`] and
    /// [`Error::PathCollision`] for files that cannot exist in one directory.
    pub fn read(manifest: &Manifest, config: &[u8]) -> Result<Self, Error> {
        let Some(dialect) = Dialect::of(manifest, config) else {
            return Err(Error::NotAModel {
                actual: manifest.kind().describe(),
            });
        };
        let files = mapping::files(manifest)?;
        let bytes = config.to_vec().into();
        let mut view = match dialect {
            Dialect::Docker(_) => Self::of_docker(dialect, Document::parse(bytes)?.into_value()),
            _ => Self::of_modelpack(dialect, Document::parse(bytes)?.into_value(), manifest),
        };
        view.files = files;
        Ok(view)
    }

    fn of_modelpack(dialect: Dialect, model: Model, manifest: &Manifest) -> Self {
        let context_size = manifest.annotations.get(CONTEXT_SIZE);
        Self {
            dialect,
            name: model.descriptor.name,
            family: model.descriptor.family,
            architecture: model.config.architecture,
            format: model.config.format.map(|format| format.to_lowercase()),
            parameters: model.config.param_size,
            quantization: model.config.quantization,
            precision: model.config.precision,
            context_size: context_size.and_then(|text| text.parse().ok()),
            created: model.descriptor.created_at,
            metadata: BTreeMap::new(),
            diff_ids: model.modelfs.diff_ids,
            files: Vec::new(),
        }
    }

    fn of_docker(dialect: Dialect, config: DockerConfig) -> Self {
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let created = config.created().cloned();
        let diff_ids = config.diff_ids().copied().collect();
        let model = config.config;
        // The published form has no fields for them.
        let said = |key: &str| model.gguf.get(key).cloned().map(text);
        let architecture = model.architecture.clone().or_else(|| said("architecture"));
        let parameters = model.parameters.clone().or_else(|| said("parameter_count"));
        let metadata = [model.gguf, model.safetensors, model.diffusers];
        Self {
            dialect,
            name: None,
            family: architecture.clone(),
            architecture,
            format: model.format.map(|format| match format.as_str() {
                "diffusers" => "dduf".to_owned(),
                other => other.to_lowercase(),
            }),
            parameters,
            quantization: model.quantization,
            precision: None,
            context_size: model.context_size,
            created,
            metadata: metadata
                .into_iter()
                .flatten()
                .map(|(key, value)| (key, text(value)))
                .collect(),
            diff_ids,
            files: Vec::new(),
        }
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.layer.size))
    }

    /// The files with a role.
    pub fn with_role(&self, role: FileRole) -> impl Iterator<Item = &ModelFile> {
        self.files.iter().filter(move |file| file.role == role)
    }
}

/// The encoding of a layer of either dialect.
pub(crate) fn encoding(media_type: &MediaType) -> Encoding {
    match media_type {
        MediaType::Layer(layer) => layer.encoding,
        MediaType::DockerModelLayer(layer) if layer.is_archive() => Encoding::Tar,
        _ => Encoding::Raw,
    }
}

/// The path that a layer says, or nothing.
pub(crate) fn said_path(layer: &Descriptor) -> Result<Option<FilePath>, Error> {
    annotations::filepath(layer)
}

/// Whether a Docker layer of this kind needs a name.
pub(crate) fn is_docker_archive(media_type: &MediaType) -> bool {
    matches!(media_type, MediaType::DockerModelLayer(layer) if docker::Layer::is_archive(*layer))
}
