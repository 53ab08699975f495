//! Rules of the image manifest.

use serde_json::Value;

use super::artifact::shape;
use super::{Artifact, Finding, Level, Rule, Subject};
use crate::{Digest, Family, MediaType};

/// The section that this file restates.
const ANCHOR: &str = "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#oci-image-manifest-specification-for-model-artifacts";
/// The properties of an image manifest, which the section takes over.
const OCI: &str = "https://github.com/opencontainers/image-spec/blob/main/manifest.md#image-manifest-property-descriptions";

const fn must(
    id: &'static str,
    anchor: &'static str,
    summary: &'static str,
    check: fn(&Artifact<'_>) -> Vec<Finding>,
) -> Rule {
    Rule {
        id,
        level: Level::Must,
        subject: Subject::Manifest,
        anchor,
        summary,
        check,
    }
}

pub(super) static RULES: &[Rule] = &[
    must(
        "manifest.json",
        OCI,
        "the manifest is one JSON object in which no key stands twice",
        json,
    ),
    must(
        "manifest.schema-version",
        OCI,
        "`schemaVersion` is the number 2",
        schema_version,
    ),
    must(
        "manifest.media-type",
        ANCHOR,
        "`mediaType` is there and is that of an OCI image manifest",
        media_type,
    ),
    must(
        "manifest.artifact-type",
        ANCHOR,
        "`artifactType` is there and is that of a ModelPack manifest",
        artifact_type,
    ),
    must(
        "manifest.config",
        ANCHOR,
        "`config` is there and is a descriptor",
        config,
    ),
    must(
        "manifest.config-media-type",
        ANCHOR,
        "the media type of `config` is that of a ModelPack config",
        config_media_type,
    ),
    must(
        "manifest.config-reference",
        ANCHOR,
        "`config` refers to the config by its digest and size",
        config_reference,
    ),
    must(
        "manifest.layers",
        OCI,
        "`layers` is there and is an array",
        layers,
    ),
    must(
        "manifest.subject",
        OCI,
        "`subject`, where there is one, is a descriptor",
        subject,
    ),
];

fn json(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .manifest()
        .map(super::artifact::Part::is_one_object)
        .unwrap_or_default()
}

/// Whether there is an object at all; where there is none, only `manifest.json` speaks.
fn readable(artifact: &Artifact<'_>) -> bool {
    artifact
        .manifest()
        .is_some_and(super::artifact::Part::is_object)
}

fn schema_version(artifact: &Artifact<'_>) -> Vec<Finding> {
    if !readable(artifact) {
        return Vec::new();
    }
    match artifact.in_manifest("/schemaVersion") {
        Some(version) if version.as_u64() == Some(2) => Vec::new(),
        Some(other) => vec![Finding::new(
            "/schemaVersion",
            format!("it is {other}, expected 2"),
        )],
        None => vec![Finding::new("/schemaVersion", "it is missing")],
    }
}

fn fixed_type(artifact: &Artifact<'_>, pointer: &str, expected: &MediaType) -> Vec<Finding> {
    match artifact.in_manifest(pointer) {
        Some(Value::String(text)) if *text == expected.to_string() => Vec::new(),
        Some(found) => vec![Finding::new(
            pointer,
            format!("it is {found}, expected \"{expected}\""),
        )],
        None => vec![Finding::new(
            pointer,
            format!("it is missing, expected \"{expected}\""),
        )],
    }
}

fn media_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    if !readable(artifact) {
        return Vec::new();
    }
    fixed_type(artifact, "/mediaType", &MediaType::OciManifest)
}

fn artifact_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    if !readable(artifact) {
        return Vec::new();
    }
    fixed_type(
        artifact,
        "/artifactType",
        &MediaType::ModelManifest(Family::Cncf),
    )
}

fn config(artifact: &Artifact<'_>) -> Vec<Finding> {
    if !readable(artifact) {
        return Vec::new();
    }
    match artifact.in_manifest("/config") {
        Some(config) => descriptor(config, "/config"),
        None => vec![Finding::new("/config", "it is missing")],
    }
}

fn config_media_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    match artifact.in_manifest("/config/mediaType") {
        Some(Value::String(_)) => fixed_type(
            artifact,
            "/config/mediaType",
            &MediaType::ModelConfig(Family::Cncf),
        ),
        // Absent or of another shape: `manifest.config` says so.
        _ => Vec::new(),
    }
}

fn config_reference(artifact: &Artifact<'_>) -> Vec<Finding> {
    let Some(config) = artifact.config() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if let Some(size) = artifact.in_manifest("/config/size").and_then(Value::as_u64)
        && size != config.bytes.len() as u64
    {
        findings.push(Finding::new(
            "/config/size",
            format!(
                "it is {size}, but the config has {} bytes",
                config.bytes.len()
            ),
        ));
    }
    if let Some(digest) = artifact
        .in_manifest("/config/digest")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<Digest>().ok())
    {
        let actual = Digest::of(digest.algorithm(), config.bytes);
        if actual != digest {
            findings.push(Finding::new(
                "/config/digest",
                format!("the config has the digest {actual}"),
            ));
        }
    }
    findings
}

fn layers(artifact: &Artifact<'_>) -> Vec<Finding> {
    if !readable(artifact) {
        return Vec::new();
    }
    match artifact.in_manifest("/layers") {
        Some(Value::Array(_)) => Vec::new(),
        Some(other) => vec![Finding::new(
            "/layers",
            format!("it is {}, expected an array", shape(other)),
        )],
        None => vec![Finding::new("/layers", "it is missing")],
    }
}

fn subject(artifact: &Artifact<'_>) -> Vec<Finding> {
    match artifact.in_manifest("/subject") {
        Some(subject) => descriptor(subject, "/subject"),
        None => Vec::new(),
    }
}

/// The required properties of a descriptor
/// (<https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties>).
pub(super) fn descriptor(value: &Value, pointer: &str) -> Vec<Finding> {
    if !value.is_object() {
        return vec![Finding::new(
            pointer,
            format!("it is {}, expected a descriptor", shape(value)),
        )];
    }
    let mut findings = Vec::new();
    let mut wrong = |field: &str, message: String| {
        findings.push(Finding::new(format!("{pointer}/{field}"), message));
    };
    match &value["mediaType"] {
        Value::String(text) if text.contains('/') => {}
        Value::Null => wrong("mediaType", "it is missing".into()),
        other => wrong("mediaType", format!("{other} is no media type")),
    }
    match &value["digest"] {
        Value::String(text) => {
            if let Err(error) = text.parse::<Digest>() {
                wrong("digest", error.to_string());
            }
        }
        Value::Null => wrong("digest", "it is missing".into()),
        other => wrong("digest", format!("{other} is no digest")),
    }
    match &value["size"] {
        size if size.as_u64().is_some() => {}
        Value::Null => wrong("size", "it is missing".into()),
        other => wrong("size", format!("{other} is no size in bytes")),
    }
    findings
}
