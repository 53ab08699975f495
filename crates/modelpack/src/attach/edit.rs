//! Artifacts with one file or config more or other, as a pure decision: new documents for old ones.

use std::collections::BTreeSet;

use bytes::Bytes;
use modelpack_spec::convert::to_family;
use modelpack_spec::distribution::MANIFEST_BYTES_EVERYWHERE;
use modelpack_spec::{
    Descriptor, Digest, Document, Family, FilePath, Manifest, MediaType, Model, Reference,
    annotations, rules,
};

use crate::Error;
use crate::artifact::Artifact;
use crate::attach::Change;

/// Annotations that say which file a layer is; those of the new file stand in their place.
const FILE_KEYS: [&str; 6] = [
    annotations::FILEPATH,
    annotations::FILE_METADATA,
    annotations::LEGACY_FILEPATH,
    annotations::LEGACY_FILE_METADATA,
    annotations::LEGACY_FILE_METADATA_V004,
    annotations::TITLE,
];

/// The new documents.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub(crate) artifact: Artifact,
    pub(crate) change: Change,
}

/// Where in the list of layers a file stands. Names are compared as paths, whichever way they are
/// written: `./a` is `a`.
pub(crate) fn positions(artifact: &Artifact, path: &FilePath) -> Vec<usize> {
    let is_it = |layer: &Descriptor| {
        let text = annotations::filepath_text(layer).unwrap_or_default();
        let names = text.split('/').filter(|name| !matches!(*name, "" | "."));
        names.eq(path.as_str().split('/'))
    };
    let layers = artifact.layers().iter().enumerate();
    layers
        .filter(|(_, layer)| is_it(layer))
        .map(|(at, _)| at)
        .collect()
}

/// Only artifacts of ModelPack have a list of diff IDs that could be kept right.
pub(crate) fn require_modelpack(
    reference: &Reference,
    artifact: &Artifact,
) -> Result<Family, Error> {
    match &artifact.manifest.value().config.media_type {
        MediaType::ModelConfig(family) => Ok(*family),
        other => Err(Error::InvalidInput {
            what: format!(
                "{reference} is {}, to which nothing can be attached",
                other.describe()
            ),
            hint: Some(format!(
                "`modelpack convert {reference} --to modelpack` gives one to which it can"
            )),
        }),
    }
}

/// Adds a file at the end, or puts it in the place of the one with its name. Order, metadata and every
/// other byte of the artifact stay.
pub(crate) fn with_file(
    reference: &Reference,
    artifact: &Artifact,
    path: &FilePath,
    layer: &Descriptor,
    diff_id: Digest,
    may_replace: bool,
) -> Result<Edited, Error> {
    let family = require_modelpack(reference, artifact)?;
    let at = positions(artifact, path);
    let mut manifest = artifact.manifest.value().clone();
    let mut diff_ids = artifact.config.value().modelfs.diff_ids.clone();
    let layer = in_family(layer, family);
    let change = match at.first() {
        None => {
            manifest.layers.push(layer);
            diff_ids.push(diff_id);
            Change::Added
        }
        Some(first) => {
            let old = &manifest.layers[*first];
            let is_same = at.len() == 1 && old.digest == layer.digest;
            if is_same && !may_replace {
                return Ok(unchanged(artifact));
            }
            if !may_replace {
                return Err(Error::FileExists {
                    reference: reference.clone(),
                    path: path.clone(),
                });
            }
            manifest.layers[*first] = in_place_of(old, layer);
            diff_ids[*first] = diff_id;
            // Another tool may have written the same file twice.
            for again in at[1..].iter().rev() {
                manifest.layers.remove(*again);
                diff_ids.remove(*again);
            }
            Change::Replaced
        }
    };
    let is_same_fs = diff_ids == artifact.config.value().modelfs.diff_ids;
    let config = match is_same_fs {
        true => artifact.config.clone(),
        false => artifact.config.with_diff_ids(&diff_ids)?,
    };
    finish(artifact, manifest, config, change)
}

