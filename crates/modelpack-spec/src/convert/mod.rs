//! From one dialect to the other, without touching a byte of a file.
//!
//! [`convert`] makes a new manifest and a new config; the layers stay what they are, in their order.
//! Nothing is lost: what the other dialect has no field for is kept in the annotation [`SOURCE`], so that
//! converting back gives the very documents that were converted, byte for byte.
//!
//! ```
//! use modelpack_spec::convert::{ConvertOptions, Target, convert};
//! use modelpack_spec::{Document, LayerType, Kind, Encoding, Descriptor, Digest, Manifest, Model, ModelFs, annotations};
//!
//! let weight = Digest::sha256(b"weights");
//! let mut layer = Descriptor::new(LayerType::new(Kind::Weight, Encoding::Raw).into(), weight, 7);
//! layer.annotations.insert(annotations::FILEPATH.into(), "model.gguf".into());
//! let mut model = Model::default();
//! model.descriptor.name = Some("tiny".into());
//! model.config.format = Some("gguf".into());
//! model.modelfs = ModelFs::new(vec![weight]);
//! let config = Document::write(model);
//! let manifest = Document::write(Manifest::model(config.descriptor(), vec![layer]));
//!
//! let docker = convert(&manifest, config.bytes(), Target::Docker, &ConvertOptions::default())?;
//! let layer = &docker.manifest.value().layers[0];
//! assert_eq!(layer.media_type.to_string(), "application/vnd.docker.ai.gguf.v3");
//!
//! let back = convert(&docker.manifest, &docker.config, Target::ModelPack, &ConvertOptions::default())?;
//! assert_eq!(back.manifest.bytes(), manifest.bytes());
//! assert_eq!(&back.config, config.bytes());
//! # Ok::<(), modelpack_spec::Error>(())
//! ```

mod legacy;
pub(crate) mod mapping;
mod patch;
mod source;
pub(crate) mod values;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::docker::{self, Version};
use crate::{
    Descriptor, Dialect, Digest, Document, Error, Family, Manifest, MediaType, ModelFile,
    annotations,
};

pub use legacy::to_family;

/// Annotation of a manifest that was converted: what it was converted from, as far as the manifest
/// itself does not say.
pub const SOURCE: &str = "org.modelpack.source";
/// Annotation of a ModelPack manifest: how many tokens the model is loaded for. ModelPack has no
/// field for that.
pub const CONTEXT_SIZE: &str = "org.modelpack.context-size";
/// Annotation of a layer whose media type does not say what it is to the model: `adapter`,
/// `projector`, `draft-model`.
pub const ROLE: &str = "org.modelpack.role";
/// Annotation of an adapter's layer: the digest of the manifest of the model that it belongs to.
pub const BASE: &str = "org.modelpack.base";
/// Annotation of a layer: the media type of its content, where that of the layer says only that it is
/// a file.
pub const CONTENT_TYPE: &str = "org.modelpack.content-type";
/// The media type of a [`RuntimeConfig`](crate::RuntimeConfig), as it stands under [`CONTENT_TYPE`].
pub const RUNTIME_TYPE: &str = "application/vnd.modelpack.runtime.v1+json";
/// Largest context size: Docker's tools keep it in a signed number of 32 bits.
pub const MAX_CONTEXT_SIZE: i64 = i32::MAX as i64;

/// Which dialect an artifact is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// CNCF ModelPack.
    ModelPack,
    /// Docker's dialect.
    Docker,
}

/// What is known of the weights when an artifact is written in Docker's dialect, which says more of
/// them than ModelPack does.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DockerFacts {
    /// Number of parameters: `8.02B`.
    pub parameters: Option<String>,
    /// Quantisation: `MOSTLY_Q4_K_M`.
    pub quantization: Option<String>,
    /// Architecture, such as `llama`.
    pub architecture: Option<String>,
    /// Size of the weights: `4.58GiB`.
    pub size: Option<String>,
    /// Context size, where nothing else is asked for.
    pub context_size: Option<i64>,
    /// The header of a GGUF file.
    pub gguf: BTreeMap<String, serde_json::Value>,
    /// The header of a safetensors file.
    pub safetensors: BTreeMap<String, serde_json::Value>,
    /// What a DDUF file is called.
    pub diffusers: BTreeMap<String, serde_json::Value>,
}

/// How [`convert`] works.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ConvertOptions {
    /// The version of Docker's dialect; by default v0.1 for GGUF and DDUF, and v0.2 for everything else.
    pub version: Option<Version>,
    /// What is known of the weights.
    pub facts: DockerFacts,
    /// Write no [`SOURCE`]: for an artifact that only now gets its form.
    pub forget: bool,
}

/// An artifact in another dialect.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Converted {
    /// The new manifest. Its layers have the digests and sizes of those before, in the same order.
    pub manifest: Document<Manifest>,
    /// The new config, which the manifest names.
    pub config: Bytes,
    /// The dialect that it was in.
    pub from: Dialect,
    /// Whether it was in the wanted dialect already, so that nothing changed.
    pub unchanged: bool,
}

