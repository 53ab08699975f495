//! The names of the specification up to v0.0.6.

use crate::{Document, Family, LayerType, Manifest, MediaType, annotations};

/// Annotation keys of today with those of before.
const KEYS: [(&str, &str); 2] = [
    (annotations::FILEPATH, annotations::LEGACY_FILEPATH),
    (
        annotations::FILE_METADATA,
        annotations::LEGACY_FILE_METADATA,
    ),
];

/// A ModelPack manifest with the media types and annotation keys of a family.
///
/// Some registries show only artifacts with the old names. The config is the same bytes under another
/// media type: it is read by its fields, and only the names around it have changed. A manifest of that
/// family comes back as it was.
#[must_use]
pub fn to_family(manifest: &Document<Manifest>, family: Family) -> Document<Manifest> {
    let mut written = manifest.value().clone();
    let rename = |media_type: &mut MediaType| {
        *media_type = match &*media_type {
            MediaType::Layer(layer) => MediaType::Layer(LayerType { family, ..*layer }),
            MediaType::ModelConfig(_) => MediaType::ModelConfig(family),
            MediaType::ModelManifest(_) => MediaType::ModelManifest(family),
            other => other.clone(),
        };
    };
    if let Some(artifact_type) = &mut written.artifact_type {
        rename(artifact_type);
    }
    rename(&mut written.config.media_type);
    for layer in &mut written.layers {
        rename(&mut layer.media_type);
        for (today, before) in KEYS {
            let (from, to) = match family {
                Family::Cncf => (before, today),
                Family::Cnai => (today, before),
            };
            if let Some(value) = layer.annotations.remove(from) {
                layer.annotations.entry(to.to_owned()).or_insert(value);
            }
        }
    }
    if written == *manifest.value() {
        manifest.clone()
    } else {
        Document::write(written)
    }
}
