//! From a registry into the local store.

mod blob;
mod into;
mod repair;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use modelpack_spec::variant::Choice;
use modelpack_spec::{Descriptor, Digest, Reference};
use modelpack_store::{Batch, Lease, Store};
use serde::Serialize;

use crate::artifact::Artifact;
use crate::{Control, Error, Event, Outcome, Toolkit, VariantEntry, blocking, variants};

/// Room that is left for documents and for other programs when free space is checked, in bytes.
const SPARE_BYTES: u64 = 16 * 1024 * 1024;

/// How [`Toolkit::pull`] works.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PullOptions {
    /// Longest time that all of it may take; none by default. What is there then is kept.
    pub deadline: Option<Duration>,
}

/// What [`Toolkit::pull`] did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PullReport {
    /// The name it has now.
    pub reference: Reference,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Bytes of manifest, config and layers.
    pub size: u64,
    /// Bytes of layers that came over the network.
    pub transferred: u64,
    /// The layers.
    pub layers: Vec<PulledLayer>,
    /// Which variant it is, when the name is one of an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantEntry>,
}

/// A layer that is in the store now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PulledLayer {
    /// The file that it says it is, or its digest.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it got here.
    pub outcome: Outcome,
    /// Bytes that came over the network for it.
    #[serde(skip)]
    pub(crate) transferred: u64,
}

impl Toolkit {
    /// Pulls an artifact. What is in the store is not fetched again, what an earlier pull left
    /// unfinished is continued, and the name appears when everything is verified.
    ///
    /// # Errors
    /// [`Error::NoSelector`], [`Error::NotAModel`], [`Error::Spec`] for a document that is wrong,
    /// [`Error::NoSpace`] before the first layer is fetched or when the disk fills on the way, [`Error::WrongBytes`] when neither side can
    /// be made to give the right ones, [`Error::Deadline`], [`Error::Registry`], [`Error::Store`],
    /// [`Error::Cancelled`].
    pub async fn pull(
        &self,
        reference: &Reference,
        options: &PullOptions,
        control: &Control,
    ) -> Result<PullReport, Error> {
        self.pull_variant(reference, &Choice::Only, options, control)
            .await
    }

    /// Pulls one of several variants. The name stays that of the index, so that it can be pushed and asked
    /// for other variants; what needs one artifact takes the variant that was pulled last under this name.
    ///
    /// # Errors
    /// Those of [`Self::pull`] and [`Self::choose_variant`].
    pub async fn pull_variant(
        &self,
        reference: &Reference,
        choice: &Choice,
        options: &PullOptions,
        control: &Control,
    ) -> Result<PullReport, Error> {
        let pulled = self.pull_artifact(reference, choice, control);
        control.within(options.deadline, pulled).await
    }

    async fn pull_artifact(
        &self,
        reference: &Reference,
        choice: &Choice,
        control: &Control,
    ) -> Result<PullReport, Error> {
        let fetched = control.stop_early(self.fetch_variant(reference, choice));
        let (artifact, index) = fetched.await?;
        check_shape(&artifact)?;
        let (lease, layers) = self
            .pull_layers(reference, artifact.layers(), control)
            .await?;
        let (store, name, manifest) = (
            self.store().clone(),
            reference.clone(),
            artifact.manifest.clone(),
        );
        let config = artifact.config;
        let chosen = *manifest.digest();
        let variant = index
            .as_ref()
            .and_then(|index| variants::entry(index.value(), &chosen));
        blocking::run(move || {
            lease.put_document(&config)?;
            let mut descriptor = lease.put_document(&manifest)?;
            descriptor.artifact_type = manifest.value().artifact_type.clone();
            match index {
                Some(index) => variants::keep(&store, &lease, &name, &index, &descriptor),
                None => Ok(store.tag(&name, &descriptor)?),
            }
        })
        .await?;
        let known = layers.iter().map(|layer| layer.digest).collect();
        self.note(reference, known).await;
        let manifest = &artifact.manifest;
        Ok(PullReport {
            reference: reference.clone(),
            digest: *manifest.digest(),
            size: manifest.value().content_size() + manifest.bytes().len() as u64,
            transferred: layers.iter().map(|layer| layer.transferred).sum(),
            layers,
            variant,
        })
    }
}

