//! The part of attaching that a registry does: only what is new is sent.

use std::collections::HashSet;
use std::sync::Arc;

use modelpack_registry::{BlobToPush, Name, Progress, Pushed};
use modelpack_spec::{Digest, Reference};

use crate::artifact::Artifact;
use crate::attach::{AttachOptions, AttachReport, Picked, Ready, edit, fit, report};
use crate::build::{Outgoing, PlannedLayer};
use crate::transfer::wanted;
use crate::{Control, Error, Outcome, Toolkit, blocking};

impl Toolkit {
    pub(crate) async fn attach_remote(
        &self,
        picked: Picked,
        source: &Reference,
        target: &Reference,
        artifact: &Artifact,
        options: AttachOptions,
        control: &Control,
    ) -> Result<AttachReport, Error> {
        let (ready, mut outgoing) = match picked {
            Picked::Config(content) => (Ready::Config(content), None),
            Picked::File(mut selected) => {
                let encoding = fit(&mut selected, source, artifact, options)?;
                let planned = Arc::new(PlannedLayer::alone(&selected, encoding));
                let allowed = async { Ok(self.client().check_push(&Name::from(target)).await?) };
                control.stop_early(allowed).await?;
                let store = self.store().clone();
                let lease = blocking::run(move || Ok(store.lease()?)).await?;
                let hashed = self.hash_outgoing(&lease, planned, false, control);
                let outgoing = control.stop_early(hashed).await?;
                let layer = outgoing.layer.clone();
                (Ready::File(selected.path, layer), Some(outgoing))
            }
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
            let is_new = |outgoing: &Outgoing| !old.contains(&outgoing.layer.descriptor.digest);
            if let Some(outgoing) = outgoing.take().filter(is_new) {
                let sent = self
                    .send_outgoing(target, outgoing, Vec::new(), control)
                    .await?;
                if sent.outcome == Outcome::Transferred {
                    transferred += sent.descriptor.size;
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
        Ok(report(source, target, &edited, &ready, transferred?))
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
