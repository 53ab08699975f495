//! Media types of ModelPack artifacts and of the documents around them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::docker;

/// What a layer holds (ModelPack specification, [layers]).
///
/// [layers]: https://github.com/modelpack/model-spec/blob/main/docs/spec.md#layers
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `weight`: model weights.
    Weight,
    /// `weight.config`: configuration of the weights, such as `config.json` and tokenizer files.
    WeightConfig,
    /// `doc`: documentation, README and licences.
    Doc,
    /// `code`: scripts and notebooks.
    Code,
    /// `dataset`: data the model was made or is evaluated with.
    Dataset,
}

impl Kind {
    /// All five, in the order of the specification.
    pub const ALL: [Self; 5] = [
        Self::Weight,
        Self::WeightConfig,
        Self::Doc,
        Self::Code,
        Self::Dataset,
    ];

    /// The word inside the media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::WeightConfig => "weight.config",
            Self::Doc => "doc",
            Self::Code => "code",
            Self::Dataset => "dataset",
        }
    }
}

/// How the files of a layer became bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// `raw`: the bytes of one file.
    Raw,
    /// `tar`.
    Tar,
    /// `tar+gzip`.
    TarGzip,
    /// `tar+zstd`.
    TarZstd,
}

impl Encoding {
    /// All four, in the order of the specification.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Tar, Self::TarGzip, Self::TarZstd];

    /// The suffix of the media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Tar => "tar",
            Self::TarGzip => "tar+gzip",
            Self::TarZstd => "tar+zstd",
        }
    }
}

/// Which name the specification had when the artifact was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Family {
    /// `application/vnd.cncf.model.*`, written today.
    #[default]
    Cncf,
    /// `application/vnd.cnai.model.*`, of specification versions up to v0.0.6; always read.
    Cnai,
}

impl Family {
    const ALL: [Self; 2] = [Self::Cncf, Self::Cnai];

    /// The word inside the media type and the annotation keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cncf => "cncf",
            Self::Cnai => "cnai",
        }
    }
}

/// The type of a ModelPack layer: what it holds, how it is encoded, and the family of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerType {
    /// What the layer holds.
    pub kind: Kind,
    /// How the files became bytes.
    pub encoding: Encoding,
    /// Which family of names is used.
    pub family: Family,
}

impl LayerType {
    /// A layer type of the family that is written today.
    #[must_use]
    pub fn new(kind: Kind, encoding: Encoding) -> Self {
        Self {
            kind,
            encoding,
            family: Family::Cncf,
        }
    }
}

impl fmt::Display for LayerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            encoding,
            family,
        } = self;
        write!(
            f,
            "application/vnd.{}.model.{}.v1.{}",
            family.as_str(),
            kind.as_str(),
            encoding.as_str()
        )
    }
}

/// A media type. Unknown ones are kept as they are and written back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MediaType {
    /// A layer of a ModelPack artifact.
    Layer(LayerType),
    /// The config of a ModelPack artifact, `application/vnd.cncf.model.config.v1+json`.
    ModelConfig(Family),
    /// The artifact type of a ModelPack manifest, `application/vnd.cncf.model.manifest.v1+json`.
    ModelManifest(Family),
    /// The config of a model in Docker's dialect.
    DockerModelConfig(docker::Version),
    /// A layer of a model in Docker's dialect.
    DockerModelLayer(docker::Layer),
    /// `application/vnd.oci.image.manifest.v1+json`.
    OciManifest,
    /// `application/vnd.oci.image.index.v1+json`.
    OciIndex,
    /// `application/vnd.oci.image.config.v1+json`.
    OciConfig,
    /// `application/vnd.oci.empty.v1+json`.
    OciEmpty,
    /// `application/vnd.docker.distribution.manifest.v2+json`.
    DockerManifest,
    /// `application/vnd.docker.distribution.manifest.list.v2+json`.
    DockerManifestList,
    /// Anything else, as it was read.
    Other(Box<str>),
}

const FIXED: [(&str, MediaType); 6] = [
    (
        "application/vnd.oci.image.manifest.v1+json",
        MediaType::OciManifest,
    ),
    (
        "application/vnd.oci.image.index.v1+json",
        MediaType::OciIndex,
    ),
    (
        "application/vnd.oci.image.config.v1+json",
        MediaType::OciConfig,
    ),
    ("application/vnd.oci.empty.v1+json", MediaType::OciEmpty),
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        MediaType::DockerManifest,
    ),
    (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        MediaType::DockerManifestList,
    ),
];

impl MediaType {
    /// The layer type, when this is a ModelPack layer.
    #[must_use]
    pub fn as_layer(&self) -> Option<LayerType> {
        match self {
            Self::Layer(layer) => Some(*layer),
            _ => None,
        }
    }

    /// Whether a document of this type is an image manifest, OCI's or Docker's.
    #[must_use]
    pub fn is_manifest(&self) -> bool {
        matches!(self, Self::OciManifest | Self::DockerManifest)
    }