/// Writes an artifact in another dialect: pure, and no layer is read.
///
/// An artifact that was converted before is given back as it was, unless it was changed since.
///
/// # Errors
/// [`Error::NotAModel`], [`Error::Inconvertible`] for what the other dialect cannot hold (archives),
/// [`Error::InvalidPath`], [`Error::PathCollision`], and those of reading a config.
pub fn convert(
    manifest: &Document<Manifest>,
    config: &Bytes,
    target: Target,
    options: &ConvertOptions,
) -> Result<Converted, Error> {
    let promised = &manifest.value().config;
    let actual = Digest::of(promised.digest.algorithm(), config);
    if actual != promised.digest {
        return Err(Error::DigestMismatch {
            document: "config",
            expected: promised.digest,
            actual,
        });
    }
    let Some(from) = Dialect::of(manifest.value(), config) else {
        return Err(Error::NotAModel {
            actual: manifest.value().kind().describe(),
        });
    };
    let is_there = matches!(
        (from, target),
        (Dialect::ModelPack(_), Target::ModelPack) | (Dialect::Docker(_), Target::Docker)
    );
    if is_there {
        return Ok(Converted {
            manifest: manifest.clone(),
            config: config.clone(),
            from,
            unchanged: true,
        });
    }
    let (manifest, config) = match source::restore(manifest.value(), config, target) {
        Some(restored) => restored,
        None => {
            let plain = plain(manifest.value(), config, from, target, options)?;
            match from {
                // What was broken is not worth being given back.
                _ if options.forget => (source::write(&plain.0, target)?, plain.1),
                Dialect::Mixed(_) => (source::write(&plain.0, target)?, plain.1),
                _ => source::remember(plain, (manifest, config), target)?,
            }
        }
    };
    Ok(Converted {
        manifest,
        config,
        from,
        unchanged: false,
    })
}

/// The documents in the other dialect, with what has a field there.
fn plain(
    manifest: &Manifest,
    config: &Bytes,
    from: Dialect,
    target: Target,
    options: &ConvertOptions,
) -> Result<(Manifest, Bytes), Error> {
    let files = mapping::files(manifest)?;
    let mut written = manifest.clone();
    written.annotations.remove(SOURCE);
    written.subject = None;
    written.media_type = Some(MediaType::OciManifest);
    match target {
        Target::ModelPack => {
            written.layers = layers(&files, |file| Ok(mapping::to_modelpack(file)))?;
            written.artifact_type = Some(MediaType::ModelManifest(Family::Cncf));
            let config = if let Dialect::Mixed(_) = from {
                // Only the type was wrong.
                config.clone()
            } else {
                let docker: docker::DockerConfig = Document::parse(config.clone())?.into_value();
                if let Some(size) = docker.config.context_size {
                    written
                        .annotations
                        .insert(CONTEXT_SIZE.to_owned(), size.to_string());
                }
                Document::write(values::model(&docker, manifest))
                    .bytes()
                    .clone()
            };
            written.config = descriptor(MediaType::ModelConfig(Family::Cncf), &config);
            Ok((written, config))
        }
        Target::Docker => {
            let model: crate::Model = Document::parse(config.clone())?.into_value();
            let format = model
                .config
                .format
                .as_ref()
                .map(|format| format.to_lowercase());
            written.layers = layers(&files, |file| mapping::to_docker(file, format.as_deref()))?;
            mapping::weights_first(&mut written.layers);
            written.artifact_type = None;
            let context_size = written.annotations.remove(CONTEXT_SIZE);
            let context_size = context_size
                .as_deref()
                .map(self::context_size)
                .transpose()?;
            let config = values::docker_config(&model, manifest, context_size, &options.facts);
            let config = config.to_document()?.bytes().clone();
            let version = options.version.unwrap_or_else(|| version(&written.layers));
            written.config = descriptor(MediaType::DockerModelConfig(version), &config);
            Ok((written, config))
        }
    }
}

/// A context size that every tool can hold.
///
/// # Errors
/// [`Error::Inconvertible`] for a number outside of 1 to 2³¹ − 1, but for −1: as many as it can.
pub fn context_size(text: &str) -> Result<i64, Error> {
    let number: Option<i64> = text.parse().ok();
    number
        .filter(|number| *number == -1 || (1..=MAX_CONTEXT_SIZE).contains(number))
        .ok_or_else(|| Error::Inconvertible {
            what: format!("the context size `{}`", text.escape_debug()),
            reason: format!("it has to be a number from 1 to {MAX_CONTEXT_SIZE}"),
        })
}

/// The widest-read version that holds these layers: other tools than Docker's read v0.1 only.
fn version(layers: &[Descriptor]) -> Version {
    let holds = |wanted: &[docker::Layer]| {
        layers.iter().any(|layer| {
            matches!(&layer.media_type, MediaType::DockerModelLayer(kind) if wanted.contains(kind))
        })
    };
    let is_single =
        holds(&[docker::Layer::Gguf, docker::Layer::Dduf]) && !holds(&[docker::Layer::Safetensors]);
    if is_single {
        Version::V01
    } else {
        Version::V02
    }
}

fn layers(
    files: &[ModelFile],
    media_type: impl Fn(&ModelFile) -> Result<MediaType, Error>,
) -> Result<Vec<Descriptor>, Error> {
    files
        .iter()
        .map(|file| {
            let mut layer = file.layer.clone();
            layer.media_type = media_type(file)?;
            if let Some(path) = &file.path {
                layer.annotations.remove(annotations::LEGACY_FILEPATH);
                layer
                    .annotations
                    .insert(annotations::FILEPATH.to_owned(), path.to_string());
            }
            Ok(layer)
        })
        .collect()
}

fn descriptor(media_type: MediaType, bytes: &Bytes) -> Descriptor {
    Descriptor::new(media_type, Digest::sha256(bytes), bytes.len() as u64)
}
