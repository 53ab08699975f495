//! Adding a file to an artifact, or putting it in the place of another: here or in the registry.

mod edit;
pub(crate) mod one_file;
mod remote;

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use modelpack_spec::{Digest, Encoding, FilePath, Reference};
use modelpack_store::{Lease, Store};
use serde::Serialize;

use self::edit::{Edited, positions, require_modelpack, with_config, with_file};
pub use self::one_file::path_in_artifact;
use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES, require};
use crate::build::{Layer, PlannedLayer, check_name, store_layer};
use crate::pull::check_shape;
use crate::select::Selected;
use crate::{Control, Error, Place, Toolkit, blocking, bounded, variants};

/// What is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attachment {
    /// A file, as a layer of its own.
    File {
        /// Where it is.
        location: PathBuf,
        /// Its path in the model; see [`path_in_artifact`](crate::path_in_artifact).
        path: FilePath,
    },
    /// A config in the place of the one that is there.
    Config {
        /// Where it is.
        location: PathBuf,
    },
}

impl Attachment {
    /// A file with its path in the model.
    #[must_use]
    pub fn file(location: impl Into<PathBuf>, path: FilePath) -> Self {
        Self::File {
            location: location.into(),
            path,
        }
    }

    /// A config.
    #[must_use]
    pub fn config(location: impl Into<PathBuf>) -> Self {
        Self::Config {
            location: location.into(),
        }
    }
}

/// How [`Toolkit::attach`] works.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct AttachOptions {
    /// How the file becomes a layer; as the one that it replaces, else `raw`, by default.
    pub encoding: Option<Encoding>,
    /// Whether it may replace a file of its name that has other content.
    pub replace: bool,
    /// Where source and target are.
    pub place: Place,
}

/// How an artifact differs from the one that it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Change {
    /// It has one file more, at the end.
    Added,
    /// One file is another.
    Replaced,
    /// The config is another.
    Config,
    /// In nothing: it had this file already.
    Unchanged,
}

/// What [`Toolkit::attach`] made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AttachReport {
    /// The artifact that it was made of.
    pub source: Reference,
    /// The new name.
    pub reference: Reference,
    /// Digest of the manifest.
    pub digest: Digest,
    /// What is new.
    pub change: Change,
    /// The path of the file in the model; nothing for a config.
    pub path: Option<FilePath>,
    /// Digest of the layer or config that was attached.
    pub content: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Bytes of layers and config that were sent to the registry.
    pub transferred: u64,
}

/// What is attached, ready to be written into documents.
pub(crate) enum Ready {
    File(FilePath, Layer),
    Config(Bytes),
}

impl Toolkit {
    /// Makes an artifact of another one that has one file more, or another file of a name, or another
    /// config. Everything else stays as it is: order, metadata, fields that nobody here knows, and every
    /// byte of the other layers. The name moves last.
    ///
    /// In a registry only what is new is sent; the other layers are linked when the target is another
    /// repository, and the local store has no part in it.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for a target without tag; [`Error::FileExists`]; [`Error::RuleBroken`] and
    /// [`Error::InvalidInput`] for a config that is wrong or speaks of other layers; [`Error::Spec`] for
    /// a file that cannot stand beside the others; [`Error::File`], [`Error::FileChanged`];
    /// [`Error::UnknownReference`], [`Error::NotAModel`], [`Error::ManifestTooLarge`]; those of store and
    /// registry.
    pub async fn attach(
        &self,
        attachment: &Attachment,
        source: &Reference,
        target: &Reference,
        options: &AttachOptions,
        control: &Control,
    ) -> Result<AttachReport, Error> {
        check_name(target)?;
        let is_remote = options.place == Place::Registry;
        if is_remote && target.host != source.host {
            return Err(Error::InvalidInput {
                what: format!("{target} is on another host than {source}"),
                hint: Some("pull it, attach to it here, then push it".to_owned()),
            });
        }
        // Before anything is fetched.
        let selected = {
            let attachment = attachment.clone();
            blocking::run(move || select(&attachment)).await?
        };
        let artifact = self.artifact(source, options.place, control).await?;
        check_shape(&artifact)?;
        require_modelpack(source, &artifact)?;
        if is_remote {
            let done = self.attach_remote(selected, source, target, &artifact, *options, control);
            let done = done.await;
            self.client().settle().await;
            return done;
        }
        let (store, source, target) = (self.store().clone(), source.clone(), target.clone());
        let (options, control) = (*options, control.clone());
        blocking::run(move || {
            let lease = store.lease()?;
            variants::refuse_index(&store, &target)?;
            let attached = attach_here(
                &store, &lease, selected, &source, &target, &artifact, options, &control,
            );
            if attached.as_ref().is_err_and(|error| !error.is_cancelled()) {
                // The failure is what counts; what cannot be removed now, prune finds.
                let _ = lease.take_back();
            }
            attached
        })
        .await
    }
}

