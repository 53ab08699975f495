//! From a registry into the local store.

use modelpack_registry::Name;
use modelpack_spec::{Descriptor, Digest, Reference};
use modelpack_store::{Acquired, Lease};
use serde::Serialize;

use crate::artifact::{Artifact, layer_name};
use crate::transfer::{PartialSink, progress_of};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// Room that is left for documents and for other programs when free space is checked, in bytes.
const SPARE_BYTES: u64 = 16 * 1024 * 1024;

/// How [`Toolkit::pull`] works. There is nothing to choose yet.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PullOptions {}

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
    #[serde(skip)]
    transferred: u64,
}

impl Toolkit {
    /// Pulls an artifact. What is in the store is not fetched again, what an earlier pull left
    /// unfinished is continued, and the name appears when everything is verified.
    ///
    /// # Errors
    /// [`Error::NoSelector`], [`Error::NotAModel`], [`Error::Spec`] for a document that is wrong,
    /// [`Error::NoSpace`] before the first layer is fetched, [`Error::Registry`], [`Error::Store`],
    /// [`Error::Cancelled`].
    pub async fn pull(
        &self,
        reference: &Reference,
        _options: &PullOptions,
        control: &Control,
    ) -> Result<PullReport, Error> {
        let artifact = control.stop_early(self.fetch_artifact(reference)).await?;
        check_shape(&artifact)?;
        let mut layers: Vec<Descriptor> = Vec::new();
        for layer in artifact.layers() {
            if !layers.iter().any(|known| known.digest == layer.digest) {
                layers.push(layer.clone());
            }
        }
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
        let tasks = layers.into_iter().map(|layer| {
            let (toolkit, lease, control) = (self.clone(), lease.clone(), control.clone());
            let reference = reference.clone();
            async move {
                toolkit
                    .pull_layer(&lease, &reference, &layer, &control)
                    .await
            }
        });
        let layers = control
            .stop_early(blocking::all(self.concurrency(), tasks))
            .await?;
        let (store, name, manifest) = (
            self.store().clone(),
            reference.clone(),
            artifact.manifest.clone(),
        );
        let config = artifact.config;
        blocking::run(move || {
            lease.put_document(&config)?;
            let mut descriptor = lease.put_document(&manifest)?;
            descriptor.artifact_type = manifest.value().artifact_type.clone();
            Ok(store.tag(&name, &descriptor)?)
        })
        .await?;
        let manifest = &artifact.manifest;
        Ok(PullReport {
            reference: reference.clone(),
            digest: *manifest.digest(),
            size: manifest.value().content_size() + manifest.bytes().len() as u64,
            transferred: layers.iter().map(|layer| layer.transferred).sum(),
            layers,
        })
    }

    async fn pull_layer(
        &self,
        lease: &Lease,
        reference: &Reference,
        layer: &Descriptor,
        control: &Control,
    ) -> Result<PulledLayer, Error> {
        let item = Item::new(layer_name(layer), layer.size, Some(layer.digest));
        control.report(Event::Started(&item));
        let done = |outcome, transferred| {
            control.report(Event::Finished {
                item: &item,
                outcome,
            });
            PulledLayer {
                name: item.name.clone(),
                digest: layer.digest,
                size: layer.size,
                outcome,
                transferred,
            }
        };
        let mut is_second_try = false;
        loop {
            let (lease, wanted, name) = (lease.clone(), layer.clone(), reference.to_string());
            let acquired =
                blocking::run(move || Ok(lease.partial(&wanted.digest, wanted.size, &name)?))
                    .await?;
            let partial = match acquired {
                Acquired::Partial(partial) => partial,
                _ => {
                    control.report(Event::Advanced {
                        item: &item,
                        bytes: item.size,
                    });
                    return Ok(done(Outcome::Exists, 0));
                }
            };
            let (start, is_resumed) = (partial.frontier(), partial.is_resumed());
            if start > 0 && !is_second_try {
                control.report(Event::Advanced {
                    item: &item,
                    bytes: start,
                });
            }
            let progress = progress_of(control, &item, start);
            let mut sink = PartialSink::new(partial);
            let pulled = if start == layer.size {
                Ok(())
            } else {
                self.client()
                    .pull_blob(&Name::from(reference), layer, &mut sink, start, &progress)
                    .await
            };
            // The sink knows better than the client what stopped it.
            match (sink.finish().await, pulled) {
                (Ok(Some(_)), _) => {
                    let outcome = if is_resumed {
                        Outcome::Resumed
                    } else {
                        Outcome::Transferred
                    };
                    return Ok(done(outcome, layer.size - start));
                }
                // Bytes of an earlier, interrupted pull can be what is wrong; they are gone now.
                (Err(error), _) if is_resumed && !is_second_try && error.is_integrity() => {
                    is_second_try = true
                }
                (Err(error), _) => return Err(error),
                (Ok(None), Err(error)) => return Err(error.into()),
                (Ok(None), Ok(())) => {
                    return Err(Error::invalid(format!(
                        "layer {} came incomplete",
                        layer.digest
                    )));
                }
            }
        }
    }
}

/// A config that speaks of other layers than the manifest belongs to another artifact.
fn check_shape(artifact: &Artifact) -> Result<(), Error> {
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

/// Before the first byte is fetched, so that a full disk is not found out after an hour.
fn check_space(lease: &Lease, layers: &[Descriptor]) -> Result<(), Error> {
    let partials = lease.store().partials()?;
    let mut needed = 0_u64;
    for layer in layers {
        if lease.protect(&layer.digest)?.is_none() {
            // The file of a partial blob has its full size from the beginning.
            let is_allocated = partials
                .iter()
                .any(|partial| partial.digest == layer.digest);
            needed = needed.saturating_add(if is_allocated { 0 } else { layer.size });
        }
    }
    let available = lease.store().available_space()?;
    if needed > 0 && needed.saturating_add(SPARE_BYTES) > available {
        let needed = needed.saturating_add(SPARE_BYTES);
        return Err(Error::NoSpace {
            path: lease.store().root().to_owned(),
            needed,
            available,
        });
    }
    Ok(())
}
