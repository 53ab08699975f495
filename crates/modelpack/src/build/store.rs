//! The local store as what is built into.

use std::collections::HashSet;

use modelpack_spec::Reference;
use modelpack_store::{Batch, Lease};

use super::documents::{Described, compose};
use super::layer::Layer;
use super::plan::PlannedLayer;
use super::{BuildOptions, BuildReport};
use crate::Error;
use crate::artifact::Artifact;
use crate::pull::require_space;

/// Before the first byte is copied, so that a full disk is not found out after an hour.
pub(super) fn check_space(lease: &Lease, layers: &[PlannedLayer]) -> Result<(), Error> {
    let total: u64 = layers.iter().map(PlannedLayer::content_size).sum();
    if require_space(lease.store(), total).is_ok() {
        return Ok(());
    }
    // It looks too small; some of it may be here already, or need no room.
    let mut needed = 0_u64;
    let mut seen = HashSet::new();
    for layer in layers {
        let known = layer
            .raw_file()
            .and_then(|file| lease.known().find(&file.file.location));
        let is_here = match known {
            Some(digest) => !seen.insert(digest) || lease.protect(&digest)?.is_some(),
            None => layer
                .raw_file()
                .is_some_and(|file| lease.can_share(&file.file.location)),
        };
        if !is_here {
            needed = needed.saturating_add(layer.content_size());
        }
    }
    require_space(lease.store(), needed)
}

/// Writes config and manifest and moves the name.
pub(super) fn finish(
    batch: &Batch,
    target: &Reference,
    described: Described,
    layers: Vec<Layer>,
    options: &BuildOptions,
) -> Result<BuildReport, Error> {
    // Everything that the manifest names is on disk before it is.
    batch.finish()?;
    let lease = batch.lease();
    let before = Artifact::load(lease.store(), target).ok();
    let composed = compose(&described, layers, options, before.as_ref())?;
    lease.put(&composed.config)?;
    let descriptor = lease.put_document(&composed.manifest)?;
    lease.store().tag(target, &descriptor)?;
    Ok(composed.report(target, described))
}
