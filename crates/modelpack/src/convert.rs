//! An artifact in another dialect: new documents, the same layers.

use std::sync::Arc;

use bytes::Bytes;
use modelpack_registry::{Mount, Name, Progress};
use modelpack_spec::convert::{self, Converted, Target, to_family};
use modelpack_spec::{
    Descriptor, Digest, Document, Family, Manifest, ModelView, Reference, Tag, docker,
};
use modelpack_store::{Lease, Store};
use serde::Serialize;

use crate::artifact::{Artifact, require};
use crate::build::check_name;
use crate::transfer::wanted;
use crate::{Control, Error, Place, Toolkit, adapters, blocking, variants};

/// How [`Toolkit::convert`] works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConvertOptions {
    /// The dialect.
    pub to: Target,
    /// The new name; by default the tag gets `-docker` or `-modelpack` at its end, or loses the other.
    pub target: Option<Reference>,
    /// The version of Docker's dialect; by default the one that most tools read.
    pub version: Option<docker::Version>,
    /// Write the media types of ModelPack as they were called up to v0.0.6.
    pub legacy_types: bool,
}

impl ConvertOptions {
    /// To this dialect, with nothing else asked for.
    #[must_use]
    pub fn new(to: Target) -> Self {
        Self {
            to,
            target: None,
            version: None,
            legacy_types: false,
        }
    }
}

/// What [`Toolkit::convert`] made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConvertReport {
    /// What was converted.
    pub source: Reference,
    /// The new name.
    pub reference: Reference,
    /// Digest of the new manifest.
    pub digest: Digest,
    /// The dialect that it was in.
    pub from: String,
    /// Whether it was in the wanted dialect already: then it has one more name, and that is all.
    pub unchanged: bool,
    /// Number of layers, which are the same as before.
    pub layers: usize,
    /// Bytes of the layers, none of which was read or written.
    pub layer_bytes: u64,
}

impl Toolkit {
    /// Writes an artifact of the local store in another dialect. Only config and manifest are new; no
    /// byte of a layer is read or written. Converting back gives the artifact as it was.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NotAModel`], [`Error::Spec`] for what the other dialect
    /// cannot hold, [`Error::InvalidInput`] for a projector or an adapter without a model, [`Error::Store`] when a layer is missing.
    pub async fn convert(
        &self,
        reference: &Reference,
        options: &ConvertOptions,
        control: &Control,
    ) -> Result<ConvertReport, Error> {
        control.check()?;
        let (store, source) = (self.store().clone(), reference.clone());
        let options = options.clone();
        blocking::run(move || {
            let lease = store.lease()?;
            let artifact = Artifact::load(&store, &source)?;
            for layer in artifact.layers() {
                require(&lease, layer)?;
            }
            let converted = converted(&artifact, &options)?;
            let target = target(&source, &options)?;
            variants::refuse_index(&store, &target)?;
            put(&store, &lease, &target, &converted)?;
            Ok(report(source, target, &converted))
        })
        .await
    }

    /// Gives an artifact of the local store a twin in the other dialect, so that tools of either kind can
    /// load it: one set of layers under two names.
    ///
    /// # Errors
    /// Those of [`Self::convert`]; [`Error::InvalidInput`] for an index, and for a name that is that of the
    /// artifact itself or on another host, where its layers are not.
    pub async fn twin(
        &self,
        reference: &Reference,
        name: Option<&Reference>,
        control: &Control,
    ) -> Result<ConvertReport, Error> {
        if let Some(name) = name {
            check_twin(reference, name)?;
        }
        let (store, original) = (self.store().clone(), reference.clone());
        blocking::run(move || variants::refuse_index(&store, &original)).await?;
        let artifact = self.artifact(reference, Place::Local, control).await?;
        let is_modelpack = artifact.manifest.value().is_model();
        let mut options = ConvertOptions::new(match is_modelpack {
            true => Target::Docker,
            false => Target::ModelPack,
        });
        options.target = name.cloned();
        self.convert(reference, &options, control).await
    }

    /// Converts like [`Self::convert`], but in a registry and without the local store: layers are linked from the repository that has
    /// them.
    ///
    /// # Errors
    /// [`Error::Registry`], [`Error::NotAModel`], [`Error::Spec`]; [`Error::InvalidInput`] for a target
    /// on another host, or when the registry does not link blobs between repositories.
    pub async fn convert_remote(
        &self,
        reference: &Reference,
        options: &ConvertOptions,
        control: &Control,
    ) -> Result<ConvertReport, Error> {
        let target = target(reference, options)?;
        if target.host != reference.host {
            return Err(Error::InvalidInput {
                what: format!("{target} is on another host than {reference}"),
                hint: Some("pull it, convert it, then push it".to_owned()),
            });
        }
        let work = async {
            let artifact = self.fetch_artifact(reference).await?;
            let converted = converted(&artifact, options)?;
            if target.repository != reference.repository {
                for layer in artifact.layers() {
                    self.link(layer, reference, &target).await?;
                }
            }
            let name = Name::from(&target);
            let config = &converted.manifest.value().config;
            if self
                .client()
                .head_blob(&name, &config.digest)
                .await?
                .is_none()
            {
                let source = Arc::new(converted.config.clone());
                self.client()
                    .push_blob(
                        &name,
                        &config.digest,
                        config.size,
                        source,
                        &Progress::none(),
                    )
                    .await?;
            }
            let manifest = &converted.manifest;
            let media_type = manifest.descriptor().media_type;
            self.client()
                .put_manifest(
                    &name,
                    &wanted(&target)?,
                    &media_type,
                    manifest.bytes().clone(),
                )
                .await?;
            Ok(report(reference.clone(), target.clone(), &converted))
        };
        control.stop_early(work).await
    }

