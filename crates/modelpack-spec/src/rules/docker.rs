//! Rules of Docker's dialect.
//!
//! They are what Docker Model Runner asks for, since its published document describes something else.
//! Without the first, an artifact is refused; without the others it is read wrongly or in part.

use std::collections::BTreeMap;

use serde_json::Value;

use super::artifact::{Part, shape};
use super::manifest::descriptor;
use super::{Artifact, Finding, Level, Rule, Subject, Violation};
use crate::{MediaType, PathSet, docker};

const ANCHOR: &str = "https://github.com/docker/model-spec/blob/main/spec.md";

const fn rule(
    id: &'static str,
    level: Level,
    subject: Subject,
    summary: &'static str,
    check: fn(&Artifact<'_>) -> Vec<Finding>,
) -> Rule {
    Rule {
        id,
        level,
        subject,
        anchor: ANCHOR,
        summary,
        check,
    }
}

static RULES: &[Rule] = &[
    rule(
        "docker.config-type",
        Level::Must,
        Subject::Manifest,
        "the config has one of the two media types of the dialect",
        config_type,
    ),
    rule(
        "docker.artifact-type",
        Level::Should,
        Subject::Manifest,
        "there is no artifact type",
        artifact_type,
    ),
    rule(
        "docker.layer",
        Level::Must,
        Subject::Manifest,
        "every layer is a descriptor with media type, digest and size",
        layer,
    ),
    rule(
        "docker.layer-type",
        Level::Should,
        Subject::Manifest,
        "every layer has a media type of the dialect that is still written",
        layer_type,
    ),
    rule(
        "docker.weights",
        Level::Must,
        Subject::Manifest,
        "there is at least one layer of weights, and all are of one format",
        weights,
    ),
    rule(
        "docker.filepath",
        Level::Must,
        Subject::Manifest,
        "file paths lead into the directory of the model, and no two files get in each other's way",
        filepath,
    ),
    rule(
        "docker.filepath-present",
        Level::Should,
        Subject::Manifest,
        "every layer says which file it is",
        filepath_present,
    ),
    rule(
        "docker.one-template",
        Level::Must,
        Subject::Manifest,
        "there is at most one chat template and one projector",
        only_one,
    ),
    rule(
        "docker.equal-layers",
        Level::Should,
        Subject::Manifest,
        "no two layers have the same digest, which Docker's store cannot take",
        equal_layers,
    ),
    rule(
        "docker.config-json",
        Level::Must,
        Subject::Config,
        "the config is one JSON object in which no key stands twice",
        |artifact| {
            artifact
                .config()
                .map(Part::is_one_object)
                .unwrap_or_default()
        },
    ),
    rule(
        "docker.format",
        Level::Must,
        Subject::Config,
        "`config.format` is `gguf`, `safetensors` or `dduf`",
        format,
    ),
    rule(
        "docker.context-size",
        Level::Must,
        Subject::Config,
        "`config.context_size`, where given, is a number from 1 to 2147483647, or -1",
        context_size,
    ),
    rule(
        "docker.created",
        Level::Must,
        Subject::Config,
        "the time is `descriptor.created`: `createdAt` makes it another dialect",
        created,
    ),
    rule(
        "docker.rootfs",
        Level::Must,
        Subject::Config,
        "`rootfs.type` is `rootfs`, and its diff ids are the digests of the layers, in their order",
        rootfs,
    ),
];

/// The rules of the dialect.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter()
}

/// Holds an artifact of Docker's dialect, as bytes, against its rules.
#[must_use]
pub fn check_artifact(manifest: &[u8], config: &[u8]) -> Vec<Violation> {
    let artifact = Artifact::new(manifest, config);
    all()
        .flat_map(|rule| {
            (rule.check)(&artifact)
                .into_iter()
                .map(move |finding| Violation {
                    rule,
                    pointer: finding.pointer,
                    message: finding.message,
                })
        })
        .collect()
}

fn media_type(layer: &Value) -> Option<MediaType> {
    layer["mediaType"].as_str().map(MediaType::from)
}

fn kind(layer: &Value) -> Option<docker::Layer> {
    match media_type(layer)? {
        MediaType::DockerModelLayer(kind) => Some(kind),
        _ => None,
    }
}

fn path(layer: &Value) -> Option<&str> {
    layer["annotations"][crate::annotations::FILEPATH].as_str()
}

fn config_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/config/mediaType";
    let text = artifact.in_manifest(POINTER).and_then(Value::as_str);
    match text.map(MediaType::from) {
        Some(MediaType::DockerModelConfig(_)) => Vec::new(),
        Some(other) => vec![Finding::new(POINTER, format!("`{other}` is none of them"))],
        None => vec![Finding::new(POINTER, "it is missing")],
    }
}

fn artifact_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/artifactType";
    let found = artifact.in_manifest(POINTER);
    found
        .map(|found| Finding::new(POINTER, format!("it is {found}")))
        .into_iter()
        .collect()
}

