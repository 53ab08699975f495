//! From the local store to a registry.

mod dry_run;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use modelpack_registry::{BlobSource, BlobToPush, Name, Pushed};
use modelpack_spec::{Descriptor, Digest, Manifest, Reference, Repository};
use modelpack_store::Lease;
use serde::Serialize;
use tokio::task::JoinSet;

pub use self::dry_run::{PushPlan, PushPlanBlob};
use crate::artifact::{layer_name, require, sendable};
use crate::transfer::{FileSource, Meter, wanted};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// How [`Toolkit::push`] works.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PushOptions {
    /// Longest time that all of it may take; none by default. The registry keeps the blobs that it has then.
    pub deadline: Option<Duration>,
}

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
    /// Pushes an artifact under its own name. What the registry has is not sent again, and what it has in
    /// another repository that is known here is linked. Config and manifest go last, so that nobody can
    /// see an incomplete artifact; the tag always ends up on this artifact, also when the registry had it
    /// under another tag. A model in the shape of an image, as [`Self::export_image`] writes it, is sent like
    /// any other. Uploads that are given up, also by cancelling, are ended at the registry.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NoSelector`], [`Error::Registry`], [`Error::Store`] when
    /// a blob is missing, [`Error::Deadline`], [`Error::Cancelled`].
    pub async fn push(
        &self,
        reference: &Reference,
        options: &PushOptions,
        control: &Control,
    ) -> Result<PushReport, Error> {
        let target = wanted(reference)?;
        let (store, local) = (self.store().clone(), reference.clone());
        let (lease, manifest, plan) = blocking::run(move || {
            let lease = store.lease()?;
            let manifest = sendable(&store, &local)?;
            let plan = plan(&lease, manifest.value(), &local)?;
            Ok((lease, manifest, plan))
        })
        .await?;
        control.report(Event::Planned {
            items: plan.len(),
            bytes: plan.iter().map(|step| step.blob.size).sum(),
        });
        let pushed = async {
            let blobs = self.push_blobs(reference, plan, control).await?;
            let (name, media_type) = (Name::from(reference), manifest.descriptor().media_type);
            let stored =
                self.client()
                    .put_manifest(&name, &target, &media_type, manifest.bytes().clone());
            control.stop_early(async { Ok(stored.await?) }).await?;
            Ok(blobs)
        };
        let pushed: Result<Vec<PushedBlob>, Error> = control.within(options.deadline, pushed).await;
        // Uploads that came to nothing are being ended at the registry; the program may be about to end.
        self.client().settle().await;
        let blobs = pushed?;
        self.note(reference, blobs.iter().map(|blob| blob.digest).collect())
            .await;
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

    /// Remembers where these blobs are now. It only saves later work, so a failure is none.
    pub(crate) async fn note(&self, reference: &Reference, blobs: Vec<Digest>) {
        let (store, reference) = (self.store().clone(), reference.clone());
        let noted = blocking::run(move || {
            Ok(store.note_origin(&reference.host, &reference.repository, &blobs)?)
        });
        let _ = noted.await;
    }

    /// Pushes the layers, several at a time, and then the config. When this returns nothing is being sent.
    async fn push_blobs(
        &self,
        reference: &Reference,
        mut plan: Vec<Step>,
        control: &Control,
    ) -> Result<Vec<PushedBlob>, Error> {
        let config = plan.pop();
        let mut blobs = self.push_layers(reference, plan, control).await?;
        if let Some(config) = config {
            let source = self.blob_source(&config);
            let pushed = self.push_blob(reference, config, source, control);
            blobs.push(control.stop_early(pushed).await?);
        }
        Ok(blobs)
    }

    fn blob_source(&self, step: &Step) -> Arc<dyn BlobSource> {
        Arc::new(FileSource(self.store().blob_path(&step.blob.digest)))
    }

    async fn push_layers(
        &self,
        reference: &Reference,
        plan: Vec<Step>,
        control: &Control,
    ) -> Result<Vec<PushedBlob>, Error> {
        let mut steps = plan.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut done = Vec::new();
        loop {
            while running.len() < self.concurrency()
                && let Some((index, step)) = steps.next()
            {
                let (toolkit, reference, control) =
                    (self.clone(), reference.clone(), control.clone());
                running.spawn(async move {
                    let source = toolkit.blob_source(&step);
                    let pushed = toolkit.push_blob(&reference, step, source, &control);
                    control.stop_early(pushed).await.map(|blob| (index, blob))
                });
            }
            let failed = match running.join_next().await {
                None => break,
                Some(Ok(Ok(blob))) => {
                    done.push(blob);
                    continue;
                }
                Some(Ok(Err(error))) => error,
                Some(Err(error)) => Error::Worker(error),
            };
            // Each of the others ends what it has begun.
            running.shutdown().await;
            return Err(failed);
        }
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, blob)| blob).collect())
    }

    /// Sees to it that the registry has a blob, at the least cost, and tells of it.
    pub(crate) async fn push_blob(
        &self,
        reference: &Reference,
        step: Step,
        source: Arc<dyn BlobSource>,
        control: &Control,
    ) -> Result<PushedBlob, Error> {
        let Step {
            name,
            blob,
            known_in,
        } = step;
        let item = Item::new(name, blob.size, Some(blob.digest));
        control.report(Event::Started(&item));
        let progress = Meter::new(control, &item).progress();
        let wanted = BlobToPush::new(blob.digest, blob.size).known_in(known_in);
        let outcome = match self
            .client()
            .ensure_blob(&Name::from(reference), &wanted, source, &progress)
            .await?
        {
            Pushed::Exists => Outcome::Exists,
            Pushed::Mounted => Outcome::Mounted,
            // A way that is not known here has sent it.
            _ => Outcome::Transferred,
        };
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
}

/// A blob to send.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) blob: Descriptor,
    /// Other repositories of the same registry that are known to have had it.
    known_in: Vec<Repository>,
}

impl Step {
    pub(crate) fn new(
        name: impl Into<String>,
        blob: Descriptor,
        known_in: Vec<Repository>,
    ) -> Self {
        Self {
            name: name.into(),
            blob,
            known_in,
        }
    }
}

/// The layers, each once, and the config at the end.
pub(crate) fn plan(
    lease: &Lease,
    manifest: &Manifest,
    reference: &Reference,
) -> Result<Vec<Step>, Error> {
    let mut steps: Vec<Step> = Vec::new();
    let config = manifest.config.clone();
    require(lease, &config)?;
    let layers = manifest
        .layers
        .iter()
        .filter(|layer| layer.digest != config.digest);
    let mut seen = HashSet::new();
    for layer in layers.filter(|layer| seen.insert(layer.digest)) {
        require(lease, layer)?;
        steps.push(Step {
            name: layer_name(layer),
            blob: layer.clone(),
            known_in: Vec::new(),
        });
    }
    steps.push(Step {
        name: "config".to_owned(),
        blob: config,
        known_in: Vec::new(),
    });
    let mut origins = lease.store().origins(&reference.host)?;
    for step in &mut steps {
        step.known_in = origins.remove(&step.blob.digest).unwrap_or_default();
        step.known_in.retain(|known| *known != reference.repository);
    }
    Ok(steps)
}