    /// Whether a document of this type lists manifests.
    #[must_use]
    pub fn is_index(&self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerManifestList)
    }

    /// What an artifact with this artifact type or config type is, in words, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let known = match self {
            Self::ModelConfig(_) | Self::ModelManifest(_) | Self::Layer(_) => "a ModelPack model",
            Self::DockerModelConfig(_) | Self::DockerModelLayer(_) => {
                "a model in Docker's own format"
            }
            Self::OciConfig => "a container image",
            Self::OciIndex | Self::DockerManifestList => "an index of several manifests",
            Self::OciManifest | Self::DockerManifest => "an image manifest",
            Self::OciEmpty => "an artifact without config",
            Self::Other(text) => match other(text) {
                Some((what, _)) => what,
                None => return format!("an artifact of type `{text}`"),
            },
        };
        known.to_owned()
    }
}

impl MediaType {
    /// The tool that reads an artifact with this artifact type or config type, as far as it is known here:
    /// for messages of tools that do not.
    #[must_use]
    pub fn reader(&self) -> Option<&'static str> {
        match self {
            Self::DockerModelConfig(_) | Self::DockerModelLayer(_) => Some("docker model"),
            Self::OciConfig
            | Self::OciIndex
            | Self::DockerManifestList
            | Self::OciManifest
            | Self::DockerManifest => Some(ENGINES),
            Self::Other(text) => other(text).map(|(_, reader)| reader),
            _ => None,
        }
    }
}

/// What reads container images.
const ENGINES: &str = "docker, podman or containerd";

/// Artifacts of other tools: how the type begins, what they are, which tool reads them.
const OTHERS: [(&str, &str, &str); 13] = [
    (
        "application/vnd.docker.container.image.",
        "a container image",
        ENGINES,
    ),
    ("application/vnd.cncf.helm.", "a Helm chart", "helm"),
    ("application/vnd.cncf.flux.", "a Flux source", "flux"),
    (
        "application/vnd.docker.compose.",
        "a Compose project",
        "docker compose",
    ),
    ("application/vnd.wasm.", "a WebAssembly module", "wkg"),
    (
        "application/vnd.kitops.modelkit.",
        "a KitOps ModelKit",
        "kit",
    ),
    ("application/vnd.ollama.", "an Ollama model", "ollama"),
    (
        "application/vnd.docker.ai.",
        "a model in Docker's own format",
        "docker model",
    ),
    ("application/vnd.dev.cosign", "a signature", "cosign"),
    ("application/vnd.dev.sigstore.", "a signature", "cosign"),
    ("application/vnd.in-toto", "an attestation", "cosign"),
    ("application/vnd.cyclonedx", "a bill of materials", "oras"),
    ("application/spdx", "a bill of materials", "oras"),
];

fn other(text: &str) -> Option<(&'static str, &'static str)> {
    let known = OTHERS.iter().find(|(begin, ..)| text.starts_with(begin))?;
    Some((known.1, known.2))
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(layer) => layer.fmt(f),
            Self::ModelConfig(family) => write!(
                f,
                "application/vnd.{}.model.config.v1+json",
                family.as_str()
            ),
            Self::ModelManifest(family) => write!(
                f,
                "application/vnd.{}.model.manifest.v1+json",
                family.as_str()
            ),
            Self::DockerModelConfig(version) => f.write_str(version.as_str()),
            Self::DockerModelLayer(layer) => f.write_str(layer.as_str()),
            Self::Other(text) => f.write_str(text),
            fixed => {
                let text = FIXED
                    .iter()
                    .find(|(_, media_type)| media_type == fixed)
                    .map_or("", |(text, _)| text);
                f.write_str(text)
            }
        }
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        parse_model(text)
            .or_else(|| parse_docker(text))
            .or_else(|| {
                FIXED
                    .iter()
                    .find(|(known, _)| *known == text)
                    .map(|(_, media_type)| media_type.clone())
            })
            .unwrap_or_else(|| Self::Other(text.into()))
    }
}

fn parse_model(text: &str) -> Option<MediaType> {
    let rest = text.strip_prefix("application/vnd.")?;
    let (family, rest) = rest.split_once(".model.")?;
    let family = Family::ALL
        .into_iter()
        .find(|known| known.as_str() == family)?;
    match rest {
        "config.v1+json" => return Some(MediaType::ModelConfig(family)),
        "manifest.v1+json" => return Some(MediaType::ModelManifest(family)),
        _ => {}
    }
    let (kind, encoding) = rest.split_once(".v1.")?;
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    let encoding = Encoding::ALL
        .into_iter()
        .find(|known| known.as_str() == encoding)?;
    Some(MediaType::Layer(LayerType {
        kind,
        encoding,
        family,
    }))
}

fn parse_docker(text: &str) -> Option<MediaType> {
    let config = docker::Version::ALL
        .into_iter()
        .find(|version| version.as_str() == text)
        .map(MediaType::DockerModelConfig);
    config.or_else(|| {
        docker::Layer::ALL
            .into_iter()
            .find(|layer| layer.as_str() == text)
            .map(MediaType::DockerModelLayer)
    })
}

impl FromStr for MediaType {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl From<LayerType> for MediaType {
    fn from(layer: LayerType) -> Self {
        Self::Layer(layer)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}
