//! From a directory to an artifact.

mod documents;
mod layer;
mod options;
mod recipe;
mod store;

use std::path::Path;

use modelpack_formats::{Format, Role, Weights};
use modelpack_spec::convert::context_size;
use modelpack_spec::{Digest, Encoding, Reference};
use serde::Serialize;

use self::documents::Described;
use self::layer::build_layer;
pub use self::options::{BuildDialect, BuildOptions, CreationTime};
use self::recipe::read_recipe;
use self::store::finish;
use crate::{Control, Error, Event, Outcome, Toolkit, blocking, docker, extras, headers};

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
    /// Whether the name pointed to this very artifact before.
    pub unchanged: bool,
    /// The layers.
    pub layers: Vec<BuiltLayer>,
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
    /// How its bytes got into the store.
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
    /// [`Error::InvalidName`], [`Error::NoModelfile`], [`Error::Modelfile`],
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
        check_name(target)?;
        if let Some(size) = options.context_size {
            context_size(&size.to_string())?;
        }
        let (recipe, selected, known, runtime) = {
            let (directory, options) = (directory.to_owned(), options.clone());
            blocking::run(move || {
                let (recipe, mut selected) = read_recipe(&directory, &options)?;
                extras::add(&mut selected, &options.extras)?;
                let runtime = extras::runtime(&mut selected)?;
                let known = headers::of_selected(&selected);
                Ok((recipe, selected, known, runtime))
            })
            .await?
        };
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
        let described = Described {
            metadata: headers::said(&recipe).or(known.metadata),
            recipe,
            warnings,
            docker,
        };
        let lease = {
            let store = self.store().clone();
            blocking::run(move || Ok(store.lease()?)).await?
        };
        control.report(Event::Planned {
            items: selected.len(),
            bytes: selected.iter().map(|selected| selected.file.size).sum(),
        });
        let encoding = options.encoding.unwrap_or(Encoding::Raw);
        let preserve = options.preserve_metadata;
        let pieces = selected.into_iter().map(|selected| {
            let (lease, control) = (lease.clone(), control.clone());
            move || build_layer(&lease, &selected, encoding, preserve, &control)
        });
        let built = blocking::all_blocking(self.concurrency(), pieces).await;
        let (store, target, mut options) = (self.store().clone(), target.clone(), options.clone());
        // It stands where tools look that do not know the file.
        options.context_size = options
            .context_size
            .or(runtime.and_then(|runtime| runtime.context_size));
        let control = control.clone();
        blocking::run(move || {
            let named = built.and_then(|layers| {
                control.check()?;
                finish(&store, &lease, &target, described, layers, &options)
            });
            if named.as_ref().is_err_and(|error| !error.is_cancelled()) {
                // The failure is what counts; what cannot be removed now, prune finds.
                let _ = lease.take_back();
            }
            named
        })
        .await
    }
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
