//! One blob from a registry into the local store: alone or together with other processes.

use std::sync::Arc;
use std::time::Duration;

use modelpack_registry::Name;
use modelpack_spec::{Descriptor, RangeSet, Reference};
use modelpack_store::{Acquired, Batch, Error as StoreError, Lease, Partial, Stored};

use super::repair;
use crate::artifact::layer_name;
use crate::pull::PulledLayer;
use crate::transfer::{Meter, PartialSink};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// Blobs up to this size, in bytes, are fetched in one piece and never kept half: to continue them would
/// cost more than to fetch them again.
const SMALL_BYTES: u64 = 1024 * 1024;
/// How often it is looked whether another process has finished the blob.
const POLL: Duration = Duration::from_millis(200);

impl Toolkit {
    /// Pulls a layer unless it is here.
    pub(crate) async fn pull_layer(
        &self,
        batch: &Arc<Batch>,
        reference: &Reference,
        layer: &Descriptor,
        control: &Control,
    ) -> Result<PulledLayer, Error> {
        let item = Item::new(layer_name(layer), layer.size, Some(layer.digest));
        control.report(Event::Started(&item));
        let pull = BlobPull {
            toolkit: self,
            batch,
            lease: batch.lease(),
            reference,
            layer,
            control,
            meter: Meter::new(control, &item),
            item: &item,
        };
        let (outcome, transferred) = pull.run().await?;
        pull.meter.reach(item.size);
        control.report(Event::Finished {
            item: &item,
            outcome,
        });
        Ok(PulledLayer {
            name: item.name,
            digest: layer.digest,
            size: layer.size,
            outcome,
            transferred,
        })
    }
}

struct BlobPull<'a> {
    toolkit: &'a Toolkit,
    batch: &'a Arc<Batch>,
    lease: &'a Lease,
    reference: &'a Reference,
    layer: &'a Descriptor,
    control: &'a Control,
    meter: Meter,
    item: &'a Item,
}

impl BlobPull<'_> {
    async fn run(&self) -> Result<(Outcome, u64), Error> {
        if self.layer.size <= SMALL_BYTES
            && let Some(done) = self.small().await?
        {
            return Ok(done);
        }
        let partial = match self.acquire().await? {
            Acquired::Partial(partial) => partial,
            _ => return Ok((Outcome::Exists, 0)),
        };
        let there = there(&partial);
        let outcome = if partial.is_resumed() {
            self.control.report(Event::Resumed {
                item: self.item,
                bytes: there.len(),
            });
            Outcome::Resumed
        } else {
            Outcome::Transferred
        };
        self.meter.reach(there.len());
        let (sink, writer) = PartialSink::new(partial);
        let pulled = self
            .toolkit
            .client()
            .pull_blob(
                &Name::from(self.reference),
                self.layer,
                Arc::new(sink),
                &there,
                &self.meter.progress(),
            )
            .await;
        // The writer knows better than the client what stopped it.
        let partial = writer.finish().await?;
        pulled?;
        self.finish(partial).await?;
        Ok((outcome, self.layer.size - there.len()))
    }

    /// Nothing when somebody has begun it in the other way.
    async fn small(&self) -> Result<Option<(Outcome, u64)>, Error> {
        let (lease, digest) = (self.lease.clone(), self.layer.digest);
        let size = self.layer.size;
        let (found, is_begun) = blocking::run(move || {
            let is_begun = lease.store().partial_status(&digest)?.is_some();
            Ok((lease.protect(&digest)?, is_begun))
        })
        .await?;
        if is_begun || found.is_some_and(|found| found != size) {
            return Ok(None);
        }
        if found.is_some() {
            return Ok(Some((Outcome::Exists, 0)));
        }
        let content = self
            .toolkit
            .client()
            .get_blob(&Name::from(self.reference), self.layer, SMALL_BYTES)
            .await?;
        let batch = Arc::clone(self.batch);
        blocking::run(move || {
            let mut writer = batch.lease().ingest_with(digest.algorithm())?;
            writer.append(&content)?;
            Ok(batch.commit_expecting(writer, &digest, size)?)
        })
        .await?;
        Ok(Some((Outcome::Transferred, size)))
    }

    /// The partial blob for this process alone. While another one downloads it, its progress is shown.
    async fn acquire(&self) -> Result<Acquired, Error> {
        let mut has_told = false;
        loop {
            let (lease, layer) = (self.lease.clone(), self.layer.clone());
            let name = self.reference.to_string();
            let acquired =
                blocking::run(
                    move || match lease.try_partial(&layer.digest, layer.size, &name) {
                        Err(StoreError::Busy { .. }) => {
                            let status = lease.store().partial_status(&layer.digest)?;
                            Ok(Err(status.map_or(0, |status| status.done.len())))
                        }
                        acquired => Ok(Ok(acquired?)),
                    },
                )
                .await?;
            match acquired {
                Ok(acquired) => return Ok(acquired),
                Err(done) => {
                    if !has_told {
                        self.control.report(Event::Waiting(self.item));
                        has_told = true;
                    }
                    self.meter.reach(done);
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// Makes a complete partial a blob. When its bytes are wrong, the damage is looked for and mended.
    async fn finish(&self, partial: Partial) -> Result<Stored, Error> {
        let (partial, verified) = blocking::run(move || {
            let mut partial = partial;
            let verified = partial.verify();
            Ok((partial, verified))
        })
        .await?;
        let partial = match verified {
            Ok(()) => partial,
            Err(StoreError::DigestMismatch { actual, .. }) => {
                let name = Name::from(self.reference);
                let client = self.toolkit.client();
                repair::mend(client, &name, self.layer, partial, actual, self.control).await?
            }
            Err(error) => return Err(error.into()),
        };
        blocking::run(move || Ok(partial.finish()?)).await
    }
}

fn there(partial: &Partial) -> RangeSet {
    let mut there: RangeSet = std::iter::once(0..partial.size()).collect();
    for gap in partial.missing() {
        there.remove(gap);
    }
    there
}
