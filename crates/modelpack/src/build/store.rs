//! The local store as what is built into.

use modelpack_spec::{Reference, Timestamp};
use modelpack_store::{Lease, Store};

use super::documents::{Described, MAX_MANIFEST_BYTES, documents, written};
use super::layer::Layer;
use super::{BuildOptions, BuildReport, BuiltLayer, CreationTime};
use crate::artifact::Artifact;
use crate::{Error, docker};

/// Writes config and manifest and moves the name.
pub(super) fn finish(
    store: &Store,
    lease: &Lease,
    target: &Reference,
    described: Described,
    mut layers: Vec<Layer>,
    options: &BuildOptions,
) -> Result<BuildReport, Error> {
    let before = Artifact::load(store, target).ok();
    if let Some((format, _)) = &described.docker {
        let (config, manifest) = documents(&described, &layers, options, None);
        let order = docker::order(manifest.value(), config.bytes(), *format)?;
        layers = order.iter().map(|index| layers[*index].clone()).collect();
    }
    let created = match &options.creation_time {
        CreationTime::Omitted => None,
        CreationTime::Exactly(time) => Some(time.clone()),
        CreationTime::Now(now) => {
            let old = before
                .as_ref()
                .and_then(|artifact| artifact.config.value().descriptor.created_at.clone());
            let is_same = |time: &Timestamp| {
                let same = written(&described, &layers, options, Some(time.clone()));
                before
                    .as_ref()
                    .zip(same.ok())
                    .is_some_and(|(artifact, (_, manifest))| {
                        artifact.manifest.digest() == manifest.digest()
                    })
            };
            Some(old.filter(is_same).unwrap_or_else(|| now.clone()))
        }
    };
    let (config, manifest) = written(&described, &layers, options, created)?;
    let size = manifest.bytes().len() as u64;
    if size > MAX_MANIFEST_BYTES {
        return Err(Error::ManifestTooLarge {
            size,
            limit: MAX_MANIFEST_BYTES,
            layers: layers.len(),
        });
    }
    lease.put(&config)?;
    let descriptor = lease.put_document(&manifest)?;
    store.tag(target, &descriptor)?;
    let unchanged = before.is_some_and(|artifact| artifact.manifest.digest() == manifest.digest());
    Ok(BuildReport {
        reference: target.clone(),
        digest: descriptor.digest,
        size: manifest.value().content_size() + size,
        unchanged,
        layers: layers
            .into_iter()
            .map(|layer| BuiltLayer {
                path: layer.path,
                media_type: layer.descriptor.media_type.to_string(),
                digest: layer.descriptor.digest,
                size: layer.descriptor.size,
                outcome: layer.outcome,
            })
            .collect(),
        warnings: described.warnings,
    })
}
