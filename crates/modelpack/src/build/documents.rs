//! The config and the manifest of an artifact that is built.

use bytes::Bytes;
use modelpack_formats::Format;
use modelpack_modelfile::{Metadata, Recipe};
use modelpack_spec::convert::{CONTEXT_SIZE, DockerFacts, to_family};
use modelpack_spec::{
    Document, Family, Manifest, Model, ModelCapabilities, ModelFs, Timestamp, rules,
};

use super::BuildOptions;
use super::layer::Layer;
use crate::{Error, docker};

/// Largest manifest that every registry has to take (OCI distribution specification, pushing manifests).
pub(super) const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;
/// Annotation in which `modctl` keeps the recipe; tools that show it look there.
const RECIPE: &str = "org.cncf.modctl.modelfile";

/// What is known of the model.
pub(super) struct Described {
    pub(super) recipe: Recipe,
    /// What the recipe says, and what the weights say where it says nothing.
    pub(super) metadata: Metadata,
    pub(super) warnings: Vec<String>,
    /// Format and facts of the weights, when the artifact is to be in Docker's dialect.
    pub(super) docker: Option<(Format, DockerFacts)>,
}

/// Manifest and config in the dialect that was asked for, held against its rules.
pub(super) fn written(
    described: &Described,
    layers: &[Layer],
    options: &BuildOptions,
    created: Option<Timestamp>,
) -> Result<(Bytes, Document<Manifest>), Error> {
    let (config, manifest) = documents(described, layers, options, created);
    check_rules(&manifest, &config)?;
    match &described.docker {
        None if options.legacy_types => {
            Ok((config.bytes().clone(), to_family(&manifest, Family::Cnai)))
        }
        None => Ok((config.bytes().clone(), manifest)),
        Some((_, facts)) => {
            let (manifest, config) = docker::documents(&manifest, &config, facts)?;
            Ok((config, manifest))
        }
    }
}

pub(super) fn documents(
    described: &Described,
    layers: &[Layer],
    options: &BuildOptions,
    created: Option<Timestamp>,
) -> (Document<Model>, Document<Manifest>) {
    let Described {
        recipe, metadata, ..
    } = described;
    let mut model = Model::default();
    model.descriptor.created_at = created;
    model.descriptor.name = recipe.name.clone();
    model.descriptor.family = metadata.family.clone();
    model.descriptor.source_url = options.source_url.clone();
    model.descriptor.revision = options.source_revision.clone();
    model.config.architecture = metadata.arch.clone();
    model.config.format = metadata.format.clone();
    model.config.param_size = metadata.param_size.clone();
    model.config.precision = metadata.precision.clone();
    model.config.quantization = metadata.quantization.clone();
    if options.reasoning {
        let mut capabilities = ModelCapabilities::default();
        capabilities.reasoning = Some(true);
        model.config.capabilities = Some(capabilities);
    }
    model.modelfs = ModelFs::new(layers.iter().map(|layer| layer.diff_id).collect());
    let config = Document::write(model);
    let descriptors = layers
        .iter()
        .map(|layer| layer.descriptor.clone())
        .collect();
    let mut manifest = Manifest::model(config.descriptor(), descriptors);
    manifest
        .annotations
        .insert(RECIPE.to_owned(), recipe.to_string());
    if let Some(size) = options.context_size {
        manifest
            .annotations
            .insert(CONTEXT_SIZE.to_owned(), size.to_string());
    }
    (config, Document::write(manifest))
}

/// Never writes what a reader could refuse.
fn check_rules(manifest: &Document<Manifest>, config: &Document<Model>) -> Result<(), Error> {
    let violations: Vec<String> = rules::check_artifact(manifest.bytes(), config.bytes())
        .into_iter()
        .filter(|violation| violation.rule.level == rules::Level::Must)
        .map(|violation| violation.to_string())
        .collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::RuleBroken {
            document: "artifact",
            violations,
        })
    }
}