    /// Sees to it that a layer of one repository is in another one of the same registry, without sending it.
    pub(crate) async fn link(
        &self,
        layer: &Descriptor,
        from: &Reference,
        to: &Reference,
    ) -> Result<(), Error> {
        let name = Name::from(to);
        if self
            .client()
            .head_blob(&name, &layer.digest)
            .await?
            .is_some()
        {
            return Ok(());
        }
        let mounted = self
            .client()
            .mount_blob(&name, &layer.digest, Some(&from.repository))
            .await?;
        if let Mount::Upload(upload) = mounted {
            // It ends by itself; nothing depends on its being ended now.
            let _ = self.client().cancel_upload(upload).await;
            return Err(Error::InvalidInput {
                what: format!(
                    "{} does not link {} from {} to {}",
                    to.host, layer.digest, from.repository, to.repository
                ),
                hint: Some(
                    "use a tag in the same repository, or pull it, work on it here, then push it"
                        .to_owned(),
                ),
            });
        }
        Ok(())
    }
}

/// A twin stands beside its original.
fn check_twin(reference: &Reference, name: &Reference) -> Result<(), Error> {
    let what = if name.host != reference.host {
        format!("{name} is on another host than {reference}")
    } else if name.repository == reference.repository && name.tag == reference.tag {
        format!("the twin of {reference} cannot have the same name")
    } else {
        return Ok(());
    };
    Err(Error::InvalidInput {
        what,
        hint: Some(format!(
            "use another tag of the same repository, such as {}:TAG",
            reference.name()
        )),
    })
}

/// The documents in the other dialect.
pub(crate) fn converted(artifact: &Artifact, options: &ConvertOptions) -> Result<Converted, Error> {
    let mut pure = convert::ConvertOptions::default();
    pure.version = options.version;
    let config = artifact.config.bytes();
    if options.to == Target::Docker {
        let view = ModelView::read(artifact.manifest.value(), config)?;
        adapters::require_model("the artifact", &view)?;
    }
    let mut converted = convert::convert(&artifact.manifest, config, options.to, &pure)?;
    if options.to == Target::ModelPack && options.legacy_types {
        converted.manifest = to_family(&converted.manifest, Family::Cnai);
    }
    Ok(converted)
}

/// Writes config and manifest, and moves the name.
pub(crate) fn put(
    store: &Store,
    lease: &Lease,
    target: &Reference,
    converted: &Converted,
) -> Result<(), Error> {
    let promised = &converted.manifest.value().config.digest;
    put_exactly(lease, &converted.config, promised)?;
    let mut descriptor = lease.put_document(&converted.manifest)?;
    descriptor.artifact_type = converted.manifest.value().artifact_type.clone();
    Ok(store.tag(target, &descriptor)?)
}

/// Stores bytes under the digest that the manifest promises, whatever its algorithm.
fn put_exactly(lease: &Lease, bytes: &Bytes, promised: &Digest) -> Result<(), Error> {
    let mut writer = lease.ingest_with(promised.algorithm())?;
    writer.append(bytes)?;
    writer.commit_expecting(promised, bytes.len() as u64)?;
    Ok(())
}

fn report(source: Reference, reference: Reference, converted: &Converted) -> ConvertReport {
    let manifest: &Document<Manifest> = &converted.manifest;
    let layers = &manifest.value().layers;
    ConvertReport {
        source,
        reference,
        digest: *manifest.digest(),
        from: converted.from.describe().to_owned(),
        unchanged: converted.unchanged,
        layers: layers.len(),
        layer_bytes: layers
            .iter()
            .fold(0, |sum, layer| sum.saturating_add(layer.size)),
    }
}

/// The new name: the one that was asked for, or one beside the old one.
pub(crate) fn target(source: &Reference, options: &ConvertOptions) -> Result<Reference, Error> {
    if let Some(target) = &options.target {
        check_name(target)?;
        return Ok(target.clone());
    }
    let (own, other) = match options.to {
        Target::Docker => ("-docker", "-modelpack"),
        Target::ModelPack => ("-modelpack", "-docker"),
    };
    let unnamed = || Error::InvalidInput {
        what: format!("{source} has no tag that a name could be made of"),
        hint: Some(format!("name the result: `-t {}:TAG`", source.name())),
    };
    let tag = source.tag.as_ref().ok_or_else(unnamed)?.to_string();
    let tag = match tag.strip_suffix(other).filter(|tag| !tag.is_empty()) {
        Some(tag) => tag.to_owned(),
        None => format!("{tag}{own}"),
    };
    let mut target = source.clone();
    target.digest = None;
    target.tag = Some(tag.parse::<Tag>().map_err(|_| unnamed())?);
    Ok(target)
}