impl Toolkit {
    /// Pulls layers, each once, and keeps them safe as long as the lease lives.
    pub(crate) async fn pull_layers(
        &self,
        reference: &Reference,
        layers: &[Descriptor],
        control: &Control,
    ) -> Result<(Lease, Vec<PulledLayer>), Error> {
        let mut seen = HashSet::new();
        let is_new = |layer: &&Descriptor| seen.insert(layer.digest);
        let layers: Vec<Descriptor> = layers.iter().filter(is_new).cloned().collect();
        let lease = {
            let (store, layers) = (self.store().clone(), layers.clone());
            blocking::run(move || {
                let lease = store.lease()?;
                check_space(&lease, &layers)?;
                Ok(lease)
            })
            .await?
        };
        control.report(Event::Planned {
            items: layers.len(),
            bytes: layers.iter().map(|layer| layer.size).sum(),
        });
        let kept = Kept(Some(Arc::new(lease.batch())));
        let batch = kept.batch();
        let tasks = layers.clone().into_iter().map(|layer| {
            let (toolkit, batch, control) = (self.clone(), Arc::clone(batch), control.clone());
            let reference = reference.clone();
            async move {
                toolkit
                    .pull_layer(&batch, &reference, &layer, &control)
                    .await
            }
        });
        let pulled = control
            .stop_early(blocking::all(self.concurrency(), tasks))
            .await;
        let kept = blocking::run(move || kept.finish()).await;
        match pulled.and_then(|pulled| kept.map(|_| pulled)) {
            Err(error) if error.is_no_space() => {
                // Somebody else has taken the room meanwhile. Now it is known how much of it is missing.
                blocking::run(move || check_space(&lease, &layers)).await?;
                Err(error)
            }
            pulled => Ok((lease, pulled?)),
        }
    }
}

/// A config that speaks of other layers than the manifest belongs to another artifact.
pub(crate) fn check_shape(artifact: &Artifact) -> Result<(), Error> {
    let (layers, diff_ids) = (
        artifact.layers().len(),
        artifact.config.value().modelfs.diff_ids.len(),
    );
    if layers == diff_ids {
        return Ok(());
    }
    let violations = vec![format!(
        "/modelfs/diffIds has {diff_ids} entries for {layers} layers"
    )];
    Err(Error::RuleBroken {
        document: "model config",
        violations,
    })
}

/// Small blobs that have arrived. They are kept, also when something else has failed or time is over.
struct Kept(Option<Arc<Batch>>);

impl Kept {
    fn batch(&self) -> &Arc<Batch> {
        self.0.as_ref().expect("it is taken only at the end")
    }

    fn finish(mut self) -> Result<(), Error> {
        Ok(self.batch().finish().inspect(|()| self.0 = None)?)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(batch) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Nobody is left to be told; what does not become a blob is fetched again.
            runtime.spawn_blocking(move || drop(batch.finish()));
        }
    }
}

/// Before the first byte is fetched, so that a full disk is not found out after an hour; and after a disk has
/// become full on the way, to say how much is missing.
fn check_space(lease: &Lease, layers: &[Descriptor]) -> Result<(), Error> {
    let partials: HashMap<Digest, u64> = lease
        .store()
        .partials()?
        .into_iter()
        .map(|partial| (partial.digest, partial.allocated))
        .collect();
    let mut needed = 0_u64;
    for layer in layers {
        if lease.protect(&layer.digest)?.is_none() {
            // Where the file system reserves room, a partial blob has all of it from the beginning.
            let allocated = partials.get(&layer.digest).copied().unwrap_or(0);
            needed = needed.saturating_add(layer.size.saturating_sub(allocated));
        }
    }
    if needed > 0 {
        needed = needed.saturating_add(SPARE_BYTES);
    }
    require_space(lease.store(), needed)
}

/// Refuses what does not fit on the disk of the store.
pub(crate) fn require_space(store: &Store, needed: u64) -> Result<(), Error> {
    let available = store.available_space()?;
    if needed > available {
        return Err(Error::NoSpace {
            path: store.root().to_owned(),
            needed,
            available,
        });
    }
    Ok(())
}
