//! From the local store to a registry.

use std::sync::Arc;

use modelpack_registry::{Mount, Name};
use modelpack_spec::{Descriptor, Digest, Reference, Repository};
use modelpack_store::{Lease, Store};
use serde::Serialize;

use crate::artifact::{Artifact, layer_name, require};
use crate::transfer::{FileSource, Meter, wanted};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// How [`Toolkit::push`] works. There is nothing to choose yet.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PushOptions {}

/// What [`Toolkit::push`] did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PushReport {
    /// The name it has in the registry now.
    pub reference: Reference,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Bytes that went over the network.
    pub transferred: u64,
    /// The layers and the config.
    pub blobs: Vec<PushedBlob>,
}

/// A blob that is in the registry now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PushedBlob {
    /// The file that it is, or `config`.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it got there.
    pub outcome: Outcome,
}

impl Toolkit {
    /// Pushes an artifact under its own name. What the registry has is not sent again. Config and
    /// manifest go last, so that nobody can see an incomplete artifact; the tag always ends up on this
    /// artifact, also when the registry had it under another tag.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NoSelector`], [`Error::Registry`], [`Error::Store`] when
    /// a blob is missing, [`Error::Cancelled`].
    pub async fn push(
        &self,
        reference: &Reference,
        _options: &PushOptions,
        control: &Control,
    ) -> Result<PushReport, Error> {
        let target = wanted(reference)?;
        let (store, local) = (self.store().clone(), reference.clone());
        let (lease, artifact, plan) = blocking::run(move || {
            let lease = store.lease()?;
            let artifact = Artifact::load(&store, &local)?;
            let plan = plan(&lease, &artifact, &local)?;
            Ok((lease, artifact, plan))
        })
        .await?;
        control.report(Event::Planned {
            items: plan.len() + 1,
            bytes: plan.iter().map(|step| step.blob.size).sum::<u64>()
                + artifact.config.bytes().len() as u64,
        });
        let tasks = plan.into_iter().map(|step| {
            let (toolkit, reference, control) = (self.clone(), reference.clone(), control.clone());
            async move { toolkit.push_blob(&reference, step, &control).await }
        });
        let mut blobs = control
            .stop_early(blocking::all(self.concurrency(), tasks))
            .await?;
        let config = Step {
            name: "config".to_owned(),
            blob: artifact.config.descriptor(),
            known_in: None,
        };
        blobs.push(
            control
                .stop_early(self.push_blob(reference, config, control))
                .await?,
        );
        let manifest = &artifact.manifest;
        let media_type = manifest.descriptor().media_type;
        let pushed = async {
            let name = Name::from(reference);
            Ok(self
                .client()
                .put_manifest(&name, &target, &media_type, manifest.bytes().clone())
                .await?)
        };
        control.stop_early(pushed).await?;
        drop(lease);
        Ok(PushReport {
            reference: reference.clone(),
            digest: *manifest.digest(),
            transferred: blobs
                .iter()
                .filter(|blob| blob.outcome == Outcome::Transferred)
                .map(|blob| blob.size)
                .sum(),
            blobs,
        })
    }

    async fn push_blob(
        &self,
        reference: &Reference,
        step: Step,
        control: &Control,
    ) -> Result<PushedBlob, Error> {
        let Step {
            name,
            blob,
            known_in,
        } = step;
        let item = Item::new(name, blob.size, Some(blob.digest));
        control.report(Event::Started(&item));
        let outcome = self
            .send(reference, &blob, known_in, &item, control)
            .await?;
        if outcome != Outcome::Transferred {
            control.report(Event::Advanced {
                item: &item,
                bytes: item.size,
            });
        }
        control.report(Event::Finished {
            item: &item,
            outcome,
        });
        Ok(PushedBlob {
            name: item.name,
            digest: blob.digest,
            size: blob.size,
            outcome,
        })
    }

    async fn send(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        known_in: Option<Repository>,
        item: &Item,
        control: &Control,
    ) -> Result<Outcome, Error> {
        let name = Name::from(reference);
        if self
            .client()
            .head_blob(&name, &blob.digest)
            .await?
            .is_some()
        {
            return Ok(Outcome::Exists);
        }
        let source = Arc::new(FileSource(self.store().blob_path(&blob.digest)));
        let progress = Meter::new(control, item).progress();
        if let Some(from) = known_in {
            return match self
                .client()
                .mount_blob(&name, &blob.digest, Some(&from))
                .await?
            {
                Mount::Mounted => Ok(Outcome::Mounted),
                Mount::Upload(upload) => {
                    self.client()
                        .push_blob_into(upload, blob.size, source, &progress)
                        .await?;
                    Ok(Outcome::Transferred)
                }
                _ => Err(Error::invalid(
                    "the registry gave an answer to a mount that is not known here",
                )),
            };
        }
        self.client()
            .push_blob(&name, &blob.digest, blob.size, source, &progress)
            .await?;
        Ok(Outcome::Transferred)
    }
}

/// A blob to send.
struct Step {
    name: String,
    blob: Descriptor,
    /// Another repository of the same registry that probably has it.
    known_in: Option<Repository>,
}

fn plan(lease: &Lease, artifact: &Artifact, reference: &Reference) -> Result<Vec<Step>, Error> {
    let elsewhere = repositories_with_blobs(lease.store(), reference)?;
    let mut steps: Vec<Step> = Vec::new();
    for layer in artifact.layers() {
        if steps.iter().any(|step| step.blob.digest == layer.digest) {
            continue;
        }
        require(lease, layer)?;
        let known_in = elsewhere.iter().find(|(digest, _)| *digest == layer.digest);
        steps.push(Step {
            name: layer_name(layer),
            blob: layer.clone(),
            known_in: known_in.map(|(_, repository)| repository.clone()),
        });
    }
    Ok(steps)
}

/// Blobs of other repositories of the same registry, as far as the local store knows them.
fn repositories_with_blobs(
    store: &Store,
    reference: &Reference,
) -> Result<Vec<(Digest, Repository)>, Error> {
    let mut found = Vec::new();
    for entry in store.references()? {
        let other = &entry.reference;
        if other.host != reference.host || other.repository == reference.repository {
            continue;
        }
        if let Ok(artifact) = Artifact::load_manifest(store, other, &entry.descriptor) {
            found.extend(
                artifact
                    .layers()
                    .iter()
                    .map(|layer| (layer.digest, other.repository.clone())),
            );
        }
    }
    Ok(found)
}
