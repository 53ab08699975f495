//! Rules of the list of layers.

use serde_json::Value;

use super::manifest::descriptor;
use super::{Artifact, Finding, Level, Rule, Subject};
use crate::{Encoding, Family, Kind, LayerType, MediaType};

const MANIFEST: &str = "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#oci-image-manifest-specification-for-model-artifacts";
const GUIDANCE: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#guidance-on-layers";
const DESCRIPTOR: &str =
    "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties";

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "layers.descriptor",
        level: Level::Must,
        subject: Subject::Manifest,
        anchor: DESCRIPTOR,
        summary: "every layer is a descriptor with media type, digest and size",
        check: descriptors,
    },
    Rule {
        id: "layers.media-type",
        level: Level::Should,
        subject: Subject::Manifest,
        anchor: MANIFEST,
        summary: "every layer has one of the twenty media types that implementations support",
        check: media_types,
    },
    Rule {
        id: "layers.separate-weights",
        level: Level::Should,
        subject: Subject::Manifest,
        anchor: MANIFEST,
        summary: "an archive of weights holds one file; several files go into several layers",
        check: separate_weights,
    },
    Rule {
        id: "layers.weights-uncompressed",
        level: Level::Should,
        subject: Subject::Manifest,
        anchor: GUIDANCE,
        summary: "weights are not compressed, since that costs time and saves next to nothing",
        check: weights_uncompressed,
    },
];

fn descriptors(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .layers()
        .flat_map(|(index, layer)| descriptor(layer, &format!("/layers/{index}")))
        .collect()
}

/// The type of a layer, when it is one that the specification knows.
pub(super) fn layer_type(layer: &Value) -> Option<LayerType> {
    MediaType::from(layer["mediaType"].as_str()?).as_layer()
}

fn media_types(artifact: &Artifact<'_>) -> Vec<Finding> {
    let problem = |layer: &Value| {
        let text = layer["mediaType"]
            .as_str()
            .filter(|text| text.contains('/'))?;
        match MediaType::from(text).as_layer() {
            Some(known) if known.family == Family::Cncf => None,
            Some(known) => Some(format!(
                "`{text}` is the name of an older version; today it is `{}`",
                LayerType::new(known.kind, known.encoding)
            )),
            None => Some(format!("`{text}` is not among them")),
        }
    };
    artifact
        .layers()
        .filter_map(|(index, layer)| {
            let message = problem(layer)?;
            Some(Finding::new(format!("/layers/{index}/mediaType"), message))
        })
        .collect()
}

fn separate_weights(artifact: &Artifact<'_>) -> Vec<Finding> {
    let layers: Vec<&Value> = artifact.layers().map(|(_, layer)| layer).collect();
    let is_weight = |index: usize| {
        layers
            .get(index)
            .and_then(|layer| layer_type(layer))
            .is_some_and(|layer| layer.kind == Kind::Weight)
    };
    artifact
        .archives()
        .filter(|(index, _)| is_weight(*index))
        .filter_map(|(index, contents)| {
            let files = contents
                .entries
                .iter()
                .filter(|entry| entry.is_file)
                .count();
            (files > 1).then(|| {
                Finding::new(
                    format!("/layers/{index}"),
                    format!("its archive holds {files} files"),
                )
            })
        })
        .collect()
}

fn weights_uncompressed(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .layers()
        .filter_map(|(index, layer)| Some((index, layer_type(layer)?)))
        .filter(|(_, layer)| {
            layer.kind == Kind::Weight
                && matches!(layer.encoding, Encoding::TarGzip | Encoding::TarZstd)
        })
        .map(|(index, layer)| {
            Finding::new(
                format!("/layers/{index}/mediaType"),
                format!("weights are compressed: `{}`", layer.encoding.as_str()),
            )
        })
        .collect()
}
