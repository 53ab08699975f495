//! Rules of annotations, on the manifest as on its layers.

use serde_json::Value;

use super::artifact::{shape, step};
use super::{Artifact, Finding, Level, Rule, Subject};
use crate::annotations::{
    FILE_METADATA, FILEPATH, LEGACY_FILE_METADATA, LEGACY_FILE_METADATA_V004, LEGACY_FILEPATH,
    MEDIATYPE_UNTESTED,
};
use crate::{FileMetadata, FilePath, Timestamp};

const LAYERS: &str = "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#oci-image-manifest-specification-for-model-artifacts";
const KEYS: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#layer-annotation-keys";
const METADATA: &str = "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#file-metadata-annotation-value";
const GENERAL: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#annotations";

const fn rule(
    id: &'static str,
    level: Level,
    anchor: &'static str,
    summary: &'static str,
    check: fn(&Artifact<'_>) -> Vec<Finding>,
) -> Rule {
    Rule {
        id,
        level,
        subject: Subject::Manifest,
        anchor,
        summary,
        check,
    }
}

pub(super) static RULES: &[Rule] = &[
    rule(
        "annotations.text",
        Level::Must,
        LAYERS,
        "annotations are an object whose values are strings",
        text,
    ),
    rule(
        "annotations.key-shape",
        Level::Should,
        GENERAL,
        "keys are not empty and use reverse domain notation, as OCI's rules of annotations have it",
        key_shape,
    ),
    rule(
        "annotations.reserved-keys",
        Level::Should,
        GENERAL,
        "keys under `org.opencontainers.` are those that OCI defines",
        reserved_keys,
    ),
    rule(
        "annotations.predefined-keys",
        Level::Should,
        LAYERS,
        "what a layer says of its file stands under the predefined keys",
        predefined_keys,
    ),
    rule(
        "annotations.filepath",
        Level::Should,
        KEYS,
        "the file path of a layer names a file inside the model directory",
        filepath,
    ),
    rule(
        "annotations.file-metadata",
        Level::Should,
        METADATA,
        "the file metadata of a layer is JSON text with the described fields",
        file_metadata,
    ),
    rule(
        "annotations.untested",
        Level::Should,
        KEYS,
        "the mark of an untested media type is `true` or `false`",
        untested,
    ),
];

/// Annotations of OCI that may stand under its reserved prefix
/// (<https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys>).
const OCI_KEYS: [&str; 14] = [
    "created",
    "authors",
    "url",
    "documentation",
    "source",
    "version",
    "revision",
    "vendor",
    "licenses",
    "ref.name",
    "title",
    "description",
    "base.digest",
    "base.name",
];

/// Every `annotations` field with its pointer.
fn fields<'a>(artifact: &'a Artifact<'_>) -> impl Iterator<Item = (String, &'a Value)> {
    let of = |pointer: &str| artifact.in_manifest(pointer);
    let top = of("/annotations").map(|value| ("/annotations".to_owned(), value));
    let config = of("/config/annotations").map(|value| ("/config/annotations".to_owned(), value));
    let layers = artifact.layers().filter_map(|(index, layer)| {
        let value = layer.get("annotations").filter(|value| !value.is_null())?;
        Some((format!("/layers/{index}/annotations"), value))
    });
    top.into_iter().chain(config).chain(layers)
}

/// Judges every key of every annotation.
fn per_key(artifact: &Artifact<'_>, judge: impl Fn(&str) -> Option<&'static str>) -> Vec<Finding> {
    fields(artifact)
        .filter_map(|(pointer, value)| Some((pointer, value.as_object()?)))
        .flat_map(|(pointer, map)| {
            map.keys()
                .filter_map(|key| {
                    let message = judge(key)?;
                    Some(Finding::new(format!("{pointer}/{}", step(key)), message))
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Judges the text under `key` on every layer.
fn per_layer(
    artifact: &Artifact<'_>,
    key: &str,
    judge: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    artifact
        .layers()
        .filter_map(|(index, layer)| {
            let message = judge(layer.get("annotations")?.get(key)?.as_str()?)?;
            let pointer = format!("/layers/{index}/annotations/{}", step(key));
            Some(Finding::new(pointer, message))
        })
        .collect()
}

fn text(artifact: &Artifact<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (pointer, value) in fields(artifact) {
        let Some(map) = value.as_object() else {
            findings.push(Finding::new(
                pointer,
                format!("it is {}, expected an object", shape(value)),
            ));
            continue;
        };
        for (key, value) in map.iter().filter(|(_, value)| !value.is_string()) {
            findings.push(Finding::new(
                format!("{pointer}/{}", step(key)),
                format!("it is {}, expected a string", shape(value)),
            ));
        }
    }
    findings
}

fn key_shape(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_key(artifact, |key| {
        if key.is_empty() {
            Some("the key is empty")
        } else if !key.contains('.') || key.split('.').any(str::is_empty) {
            Some("the key is not in reverse domain notation, such as `com.example.my-key`")
        } else {
            None
        }
    })
}

fn reserved_keys(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_key(artifact, |key| {
        let rest = key.strip_prefix("org.opencontainers.")?;
        let defined = rest
            .strip_prefix("image.")
            .is_some_and(|name| OCI_KEYS.contains(&name));
        (!defined).then_some("the prefix is reserved and OCI does not define this key")
    })
}

fn predefined_keys(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_key(artifact, |key| match key {
        FILEPATH | FILE_METADATA | MEDIATYPE_UNTESTED => None,
        LEGACY_FILEPATH | LEGACY_FILE_METADATA | LEGACY_FILE_METADATA_V004 => {
            Some("the key is that of an older version; today it begins with `org.cncf.model.`")
        }
        other if other.starts_with("org.cncf.model.") || other.starts_with("org.cnai.model.") => {
            Some("the specification does not define this key")
        }
        _ => None,
    })
}

fn filepath(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_layer(artifact, FILEPATH, |text| {
        FilePath::parse(text).err().map(|error| error.to_string())
    })
}

fn file_metadata(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_layer(artifact, FILE_METADATA, |text| {
        match serde_json::from_str::<FileMetadata>(text) {
            Err(error) => Some(error.to_string()),
            Ok(metadata) if metadata.name.is_empty() => Some("it has no `name`".into()),
            Ok(metadata) => metadata
                .mtime
                .parse::<Timestamp>()
                .err()
                .map(|error| format!("`mtime`: {error}")),
        }
    })
}

fn untested(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_layer(artifact, MEDIATYPE_UNTESTED, |text| {
        (!matches!(text, "true" | "false")).then(|| format!("it is {text:?}"))
    })
}