fn layer(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .layers()
        .flat_map(|(index, layer)| descriptor(layer, &format!("/layers/{index}")))
        .collect()
}

fn layer_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .layers()
        .filter_map(|(index, layer)| {
            let found = media_type(layer)?;
            let problem = match kind(layer) {
                None => "is not among them",
                Some(docker::Layer::PublishedProjector) => "is read by no tool",
                Some(kind) if kind.is_archive() => "is no longer written",
                Some(_) => return None,
            };
            let pointer = format!("/layers/{index}/mediaType");
            Some(Finding::new(pointer, format!("`{found}` {problem}")))
        })
        .collect()
}

fn weights(artifact: &Artifact<'_>) -> Vec<Finding> {
    let mut kinds: Vec<docker::Layer> = artifact
        .layers()
        .filter_map(|(_, layer)| kind(layer))
        .filter(|kind| kind.is_weight())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.len() {
        0 => vec![Finding::new("/layers", "none of them holds weights")],
        1 => Vec::new(),
        _ => vec![Finding::new(
            "/layers",
            "they hold weights of several formats",
        )],
    }
}

fn filepath(artifact: &Artifact<'_>) -> Vec<Finding> {
    let mut seen = PathSet::new();
    artifact
        .layers()
        .filter(|(_, layer)| !kind(layer).is_some_and(docker::Layer::is_archive))
        .filter_map(|(index, layer)| {
            let parsed = crate::FilePath::parse(path(layer)?).and_then(|path| seen.insert(&path));
            let error = parsed.err()?;
            let pointer = format!("/layers/{index}/annotations/org.cncf.model.filepath");
            Some(Finding::new(pointer, error.to_string()))
        })
        .collect()
}

fn filepath_present(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .layers()
        .filter(|(_, layer)| path(layer).is_none())
        .map(|(index, _)| Finding::new(format!("/layers/{index}"), "it has no file path"))
        .collect()
}

fn only_one(artifact: &Artifact<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (wanted, name) in [
        (docker::Layer::ChatTemplate, "chat template"),
        (docker::Layer::Projector, "projector"),
    ] {
        let more = artifact
            .layers()
            .filter(|(_, layer)| kind(layer) == Some(wanted))
            .skip(1);
        found.extend(more.map(|(index, _)| {
            Finding::new(format!("/layers/{index}"), format!("it is another {name}"))
        }));
    }
    found
}

fn equal_layers(artifact: &Artifact<'_>) -> Vec<Finding> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    artifact
        .layers()
        .filter_map(|(index, layer)| {
            let digest = layer["digest"].as_str()?;
            let before = *first.entry(digest).or_insert(index);
            (before != index).then(|| {
                Finding::new(
                    format!("/layers/{index}/digest"),
                    format!("it is that of layer {before}"),
                )
            })
        })
        .collect()
}

fn format(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/config/format";
    match artifact.in_config(POINTER).and_then(Value::as_str) {
        Some("gguf" | "safetensors" | "dduf") => Vec::new(),
        Some(other) => vec![Finding::new(POINTER, format!("{other:?} is none of them"))],
        None => vec![Finding::new(POINTER, "it is missing")],
    }
}

fn context_size(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/config/context_size";
    let Some(found) = artifact.in_config(POINTER) else {
        return Vec::new();
    };
    match found.as_i64() {
        Some(-1 | 1..=crate::convert::MAX_CONTEXT_SIZE) => Vec::new(),
        Some(other) => vec![Finding::new(POINTER, format!("it is {other}"))],
        None => vec![Finding::new(POINTER, format!("it is {}", shape(found)))],
    }
}

fn created(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/descriptor/createdAt";
    let found = artifact.in_config(POINTER);
    found
        .map(|_| Finding::new(POINTER, "it is there"))
        .into_iter()
        .collect()
}

fn rootfs(artifact: &Artifact<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    match artifact.in_config("/rootfs/type").and_then(Value::as_str) {
        Some("rootfs") => {}
        _ => found.push(Finding::new("/rootfs/type", "it is not `rootfs`")),
    }
    if artifact.manifest().is_none() {
        return found;
    }
    let digests: Vec<&str> = artifact
        .layers()
        .filter_map(|(_, layer)| layer["digest"].as_str())
        .collect();
    let ids: Vec<&str> = artifact
        .in_config("/rootfs/diff_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if ids.len() != digests.len() {
        let message = format!("there are {} for {} layers", ids.len(), digests.len());
        found.push(Finding::new("/rootfs/diff_ids", message));
    } else if let Some(index) = (0..ids.len()).find(|index| ids[*index] != digests[*index]) {
        let pointer = format!("/rootfs/diff_ids/{index}");
        found.push(Finding::new(pointer, "it is not the digest of that layer"));
    }
    found
}
