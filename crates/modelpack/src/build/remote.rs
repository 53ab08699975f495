//! A registry as what is built into, without a local copy.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use modelpack_registry::Name;
use modelpack_spec::{Digest, Reference, Repository};
use modelpack_store::Lease;

use super::content::{CheckedSource, Content, Digests};
use super::documents::compose;
use super::layer::{Layer, ticks};
use super::plan::PlannedLayer;
use super::{BuildOptions, BuildReport, Prepared};
use crate::push::Step;
use crate::transfer::wanted;
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

impl Toolkit {
    /// Builds an artifact straight into its registry; the local store gets no copy of it. Each file is
    /// hashed where it is, unless it is known to be unchanged since it was hashed before, and sent when the
    /// registry neither has it nor can take it over from another repository. Config, manifest and tag go
    /// last, and the tag moves.
    ///
    /// What is sent is hashed once more on its way: a file that changes meanwhile ends the build, and none
    /// of its bytes become part of an artifact.
    ///
    /// # Errors
    /// Those of [`Toolkit::build`] and [`Toolkit::push`]. A registry that takes no blobs from this user says
    /// so before the first file is read.
    pub async fn build_remote(
        &self,
        directory: &Path,
        target: &Reference,
        options: &BuildOptions,
        control: &Control,
    ) -> Result<BuildReport, Error> {
        let prepared = self.prepare(directory, target, options).await?;
        let name = Name::from(target);
        let built = async {
            let allowed = async { Ok(self.client().check_push(&name).await?) };
            control.stop_early(allowed).await?;
            self.send(target, &name, prepared, control).await
        };
        let built = built.await;
        // Uploads that came to nothing are being ended at the registry; the program may be about to end.
        self.client().settle().await;
        built
    }

    async fn send(
        &self,
        target: &Reference,
        name: &Name,
        prepared: Prepared,
        control: &Control,
    ) -> Result<BuildReport, Error> {
        let Prepared {
            layers,
            described,
            options,
        } = prepared;
        let (lease, mut known_in) = {
            let (store, host) = (self.store().clone(), target.host.clone());
            blocking::run(move || {
                let known_in = store.origins(&host)?;
                Ok((store.lease()?, known_in))
            })
            .await?
        };
        known_in
            .values_mut()
            .for_each(|known| known.retain(|known| *known != target.repository));
        let bytes: u64 = layers.iter().map(PlannedLayer::content_size).sum();
        // Each is hashed, and then it is seen to that the registry has it.
        control.report(Event::Planned {
            items: layers.len() * 2,
            bytes: bytes * 2,
        });
        let known_in = Arc::new(known_in);
        let preserve = options.preserve_metadata;
        // Hashing goes on behind a failure of another layer, unless it is told.
        let part = control.part();
        let tasks = layers.into_iter().map(|planned| {
            let (toolkit, target, control) = (self.clone(), target.clone(), part.0.clone());
            let (lease, known_in) = (lease.clone(), Arc::clone(&known_in));
            async move {
                let sent = toolkit.send_layer(
                    &lease,
                    &target,
                    Arc::new(planned),
                    preserve,
                    &known_in,
                    &control,
                );
                control.stop_early(sent).await
            }
        });
        let layers = blocking::all(self.concurrency(), tasks).await?;
        let finished = async {
            let before = match options.creation_time {
                super::CreationTime::Now(_) => match self.fetch_artifact(target).await {
                    Ok(before) => Some(before),
                    // There is none, or something else has the name.
                    Err(error) if error.is_not_found() => None,
                    Err(error @ (Error::Registry(_) | Error::Cancelled)) => return Err(error),
                    Err(_) => None,
                },
                _ => None,
            };
            let composed = compose(&described, layers, &options, before.as_ref())?;
            let config = composed.manifest.value().config.clone();
            let blob = Step::new("config", config, Vec::new());
            let source = Arc::new(composed.config.clone());
            self.push_blob(target, blob, source, control).await?;
            let (manifest, tag) = (&composed.manifest, wanted(target)?);
            let media_type = manifest.descriptor().media_type;
            self.client()
                .put_manifest(name, &tag, &media_type, manifest.bytes().clone())
                .await?;
            Ok(composed)
        };
        let composed = control.stop_early(finished).await?;
        let digests = composed.layers.iter();
        let digests = digests.map(|layer| layer.descriptor.digest).collect();
        self.note(target, digests).await;
        drop(lease);
        Ok(composed.report(target, described))
    }

    async fn send_layer(
        &self,
        lease: &Lease,
        target: &Reference,
        planned: Arc<PlannedLayer>,
        preserve: bool,
        known_in: &BTreeMap<Digest, Vec<Repository>>,
        control: &Control,
    ) -> Result<Layer, Error> {
        let outgoing = self
            .hash_outgoing(lease, planned, preserve, control)
            .await?;
        let digest = &outgoing.layer.descriptor.digest;
        let known_in = known_in.get(digest).cloned().unwrap_or_default();
        self.send_outgoing(target, outgoing, known_in, control)
            .await
    }

    /// Hashes a layer that is to be sent.
    pub(crate) async fn hash_outgoing(
        &self,
        lease: &Lease,
        planned: Arc<PlannedLayer>,
        preserve: bool,
        control: &Control,
    ) -> Result<Outgoing, Error> {
        let (lease, control) = (lease.clone(), control.clone());
        blocking::run(move || {
            let digests = Digests::Remembering(&lease);
            let content = hash_layer(&planned, preserve, &digests, &control)?;
            let (digest, size, diff_id) = (content.digest, content.size, content.diff_id);
            Ok(Outgoing {
                layer: Layer::new(&planned, digest, size, diff_id, Outcome::Hashed),
                content,
            })
        })
        .await
    }

    /// Sees to it that the registry has a layer.
    pub(crate) async fn send_outgoing(
        &self,
        target: &Reference,
        outgoing: Outgoing,
        known_in: Vec<Repository>,
        control: &Control,
    ) -> Result<Layer, Error> {
        let Outgoing { mut layer, content } = outgoing;
        let blob = layer.descriptor.clone();
        let source = Arc::new(CheckedSource::new(content));
        let step = Step::new(layer.path.clone(), blob, known_in);
        let pushed = self
            .push_blob(target, step, Arc::clone(&source) as _, control)
            .await
            // The source knows better than the client what stopped it.
            .map_err(|error| source.take_failure().unwrap_or(error))?;
        layer.outcome = pushed.outcome;
        Ok(layer)
    }
}

/// A layer that is to be sent from where its files are.
pub(crate) struct Outgoing {
    /// What a manifest says of it.
    pub(crate) layer: Layer,
    content: Content,
}

/// Hashes a layer and tells of it.
pub(super) fn hash_layer(
    planned: &Arc<PlannedLayer>,
    preserve: bool,
    digests: &Digests<'_>,
    control: &Control,
) -> Result<Content, Error> {
    control.check()?;
    let item = Item::new(planned.name(), planned.content_size(), None);
    control.report(Event::Started(&item));
    let mut tick = ticks(control, &item);
    let content = Content::hash(planned, preserve, digests, &mut tick, control)?;
    control.report(Event::Finished {
        item: &item,
        outcome: Outcome::Hashed,
    });
    Ok(content)
}
