//! Which dialect an artifact is written in.

use serde_json::Value;

use crate::{Family, Manifest, MediaType, docker};

/// The dialect of a model artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// CNCF ModelPack.
    ModelPack(Family),
    /// Docker's.
    Docker(docker::Version),
    /// A ModelPack config under the media type of a Docker config. Docker's daemon writes that when it
    /// is asked to change a ModelPack model.
    Mixed(docker::Version),
}

impl Dialect {
    /// The dialect of an artifact: by the media type of its config, and by the shape of the config
    /// where that type is neither's. Nothing for what is no model.
    #[must_use]
    pub fn of(manifest: &Manifest, config: &[u8]) -> Option<Self> {
        match &manifest.config.media_type {
            MediaType::ModelConfig(family) => Some(Self::ModelPack(*family)),
            MediaType::DockerModelConfig(version) => Some(match Shape::of(config) {
                Some(Shape::ModelPack) => Self::Mixed(*version),
                _ => Self::Docker(*version),
            }),
            MediaType::Other(_) => match (&manifest.artifact_type, Shape::of(config)?) {
                (Some(MediaType::ModelManifest(family)), Shape::ModelPack) => {
                    Some(Self::ModelPack(*family))
                }
                (_, Shape::ModelPack) => Some(Self::ModelPack(Family::Cncf)),
                (_, Shape::Docker) => Some(Self::Docker(docker::Version::V01)),
            },
            _ => None,
        }
    }

    /// What it is called in messages.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::ModelPack(_) => "ModelPack",
            Self::Docker(docker::Version::V01) => "Docker v0.1",
            Self::Docker(docker::Version::V02) => "Docker v0.2",
            Self::Mixed(_) => "a mixture of Docker's dialect and ModelPack",
        }
    }
}

/// What a config looks like.
enum Shape {
    ModelPack,
    Docker,
}

impl Shape {
    /// The published form of Docker's dialect has `createdAt` too, so only what the other dialect never
    /// has decides.
    fn of(config: &[u8]) -> Option<Self> {
        let config: Value = serde_json::from_slice(config).ok()?;
        let has = |pointer: &str| {
            config
                .pointer(pointer)
                .is_some_and(|value| !value.is_null())
        };
        let is_docker = config.pointer("/rootfs/type").and_then(Value::as_str) == Some("rootfs")
            || has("/files") && !has("/modelfs");
        if has("/modelfs") || has("/config/paramSize") && !is_docker {
            Some(Self::ModelPack)
        } else if is_docker {
            Some(Self::Docker)
        } else {
            None
        }
    }
}
