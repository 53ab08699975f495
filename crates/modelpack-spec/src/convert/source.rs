//! What is kept beside a converted artifact, so that it can be given back as it was.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::patch::Patch;
use super::{ConvertOptions, SOURCE, Target, plain};
use crate::{
    Dialect, Digest, DockerConfig, Document, Error, Manifest, Model, ModelView, docker, json,
};

/// The annotation: which manifest it belongs to, and what its source was.
#[derive(Serialize, Deserialize)]
struct Source {
    /// Digest of the manifest without this annotation. When it is another one, the artifact was
    /// changed, and giving back what it was would undo that.
    of: Digest,
    manifest: Kept,
    config: Kept,
}

/// A document, as the difference to what converting back gives, or as its text where that is not
/// enough: another writer has other spaces and another order.
#[derive(Serialize, Deserialize, Default)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<Patch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

type Documents = (Document<Manifest>, Bytes);

/// Adds the annotation to an artifact that was converted to `target` from `original`.
pub(super) fn remember(
    (mut manifest, config): (Manifest, Bytes),
    original: (&Document<Manifest>, &Bytes),
    target: Target,
) -> Result<Documents, Error> {
    let of = *write(&manifest, target)?.digest();
    let origin = other(target);
    let back = back(&manifest, &config, target);
    let (back_manifest, back_config) = match &back {
        Some((manifest, config)) => (Some(manifest.bytes()), Some(config)),
        None => (None, None),
    };
    let kept_manifest = keep(back_manifest, original.0.bytes(), |value| {
        write_manifest(value, origin)
    });
    let kept_config = keep(back_config, original.1, |value| write_config(value, origin));
    // JSON is UTF-8, so both are there.
    if let (Some(manifest_kept), Some(config_kept)) = (kept_manifest, kept_config) {
        let source = Source {
            of,
            manifest: manifest_kept,
            config: config_kept,
        };
        let text = String::from_utf8(json::write(&source)).ok();
        manifest
            .annotations
            .extend(text.map(|text| (SOURCE.to_owned(), text)));
    }
    Ok((write(&manifest, target)?, config))
}

fn keep(
    back: Option<&Bytes>,
    original: &Bytes,
    write: impl Fn(Value) -> Option<Bytes>,
) -> Option<Kept> {
    let by_patch = back.and_then(|back| {
        let mut value: Value = serde_json::from_slice(back).ok()?;
        let patch = Patch::between(&value, &serde_json::from_slice(original).ok()?);
        if let Some(patch) = &patch {
            patch.apply(&mut value)?;
        }
        (write(value)? == *original).then_some(Kept { patch, text: None })
    });
    by_patch.or_else(|| {
        let text = String::from_utf8(original.to_vec()).ok()?;
        Some(Kept {
            patch: None,
            text: Some(text),
        })
    })
}

impl Kept {
    fn give_back(
        self,
        back: Option<&Bytes>,
        write: impl Fn(Value) -> Option<Bytes>,
    ) -> Option<Bytes> {
        if let Some(text) = self.text {
            return Some(text.into());
        }
        let mut value: Value = serde_json::from_slice(back?).ok()?;
        if let Some(patch) = self.patch {
            patch.apply(&mut value)?;
        }
        write(value)
    }
}

/// What the artifact was converted from, when it says so, nothing was changed since, and what it says
/// is an artifact of the other dialect with the same layers. Anything else is no source: the
/// annotation came with the artifact and is not believed.
pub(super) fn restore(manifest: &Manifest, config: &Bytes, target: Target) -> Option<Documents> {
    let source: Source = serde_json::from_str(manifest.annotations.get(SOURCE)?).ok()?;
    let here = other(target);
    let mut without = manifest.clone();
    without.annotations.remove(SOURCE);
    if *write(&without, here).ok()?.digest() != source.of {
        return None;
    }
    let back = back(&without, config, here);
    let (back_manifest, back_config) = match &back {
        Some((manifest, config)) => (Some(manifest.bytes()), Some(config)),
        None => (None, None),
    };
    let restored = source
        .manifest
        .give_back(back_manifest, |value| write_manifest(value, target))?;
    let restored = Document::<Manifest>::parse(restored).ok()?;
    let config = source
        .config
        .give_back(back_config, |value| write_config(value, target))?;
    let same_layers = restored.value().layers.len() == manifest.layers.len()
        && restored
            .value()
            .layers
            .iter()
            .zip(&manifest.layers)
            .all(|(one, other)| (one.digest, one.size) == (other.digest, other.size));
    let promised = &restored.value().config;
    let is_config = promised.digest == Digest::of(promised.digest.algorithm(), &config)
        && promised.size == config.len() as u64;
    let is_other = matches!(
        (Dialect::of(restored.value(), &config)?, target),
        (Dialect::ModelPack(_), Target::ModelPack) | (Dialect::Docker(_), Target::Docker)
    );
    // What is given back must be read like any other artifact.
    ModelView::read(restored.value(), &config).ok()?;
    (same_layers && is_config && is_other).then_some((restored, config))
}

/// What converting back gives, without any memory.
fn back(manifest: &Manifest, config: &Bytes, here: Target) -> Option<Documents> {
    let from = Dialect::of(manifest, config)?;
    let target = other(here);
    let (manifest, config) =
        plain(manifest, config, from, target, &ConvertOptions::default()).ok()?;
    Some((write(&manifest, target).ok()?, config))
}

fn other(target: Target) -> Target {
    match target {
        Target::ModelPack => Target::Docker,
        Target::Docker => Target::ModelPack,
    }
}

pub(super) fn write(manifest: &Manifest, dialect: Target) -> Result<Document<Manifest>, Error> {
    match dialect {
        Target::ModelPack => Ok(Document::write(manifest.clone())),
        Target::Docker => docker::manifest_document(manifest),
    }
}

fn write_manifest(value: Value, dialect: Target) -> Option<Bytes> {
    let manifest: Manifest = serde_json::from_value(value).ok()?;
    Some(write(&manifest, dialect).ok()?.bytes().clone())
}

fn write_config(value: Value, dialect: Target) -> Option<Bytes> {
    match dialect {
        Target::ModelPack => {
            let model: Model = serde_json::from_value(value).ok()?;
            Some(Document::write(model).bytes().clone())
        }
        Target::Docker => {
            let config: DockerConfig = serde_json::from_value(value).ok()?;
            Some(config.to_document().ok()?.bytes().clone())
        }
    }
}
