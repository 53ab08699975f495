//! How much of the disk each name takes, with shared bytes counted once.

use std::collections::{BTreeMap, BTreeSet};

use modelpack_spec::{Digest, Reference};
use serde::Serialize;

use crate::list::NamePattern;
use crate::{Error, Toolkit, blocking};

/// How much of the disk the names of the local store take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UsageReport {
    /// The names, the largest first.
    pub entries: Vec<UsageEntry>,
    /// Bytes of all of these together, each blob once.
    pub total: u64,
    /// Bytes of blobs that no name in the store needs; pruning frees them.
    pub unnamed: u64,
    /// Bytes of unfinished downloads that are here.
    pub partial: u64,
}

/// How much of the disk one name takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UsageEntry {
    /// The name.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Bytes of its blobs that are here, each once.
    pub size: u64,
    /// Those that no other name needs: what removing this name can free.
    pub own: u64,
    /// Those that another name needs too.
    pub shared: u64,
}

impl Toolkit {
    /// Adds up what the names that match take on disk; all names without a pattern. Bytes count as shared when
    /// any other name needs them, whether that one matches or not.
    ///
    /// # Errors
    /// [`Error::Store`]. What a damaged artifact can no longer say is not counted.
    pub async fn usage(&self, pattern: Option<NamePattern>) -> Result<UsageReport, Error> {
        let store = self.store().clone();
        blocking::run(move || {
            let mut sizes = BTreeMap::new();
            for digest in store.blobs()? {
                sizes.insert(digest, store.blob_size(&digest)?.unwrap_or(0));
            }
            let mut needs = Vec::new();
            for entry in store.references()? {
                needs.push(Need {
                    blobs: store.needed_by(&entry.descriptor.digest)?,
                    digest: entry.descriptor.digest,
                    reference: entry.reference,
                });
            }
            let partials = store.partials()?;
            let partial = partials.iter().map(|partial| partial.done.len()).sum();
            Ok(add_up(&sizes, &needs, partial, pattern.as_ref()))
        })
        .await
    }
}

/// A name with every blob that it needs.
struct Need {
    reference: Reference,
    digest: Digest,
    blobs: BTreeSet<Digest>,
}

fn add_up(
    sizes: &BTreeMap<Digest, u64>,
    needs: &[Need],
    partial: u64,
    pattern: Option<&NamePattern>,
) -> UsageReport {
    let size = |digest: &Digest| sizes.get(digest).copied().unwrap_or(0);
    let mut users: BTreeMap<&Digest, usize> = BTreeMap::new();
    for digest in needs.iter().flat_map(|need| &need.blobs) {
        *users.entry(digest).or_default() += 1;
    }
    let mut entries = Vec::new();
    let mut counted: BTreeSet<&Digest> = BTreeSet::new();
    for need in needs {
        if pattern.is_some_and(|pattern| !pattern.matches(&need.reference)) {
            continue;
        }
        let (own, shared): (Vec<_>, Vec<_>) =
            need.blobs.iter().partition(|digest| users[*digest] == 1);
        let sum = |digests: Vec<&Digest>| digests.into_iter().map(size).sum::<u64>();
        let (own, shared) = (sum(own), sum(shared));
        counted.extend(&need.blobs);
        entries.push(UsageEntry {
            reference: need.reference.clone(),
            digest: need.digest,
            size: own + shared,
            own,
            shared,
        });
    }
    entries.sort_by(|a, b| {
        b.size
            .cmp(&a.size)
            .then_with(|| a.reference.cmp(&b.reference))
    });
    let unnamed = sizes.keys().filter(|digest| !users.contains_key(digest));
    UsageReport {
        total: counted.into_iter().map(size).sum(),
        unnamed: unnamed.map(size).sum(),
        partial,
        entries,
    }
}

#[cfg(test)]
mod tests;
