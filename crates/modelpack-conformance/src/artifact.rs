//! The suite `artifact` over documents and over what was found out about blobs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use modelpack_spec::docker::DockerConfig;
use modelpack_spec::rules::{self, Artifact, Contents};
use modelpack_spec::{Document, Encoding, Manifest, MediaType, Model, PathSet, annotations};
use serde_json::Value;

use crate::requirement::{FILE_SIZE, READER_CONFIG, READER_MANIFEST, READER_PATHS};
use crate::{Check, Error, Finding, Report, RuleSet};

/// Largest document that is read: what careful readers take of a config, which is allowed the most.
pub(crate) const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Findings by the requirement that they break; one without findings was looked at and holds.
pub(crate) type Found = BTreeMap<&'static str, Vec<Finding>>;

impl RuleSet {
    /// Which rules fit a manifest: Docker's when the config has a media type of Docker's, or when it
    /// has none of ModelPack's and a layer has one of Docker's.
    #[must_use]
    pub fn of(manifest: &[u8]) -> Self {
        let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
        let is_docker = |value: &Value| {
            let text = value["mediaType"].as_str().unwrap_or_default();
            text.starts_with("application/vnd.docker.ai.")
        };
        let config = manifest["config"]["mediaType"].as_str().unwrap_or_default();
        let is_model = matches!(MediaType::from(config), MediaType::ModelConfig(_));
        let layers = manifest["layers"].as_array();
        if is_docker(&manifest["config"])
            || !is_model && layers.into_iter().flatten().any(is_docker)
        {
            Self::Docker
        } else {
            Self::ModelPack
        }
    }
}

/// Judges a manifest and its config. What needs the layers is skipped.
#[must_use]
pub fn judge_artifact(manifest: &[u8], config: &[u8]) -> Report {
    judge(manifest, config, Vec::new(), Found::new())
}

/// Judges a manifest and its config that are files. What needs the layers is skipped.
///
/// # Errors
/// When one of them cannot be read, or is larger than any reader takes.
pub fn judge_files(manifest: impl AsRef<Path>, config: impl AsRef<Path>) -> Result<Report, Error> {
    let manifest = read_document(manifest.as_ref())?;
    let config = read_document(config.as_ref())?;
    Ok(judge_artifact(&manifest, &config))
}

pub(crate) fn read_document(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    file.take(MAX_DOCUMENT_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    Ok(content)
}

/// Judges with what was found inside the archives and about blobs.
pub(crate) fn judge(
    manifest: &[u8],
    config: &[u8],
    contents: Vec<Option<Contents>>,
    mut found: Found,
) -> Report {
    let set = RuleSet::of(manifest);
    let has_archives = contents.iter().any(Option::is_some);
    let artifact = Artifact::new(manifest, config).with_contents(contents);
    for rule in set.rules() {
        let needs_archives =
            rule.id.starts_with("archive.") || rule.id == "layers.separate-weights";
        if needs_archives && !has_archives {
            continue;
        }
        let findings = (rule.check)(&artifact).into_iter();
        let findings =
            findings.map(|finding: rules::Finding| Finding::new(finding.pointer, finding.message));
        found.insert(rule.id, findings.collect());
    }
    read(set, manifest, config, &mut found);

    let mut report = Report::default();
    for asked in set.requirements() {
        report.checks.push(match found.remove(asked.id) {
            Some(findings) => {
                Check::of(asked.id, asked.level, asked.anchor, asked.summary, findings)
            }
            None => Check::skipped(asked.id, asked.level, asked.anchor, asked.summary),
        });
    }
    report
}

/// Lets the typed readers have a look.
fn read(set: RuleSet, manifest: &[u8], config: &[u8], found: &mut Found) {
    let refusal = |error: modelpack_spec::Error| Finding::new("", error.to_string());
    let bytes = Bytes::copy_from_slice(config);
    let refused = match set {
        RuleSet::ModelPack => Document::<Model>::parse(bytes).err(),
        RuleSet::Docker => DockerConfig::read(bytes).err(),
    };
    let refused = refused.map(refusal).into_iter().collect();
    found.insert(READER_CONFIG.id, refused);
    match Document::<Manifest>::parse(Bytes::copy_from_slice(manifest)) {
        Ok(manifest) => {
            found.insert(READER_MANIFEST.id, Vec::new());
            found.insert(READER_PATHS.id, paths(manifest.value()));
            found.insert(FILE_SIZE.id, file_sizes(manifest.value()));
        }
        Err(error) => {
            found.insert(READER_MANIFEST.id, vec![refusal(error)]);
        }
    }
}

fn paths(manifest: &Manifest) -> Vec<Finding> {
    let mut set = PathSet::new();
    let mut findings = Vec::new();
    for (index, layer) in manifest.layers.iter().enumerate() {
        let added = match annotations::filepath(layer) {
            Ok(Some(path)) => set.insert(&path),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = added {
            findings.push(Finding::new(
                format!("/layers/{index}/annotations"),
                error.to_string(),
            ));
        }
    }
    findings
}

/// Metadata that cannot be read is for the rule `annotations.file-metadata`.
fn file_sizes(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, layer) in manifest.layers.iter().enumerate() {
        let is_file = match &layer.media_type {
            MediaType::DockerModelLayer(kind) => !kind.is_archive(),
            other => other
                .as_layer()
                .is_some_and(|layer| layer.encoding == Encoding::Raw),
        };
        let text = layer.annotations.get(annotations::FILE_METADATA);
        let metadata = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let size = metadata.and_then(|metadata| metadata["size"].as_u64());
        if let Some(size) = size.filter(|size| is_file && *size != layer.size) {
            let pointer = format!("/layers/{index}/annotations/{}", annotations::FILE_METADATA);
            let message = format!("`size` is {size}, but the layer has {} bytes", layer.size);
            findings.push(Finding::new(pointer, message));
        }
    }
    findings
}