/// Puts a config in the place of the other. It is judged first, and has to speak of the same layers.
pub(crate) fn with_config(
    reference: &Reference,
    artifact: &Artifact,
    content: Bytes,
) -> Result<Edited, Error> {
    require_modelpack(reference, artifact)?;
    let broken: Vec<String> = musts(rules::check_config(&content)).into_iter().collect();
    if !broken.is_empty() {
        return Err(Error::RuleBroken {
            document: "new config",
            violations: broken,
        });
    }
    let config = Document::<Model>::parse(content)?;
    let (old, new) = (
        &artifact.config.value().modelfs.diff_ids,
        &config.value().modelfs.diff_ids,
    );
    if old != new {
        let differs = old.iter().zip(new).position(|(old, new)| old != new);
        let what = match differs {
            Some(at) if old.len() == new.len() => format!(
                "/modelfs/diffIds/{at} of the new config is {}, but that layer of {reference} is {}",
                new[at], old[at]
            ),
            _ => format!(
                "/modelfs/diffIds of the new config has {} entries, but {reference} has {} layers",
                new.len(),
                old.len()
            ),
        };
        return Err(Error::InvalidInput {
            what,
            hint: Some(format!(
                "begin with what `modelpack inspect {reference} --config` prints, and leave that list as it is"
            )),
        });
    }
    let manifest = artifact.manifest.value().clone();
    finish(artifact, manifest, config, Change::Config)
}

fn unchanged(artifact: &Artifact) -> Edited {
    Edited {
        artifact: artifact.clone(),
        change: Change::Unchanged,
    }
}

fn finish(
    before: &Artifact,
    mut manifest: Manifest,
    config: Document<Model>,
    change: Change,
) -> Result<Edited, Error> {
    if config.digest() != before.config.digest() {
        let descriptor = &mut manifest.config;
        descriptor.digest = *config.digest();
        descriptor.size = config.bytes().len() as u64;
        // A copy of the old content.
        descriptor.data = None;
    }
    if manifest == *before.manifest.value() {
        return Ok(unchanged(before));
    }
    let manifest = Document::write(manifest);
    let size = manifest.bytes().len() as u64;
    if size > MANIFEST_BYTES_EVERYWHERE {
        return Err(Error::ManifestTooLarge {
            size,
            limit: MANIFEST_BYTES_EVERYWHERE,
            layers: manifest.value().layers.len(),
            // What others packed, or did not, is not packed anew.
            packable: None,
        });
    }
    // What was wrong before is not made right here, but nothing gets worse.
    let broken = |manifest: &Document<Manifest>, config: &Document<Model>| {
        musts(rules::check_artifact(manifest.bytes(), config.bytes()))
    };
    let old = broken(&before.manifest, &before.config);
    let violations: Vec<String> = broken(&manifest, &config)
        .difference(&old)
        .cloned()
        .collect();
    if !violations.is_empty() {
        return Err(Error::RuleBroken {
            document: "new artifact",
            violations,
        });
    }
    let artifact = Artifact { manifest, config };
    // Two files that cannot stand beside each other are found here.
    artifact.files()?;
    Ok(Edited { artifact, change })
}

fn musts(violations: Vec<rules::Violation>) -> BTreeSet<String> {
    violations
        .into_iter()
        .filter(|violation| violation.rule.level == rules::Level::Must)
        .map(|violation| violation.to_string())
        .collect()
}

/// A layer with the names of the artifact's family.
fn in_family(layer: &Descriptor, family: Family) -> Descriptor {
    if family == Family::Cncf {
        return layer.clone();
    }
    let config = Descriptor::new(
        MediaType::ModelConfig(Family::Cncf),
        layer.digest,
        layer.size,
    );
    let alone = Document::write(Manifest::model(config, vec![layer.clone()]));
    let mut layers = to_family(&alone, family).into_value().layers;
    layers.pop().unwrap_or_else(|| layer.clone())
}

/// The new layer with what the old one says besides which file it is.
fn in_place_of(old: &Descriptor, mut layer: Descriptor) -> Descriptor {
    let mut said = old.annotations.clone();
    said.retain(|key, _| !FILE_KEYS.contains(&key.as_str()));
    said.append(&mut layer.annotations);
    layer.annotations = said;
    layer.extra = old.extra.clone();
    layer
}