/// What is attached, as it lies on the disk.
pub(crate) enum Picked {
    File(Box<Selected>),
    Config(Bytes),
}

fn select(attachment: &Attachment) -> Result<Picked, Error> {
    match attachment {
        Attachment::File { location, path } => one_file::select(location, path.clone())
            .map(Box::new)
            .map(Picked::File),
        Attachment::Config { location } => {
            let missing = || Error::file("cannot read", location, io::ErrorKind::NotFound.into());
            let content = bounded::read(location, MAX_DOCUMENT_BYTES)?.ok_or_else(missing)?;
            Ok(Picked::Config(content.into()))
        }
    }
}

/// How a file becomes a layer of this artifact. What can be refused without reading it is refused here.
pub(crate) fn fit(
    selected: &mut Selected,
    source: &Reference,
    artifact: &Artifact,
    options: AttachOptions,
) -> Result<Encoding, Error> {
    let at = positions(artifact, &selected.path);
    let old = at.first().map(|at| &artifact.layers()[*at]);
    let known = old.and_then(|old| old.media_type.as_layer());
    let encoding = options
        .encoding
        .or(known.map(|known| known.encoding))
        .unwrap_or(Encoding::Raw);
    if let Some(known) = known {
        selected.kind = known.kind;
    }
    let is_other =
        old.is_some_and(|old| encoding == Encoding::Raw && old.size != selected.file.size);
    if is_other && !options.replace {
        return Err(Error::FileExists {
            reference: source.clone(),
            path: selected.path.clone(),
        });
    }
    Ok(encoding)
}

pub(crate) fn edit(
    source: &Reference,
    artifact: &Artifact,
    ready: &Ready,
    may_replace: bool,
) -> Result<Edited, Error> {
    match ready {
        Ready::Config(content) => with_config(source, artifact, content.clone()),
        Ready::File(path, layer) => {
            let (descriptor, diff_id) = (&layer.descriptor, layer.diff_id);
            with_file(source, artifact, path, descriptor, diff_id, may_replace)
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call, from the method that has them all"
)]
fn attach_here(
    store: &Store,
    lease: &Lease,
    picked: Picked,
    source: &Reference,
    target: &Reference,
    artifact: &Artifact,
    options: AttachOptions,
    control: &Control,
) -> Result<AttachReport, Error> {
    for layer in artifact.layers() {
        require(lease, layer)?;
    }
    lease.protect(artifact.config.digest())?;
    let ready = match picked {
        Picked::Config(content) => Ready::Config(content),
        Picked::File(mut selected) => {
            let encoding = fit(&mut selected, source, artifact, options)?;
            let planned = PlannedLayer::alone(&selected, encoding);
            let batch = lease.batch();
            let layer = store_layer(&batch, &planned, false, control)?;
            batch.finish()?;
            Ready::File(selected.path.clone(), layer)
        }
    };
    let edited = edit(source, artifact, &ready, options.replace)?;
    control.check()?;
    let manifest = &edited.artifact.manifest;
    lease.put_document(&edited.artifact.config)?;
    let mut descriptor = lease.put_document(manifest)?;
    descriptor.artifact_type = manifest.value().artifact_type.clone();
    store.tag(target, &descriptor)?;
    Ok(report(source, target, &edited, &ready, 0))
}

pub(crate) fn report(
    source: &Reference,
    target: &Reference,
    edited: &Edited,
    ready: &Ready,
    transferred: u64,
) -> AttachReport {
    let (path, content, size) = match ready {
        Ready::File(path, layer) => (
            Some(path.clone()),
            layer.descriptor.digest,
            layer.descriptor.size,
        ),
        Ready::Config(content) => (None, Digest::sha256(content), content.len() as u64),
    };
    AttachReport {
        source: source.clone(),
        reference: target.clone(),
        digest: *edited.artifact.manifest.digest(),
        change: edited.change,
        path,
        content,
        size,
        transferred,
    }
}
