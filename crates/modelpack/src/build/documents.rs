//! The config and the manifest of an artifact that is built.

use bytes::Bytes;
use modelpack_formats::Format;
use modelpack_modelfile::{Properties, Recipe};
use modelpack_spec::convert::{CONTEXT_SIZE, DockerFacts, to_family};
use modelpack_spec::distribution::MANIFEST_BYTES_EVERYWHERE;
use modelpack_spec::{Document, Family, Manifest, Model, ModelFs, Reference, Timestamp, rules};

use super::layer::Layer;
use super::{BuildOptions, BuildReport, CreationTime};
use crate::artifact::Artifact;
use crate::{Error, Outcome, docker};

/// Annotation in which `modctl` keeps the recipe; tools that show it look there.
const RECIPE: &str = "org.cncf.modctl.modelfile";

/// What is known of the model.
pub(super) struct Described {
    pub(super) recipe: Recipe,
    /// What the recipe says, and what else is known where it says nothing.
    pub(super) properties: Properties,
    pub(super) warnings: Vec<String>,
    /// The text of the Modelfile that was made up.
    pub(super) generated: Option<String>,
    /// Format and facts of the weights, when the artifact is to be in Docker's dialect.
    pub(super) docker: Option<(Format, DockerFacts)>,
}

/// The documents of an artifact, and its layers in the order in which the manifest lists them.
pub(super) struct Composed {
    pub(super) config: Bytes,
    pub(super) manifest: Document<Manifest>,
    pub(super) layers: Vec<Layer>,
    /// Whether the name pointed to this very artifact before.
    pub(super) unchanged: bool,
}

impl Composed {
    pub(super) fn report(self, reference: &Reference, described: Described) -> BuildReport {
        let Self {
            manifest,
            layers,
            unchanged,
            ..
        } = self;
        let transferred = layers
            .iter()
            .filter(|layer| layer.outcome == Outcome::Transferred)
            .map(|layer| layer.descriptor.size)
            .sum();
        BuildReport {
            reference: reference.clone(),
            digest: *manifest.digest(),
            size: manifest.value().content_size() + manifest.bytes().len() as u64,
            transferred,
            unchanged,
            layers: layers.into_iter().map(Layer::into_report).collect(),
            generated_modelfile: described.generated,
            warnings: described.warnings,
        }
    }
}

/// Writes the documents; `before` is what the name points to now.
pub(super) fn compose(
    described: &Described,
    mut layers: Vec<Layer>,
    options: &BuildOptions,
    before: Option<&Artifact>,
) -> Result<Composed, Error> {
    if let Some((format, _)) = &described.docker {
        let (config, manifest) = documents(described, &layers, options, None);
        let order = docker::order(manifest.value(), config.bytes(), *format)?;
        layers = order.iter().map(|index| layers[*index].clone()).collect();
    }
    let created = match &options.creation_time {
        CreationTime::Omitted => None,
        CreationTime::Exactly(time) => Some(time.clone()),
        CreationTime::Now(now) => {
            let old =
                before.and_then(|artifact| artifact.config.value().descriptor.created_at.clone());
            let is_same = |time: &Timestamp| {
                let same = written(described, &layers, options, Some(time.clone()));
                before
                    .zip(same.ok())
                    .is_some_and(|(artifact, (_, manifest))| {
                        artifact.manifest.digest() == manifest.digest()
                    })
            };
            Some(old.filter(is_same).unwrap_or_else(|| now.clone()))
        }
    };
    let (config, manifest) = written(described, &layers, options, created)?;
    let size = manifest.bytes().len() as u64;
    if size > MANIFEST_BYTES_EVERYWHERE {
        return Err(Error::ManifestTooLarge {
            size,
            limit: MANIFEST_BYTES_EVERYWHERE,
            layers: layers.len(),
            packable: None,
        });
    }
    let unchanged = before.is_some_and(|artifact| artifact.manifest.digest() == manifest.digest());
    Ok(Composed {
        config,
        manifest,
        layers,
        unchanged,
    })
}

/// Manifest and config in the dialect that was asked for, held against its rules.
fn written(
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
        recipe, properties, ..
    } = described;
    let mut model = Model::default();
    model.descriptor = properties.descriptor.clone();
    model.descriptor.created_at = created;
    model.config = properties.config.clone();
    model.modelfs = ModelFs::new(layers.iter().map(|layer| layer.diff_id).collect());
    let config = Document::write(model);
    let descriptors = layers
        .iter()
        .map(|layer| layer.descriptor.clone())
        .collect();
    let mut manifest = Manifest::model(config.descriptor(), descriptors);
    manifest.annotations = properties.annotations.clone();
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
