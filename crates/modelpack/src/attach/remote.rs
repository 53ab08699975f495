//! The part of attaching that a registry does: only what is new is sent.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelpack_registry::{BlobToPush, Name, Progress, Pushed};
use modelpack_spec::{Descriptor, Digest, Encoding, Reference};
use modelpack_store::{Lease, Store};

use crate::artifact::{Artifact, layer_name};
use crate::attach::{AttachOptions, AttachReport, Picked, Ready, edit, fit, report};
use crate::build::{Layer, build_layer};
use crate::select::Selected;
use crate::transfer::{FileSource, Meter, wanted};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking, one_file};

/// From where a layer is sent.
pub(crate) struct Outbox {
    /// The file itself, or an archive in the store.
    location: PathBuf,
    /// Takes the archive away again: what was made for a registry has no place in the store.
    lease: Option<Lease>,
}

impl Outbox {
    pub(crate) fn location(&self) -> &Path {
        &self.location
    }

    /// Ends it, whether anything was sent or not. What cannot be removed now, prune finds.
    pub(crate) async fn empty(self) {
        if let Some(lease) = self.lease {
            let _ = blocking::run(move || Ok(lease.take_back()?)).await;
        }
    }
}

impl Toolkit {
    pub(crate) async fn attach_remote(
        &self,
        selected: Picked,
        source: &Reference,
        target: &Reference,
        artifact: &Artifact,
        options: AttachOptions,
        control: &Control,
    ) -> Result<AttachReport, Error> {
        let (ready, outbox) = {
            let (store, source, artifact) =
                (self.store().clone(), source.clone(), artifact.clone());
            let control = control.clone();
            blocking::run(move || {
                prepare_remote(&store, selected, &source, &artifact, options, &control)
            })
            .await?
        };
        let edited = edit(source, artifact, &ready, options.replace)?;
        let transferred = async {
            let old = artifact.layers().iter().map(|layer| layer.digest);
            let old: HashSet<Digest> = old.collect();
            let layers = edited.artifact.layers();
            let mut transferred = 0;
            if source.repository != target.repository {
                let kept = layers.iter().filter(|layer| old.contains(&layer.digest));
                let tasks = kept.cloned().map(|layer| {
                    let (toolkit, from, to) = (self.clone(), source.clone(), target.clone());
                    async move { toolkit.link(&layer, &from, &to).await }
                });
                blocking::all(self.concurrency(), tasks).await?;
            }
            for layer in layers.iter().filter(|layer| !old.contains(&layer.digest)) {
                if let Some(outbox) = &outbox {
                    let outcome = self
                        .send_file(target, layer, outbox.location(), control)
                        .await?;
                    if outcome == Outcome::Transferred {
                        transferred += layer.size;
                    }
                }
            }
            transferred += self.send_config(target, source, &edited.artifact).await?;
            let manifest = &edited.artifact.manifest;
            let media_type = manifest.descriptor().media_type;
            let name = Name::from(target);
            self.client()
                .put_manifest(
                    &name,
                    &wanted(target)?,
                    &media_type,
                    manifest.bytes().clone(),
                )
                .await?;
            Ok(transferred)
        };
        let transferred = control.stop_early(transferred).await;
        if let Some(outbox) = outbox {
            outbox.empty().await;
        }
        Ok(report(source, target, &edited, &ready, transferred?))
    }

    /// Sends a file as a blob unless the registry has it.
    pub(crate) async fn send_file(
        &self,
        target: &Reference,
        layer: &Descriptor,
        location: &Path,
        control: &Control,
    ) -> Result<Outcome, Error> {
        let item = Item::new(layer_name(layer), layer.size, Some(layer.digest));
        control.report(Event::Started(&item));
        let meter = Meter::new(control, &item);
        let blob = BlobToPush::new(layer.digest, layer.size);
        let file = Arc::new(FileSource(location.to_owned()));
        let pushed = self
            .client()
            .ensure_blob(&Name::from(target), &blob, file, &meter.progress())
            .await?;
        meter.reach(layer.size);
        let outcome = match pushed {
            Pushed::Exists => Outcome::Exists,
            Pushed::Mounted => Outcome::Mounted,
            _ => Outcome::Transferred,
        };
        control.report(Event::Finished {
            item: &item,
            outcome,
        });
        Ok(outcome)
    }

    async fn send_config(
        &self,
        target: &Reference,
        source: &Reference,
        artifact: &Artifact,
    ) -> Result<u64, Error> {
        let config = &artifact.manifest.value().config;
        let blob = BlobToPush::new(config.digest, config.size);
        let blob = match source.repository == target.repository {
            true => blob,
            false => blob.known_in([source.repository.clone()]),
        };
        let content = Arc::new(artifact.config.bytes().clone());
        let pushed = self
            .client()
            .ensure_blob(&Name::from(target), &blob, content, &Progress::none())
            .await?;
        Ok(match pushed {
            Pushed::Uploaded => config.size,
            _ => 0,
        })
    }
}

/// What is attached, and from where it is sent.
fn prepare_remote(
    store: &Store,
    picked: Picked,
    source: &Reference,
    artifact: &Artifact,
    options: AttachOptions,
    control: &Control,
) -> Result<(Ready, Option<Outbox>), Error> {
    let mut selected = match picked {
        Picked::Config(content) => return Ok((Ready::Config(content), None)),
        Picked::File(selected) => selected,
    };
    let encoding = fit(&mut selected, source, artifact, options)?;
    let (layer, outbox) = to_send(store, &selected, encoding, control)?;
    Ok((Ready::File(selected.path.clone(), layer), Some(outbox)))
}

/// A file as a layer that is to be sent, and from where.
pub(crate) fn to_send(
    store: &Store,
    selected: &Selected,
    encoding: Encoding,
    control: &Control,
) -> Result<(Layer, Outbox), Error> {
    if encoding == Encoding::Raw {
        let layer = one_file::hash(selected, control)?;
        let outbox = Outbox {
            location: selected.file.location.clone(),
            lease: None,
        };
        return Ok((layer, outbox));
    }
    let lease = store.lease()?;
    let layer = build_layer(&lease, selected, encoding, false, control)?;
    let outbox = Outbox {
        location: store.blob_path(&layer.descriptor.digest),
        lease: Some(lease),
    };
    Ok((layer, outbox))
}
