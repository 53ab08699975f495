//! From a directory to an artifact.

mod content;
mod documents;
mod dry_run;
mod layer;
mod options;
mod plan;
mod recipe;
mod remote;
mod store;

use std::path::Path;
use std::sync::Arc;

use modelpack_formats::{Format, Role, Weights};
use modelpack_spec::convert::context_size;
use modelpack_spec::{Digest, Reference};
use serde::Serialize;

use self::documents::Described;
pub use self::dry_run::{BuildPlan, BuildPlanLayer};
pub(crate) use self::layer::{Layer, store_layer};
pub use self::options::{BuildDialect, BuildOptions, CreationTime};
pub(crate) use self::plan::PlannedLayer;
use self::plan::{check_packing, plan};
use self::recipe::{Read, read_recipe};
pub(crate) use self::remote::Outgoing;
use self::store::{check_space, finish};
use crate::{
    Control, Error, Event, Outcome, Toolkit, adapters, blocking, discover, docker, extras, headers,
};

/// What [`Toolkit::build`] made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuildReport {
    /// The name that it got.
    pub reference: Reference,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Bytes of manifest, config and layers.
    pub size: u64,
    /// Bytes of layers that went over the network.
    pub transferred: u64,
    /// Whether the name pointed to this very artifact before.
    pub unchanged: bool,
    /// The layers.
    pub layers: Vec<BuiltLayer>,
    /// The text of the Modelfile that was made up, because there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_modelfile: Option<String>,
    /// What is odd about the weight files, or contradicts the Modelfile, a sentence each.
    pub warnings: Vec<String>,
}

/// A layer that was built.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuiltLayer {
    /// The file.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Digest of the layer.
    pub digest: Digest,
    /// Size of the layer in bytes.
    pub size: u64,
    /// How its bytes got into the store, or to the registry.
    pub outcome: Outcome,
}

impl Toolkit {
    /// Builds an artifact from the files that a Modelfile names, and gives it a name.
    ///
    /// Every file is read at most once, but for the headers of weight files: they fill in what the
    /// Modelfile does not say of the model. The name moves last: until then nothing is visible, and when
    /// something fails, the store is as it was. A build that was cancelled keeps what it has stored,
    /// for the next one or for [`Toolkit::prune`].
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::InvalidInput`], [`Error::NoModelfile`], [`Error::NoSpace`], [`Error::Modelfile`],
    /// [`Error::NothingMatches`], [`Error::IsDirectory`], [`Error::File`], [`Error::Pack`],
    /// [`Error::FileChanged`], [`Error::ManifestTooLarge`], [`Error::RuleBroken`], [`Error::Spec`]
    /// for a file whose name cannot exist everywhere, [`Error::Store`].
    pub async fn build(
        &self,
        directory: &Path,
        target: &Reference,
        options: &BuildOptions,
        control: &Control,
    ) -> Result<BuildReport, Error> {
        let Prepared {
            layers,
            described,
            options,
        } = self.prepare(directory, target, options).await?;
        let (lease, layers) = {
            let store = self.store().clone();
            blocking::run(move || {
                let lease = store.lease()?;
                check_space(&lease, &layers)?;
                Ok((lease, layers))
            })
            .await?
        };
        control.report(Event::Planned {
            items: layers.len(),
            bytes: layers.iter().map(PlannedLayer::content_size).sum(),
        });
        let batch = Arc::new(lease.batch());
        let preserve = options.preserve_metadata;
        let pieces = layers.into_iter().map(|planned| {
            let (batch, control) = (Arc::clone(&batch), control.clone());
            move || store_layer(&batch, &planned, preserve, &control)
        });
        let built = blocking::all_blocking(self.concurrency(), pieces).await;
        let (target, control) = (target.clone(), control.clone());
        blocking::run(move || {
            let named = built.and_then(|layers| {
                control.check()?;
                finish(&batch, &target, described, layers, &options)
            });
            match &named {
                // What is complete is kept for the next build.
                Err(error) if error.is_cancelled() => batch.finish()?,
                // The failure is what counts; what cannot be removed now, prune finds.
                Err(_) => drop(lease.take_back()),
                Ok(_) => {}
            }
            named
        })
        .await
    }

    /// Reads everything that decides what is built, and decides it.
    async fn prepare(
        &self,
        directory: &Path,
        target: &Reference,
        options: &BuildOptions,
    ) -> Result<Prepared, Error> {
        check_name(target)?;
        check_packing(options)?;
        if let Some(size) = options.context_size {
            context_size(&size.to_string())?;
        }
        let (directory, mut options) = (directory.to_owned(), options.clone());
        blocking::run(move || {
            let Read {
                recipe,
                mut selected,
                generated,
            } = read_recipe(&directory, &options)?;
            extras::add(&mut selected, &options.extras)?;
            let runtime = extras::runtime(&mut selected)?;
            let known = headers::of_selected(&selected);
            adapters::mark(&mut selected, &known.groups);
            adapters::require(&selected, options.adapter_base.as_ref())?;
            let docker = match options.dialect {
                BuildDialect::ModelPack => None,
                BuildDialect::Docker => {
                    let groups = docker::weights(&known)?;
                    let format = groups.iter().find(|group| group.role() == Role::Model);
                    let format = format.map_or(Format::Gguf, Weights::format);
                    Some((format, docker::facts(groups)))
                }
            };
            let mut warnings = headers::contradictions(&recipe, &known.metadata);
            warnings.extend(known.warnings);
            warnings.extend(extras::templates(&selected, runtime.as_ref()));
            let (properties, odd) =
                discover::properties(&directory, &options, &recipe, known.metadata)?;
            warnings.extend(odd);
            let described = Described {
                properties,
                recipe,
                warnings,
                generated,
                docker,
            };
            // It stands where tools look that do not know the file.
            options.context_size = options
                .context_size
                .or(runtime.and_then(|runtime| runtime.context_size));
            let layers = plan(&selected, &described, &options)?;
            Ok(Prepared {
                layers,
                described,
                options,
            })
        })
        .await
    }
}

/// What is built, decided before anything is written.
struct Prepared {
    layers: Vec<PlannedLayer>,
    described: Described,
    options: BuildOptions,
}

/// A new artifact gets a tag and no digest.
pub(crate) fn check_name(target: &Reference) -> Result<(), Error> {
    let reason = match target {
        Reference {
            digest: Some(_), ..
        } => "its digest is known only when it is built",
        Reference { tag: None, .. } => "it has no tag",
        _ => return Ok(()),
    };
    Err(Error::InvalidName {
        reference: target.clone(),
        what: "a new artifact",
        reason,
    })
}
