//! What a build would do.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use modelpack_registry::Name;
use modelpack_spec::{Digest, Reference};
use serde::Serialize;

use super::content::Digests;
use super::plan::PlannedLayer;
use super::remote::hash_layer;
use super::{BuildOptions, Prepared};
use crate::{Control, Error, Event, Place, Toolkit, blocking};

/// What [`Toolkit::plan_build`] found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuildPlan {
    /// The name that it would get.
    pub reference: Reference,
    /// The layers.
    pub layers: Vec<BuildPlanLayer>,
    /// Bytes of all layers.
    pub size: u64,
    /// Bytes that would be added to the store, or sent to the registry: each layer once that is not there.
    pub missing: u64,
    /// The text of the Modelfile that was made up, because there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_modelfile: Option<String>,
    /// What is odd about the weight files, or contradicts the Modelfile, a sentence each.
    pub warnings: Vec<String>,
}

/// A layer that would be made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuildPlanLayer {
    /// The file, or the name of an archive of several.
    pub path: String,
    /// `weight`, `weight.config`, `code`, `doc` or `dataset`.
    pub kind: &'static str,
    /// Its media type.
    pub media_type: String,
    /// How many files it holds.
    pub files: usize,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the local store has it.
    pub in_store: bool,
    /// Whether the registry has it, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_registry: Option<bool>,
}

impl Toolkit {
    /// Says what [`Toolkit::build`] would do, or, for [`Place::Registry`], [`Toolkit::build_remote`]. Files
    /// are hashed, and the registry is asked what it has; nothing is written anywhere.
    ///
    /// # Errors
    /// Those of reading the files in [`Toolkit::build`]; [`Error::Registry`].
    pub async fn plan_build(
        &self,
        directory: &Path,
        target: &Reference,
        options: &BuildOptions,
        place: Place,
        control: &Control,
    ) -> Result<BuildPlan, Error> {
        let Prepared {
            layers,
            described,
            options,
        } = self.prepare(directory, target, options).await?;
        control.report(Event::Planned {
            items: layers.len(),
            bytes: layers.iter().map(PlannedLayer::content_size).sum(),
        });
        let known = {
            let store = self.store().clone();
            blocking::run(move || Ok(Arc::new(store.known_digests()))).await?
        };
        let preserve = options.preserve_metadata;
        let pieces = layers.into_iter().map(|planned| {
            let (known, control) = (Arc::clone(&known), control.clone());
            let store = self.store().clone();
            move || {
                let planned = Arc::new(planned);
                let digests = Digests::ReadOnly(&known);
                let content = hash_layer(&planned, preserve, &digests, &control)?;
                Ok(BuildPlanLayer {
                    path: planned.name(),
                    kind: planned.kind.as_str(),
                    media_type: planned.media_type().to_string(),
                    files: planned.files.len(),
                    digest: content.digest,
                    size: content.size,
                    in_store: store.blob_size(&content.digest)? == Some(content.size),
                    in_registry: None,
                })
            }
        });
        let mut layers = blocking::all_blocking(self.concurrency(), pieces).await?;
        if place == Place::Registry {
            let digests = layers.iter().map(|layer| layer.digest).collect();
            let there = control.stop_early(self.ask_for(target, digests)).await?;
            for layer in &mut layers {
                layer.in_registry = Some(there.contains(&layer.digest));
            }
        }
        let mut counted = HashSet::new();
        let missing = layers
            .iter()
            .filter(|layer| !layer.in_registry.unwrap_or(layer.in_store))
            .filter(|layer| counted.insert(layer.digest))
            .map(|layer| layer.size)
            .sum();
        Ok(BuildPlan {
            reference: target.clone(),
            size: layers.iter().map(|layer| layer.size).sum(),
            missing,
            layers,
            generated_modelfile: described.generated,
            warnings: described.warnings,
        })
    }

    /// Which of these blobs the repository has.
    pub(crate) async fn ask_for(
        &self,
        reference: &Reference,
        digests: HashSet<Digest>,
    ) -> Result<HashSet<Digest>, Error> {
        let tasks = digests.into_iter().map(|digest| {
            let (client, name) = (self.client().clone(), Name::from(reference));
            async move {
                let found = client.head_blob(&name, &digest).await?;
                Ok(found.map(|_| digest))
            }
        });
        let found = blocking::all(self.concurrency(), tasks).await?;
        Ok(found.into_iter().flatten().collect())
    }
}
