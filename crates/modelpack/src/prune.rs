//! Freeing what nothing in the local store needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use modelpack_spec::Digest;
use modelpack_store::{PruneOptions, PrunedKind, Store};
use serde::Serialize;

use crate::resolve::resolved_directory;
use crate::{Error, Toolkit, blocking};

/// What [`Toolkit::prune`] removed, or would remove.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PruneReport {
    /// Whether it only said what would be removed.
    pub dry_run: bool,
    /// Bytes of all items.
    pub freed: u64,
    /// Each thing with its reason.
    pub items: Vec<PrunedItem>,
}

/// A thing that nothing needs.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PrunedItem {
    /// `blob`, `partial`, `temporary` or `resolved`.
    pub kind: &'static str,
    /// Digest or file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Why it is not needed.
    pub reason: &'static str,
}

impl Toolkit {
    /// Removes blobs that no name needs, what dead processes left, and directories that
    /// [`Toolkit::resolve`] made of artifacts that are gone. With `partials_older_than`, also
    /// downloads that nobody has continued for so long before `now`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn prune(
        &self,
        dry_run: bool,
        partials_older_than: Option<(Duration, SystemTime)>,
    ) -> Result<PruneReport, Error> {
        self.free(dry_run, partials_older_than, false).await
    }

    /// Frees like [`Self::prune`], but keeps artifacts that have no name any more: pulling or building them
    /// again costs nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn prune_keeping_untagged(
        &self,
        dry_run: bool,
        partials_older_than: Option<(Duration, SystemTime)>,
    ) -> Result<PruneReport, Error> {
        self.free(dry_run, partials_older_than, true).await
    }

    async fn free(
        &self,
        dry_run: bool,
        partials_older_than: Option<(Duration, SystemTime)>,
        keep_untagged: bool,
    ) -> Result<PruneReport, Error> {
        let store = self.store().clone();
        blocking::run(move || {
            let mut options = PruneOptions::default();
            options.dry_run = dry_run;
            options.partials_older_than = partials_older_than;
            options.keep_untagged = keep_untagged;
            let pruned = store.prune(&options)?;
            let mut items: Vec<PrunedItem> = pruned
                .items
                .into_iter()
                .map(|item| PrunedItem {
                    kind: kind(item.kind),
                    name: item.name,
                    size: item.size,
                    reason: item.reason,
                })
                .collect();
            items.extend(prune_resolved(&store, dry_run)?);
            Ok(PruneReport {
                dry_run,
                freed: pruned.freed,
                items,
            })
        })
        .await
    }
}

fn kind(kind: PrunedKind) -> &'static str {
    match kind {
        PrunedKind::Partial => "partial",
        PrunedKind::Temporary => "temporary",
        _ => "blob",
    }
}

/// Directories whose artifact has no name any more. Their files share bytes with blobs, which is why
/// no size is counted twice. Those that a running [`Toolkit::resolve`] writes or gives out stay.
fn prune_resolved(store: &Store, dry_run: bool) -> Result<Vec<PrunedItem>, Error> {
    let root = resolved_directory(store);
    store.sweep(|needed| remove_others(&root, needed, dry_run))?
}

fn remove_others(
    root: &Path,
    needed: &BTreeSet<Digest>,
    dry_run: bool,
) -> Result<Vec<PrunedItem>, Error> {
    let Ok(entries) = fs::read_dir(root) else {
        return Ok(Vec::new());
    };
    let mut items = Vec::new();
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let Ok(digest) = name.replacen('-', ":", 1).parse::<Digest>() else {
            continue;
        };
        if needed.contains(&digest) {
            continue;
        }
        if !dry_run {
            fs::remove_dir_all(entry.path())
                .map_err(|error| Error::file("cannot remove", entry.path(), error))?;
        }
        items.push(PrunedItem {
            kind: "resolved",
            name,
            size: 0,
            reason: "no named artifact needs it",
        });
    }
    Ok(items)
}
