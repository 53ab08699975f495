//! Which stored repositories a name of the registry means, and which manifests they hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use modelpack_spec::{Descriptor, Digest, Host, MediaType, Reference, Repository, Tag};
use modelpack_store::{Store, TagEntry};

use super::{MAX_MANIFEST_BYTES, failed};
use crate::Error;
use crate::document::Summary;

/// Most manifests whose summaries are kept in memory; some hundred bytes each as a rule.
const MAX_SUMMARIES: usize = 4096;
/// Most manifests of one repository that are looked at, lest indexes that list each other by the
/// thousand keep a thread busy.
const MAX_MANIFESTS: usize = 100_000;

/// The stored entries behind one name of the registry.
#[derive(Debug)]
pub(super) struct View {
    own: Reference,
    own_entries: Vec<TagEntry>,
    shared_entries: Vec<TagEntry>,
}

impl View {
    /// Picks from all entries of a store those that `own` means, where only that other host counts if one
    /// is given.
    pub(super) fn new(own: Reference, entries: &[TagEntry], only: Option<&Host>) -> Self {
        let is_of = |entry: &&TagEntry, host: &Host, repository: &Repository| {
            entry.reference.repository == *repository && entry.reference.host == *host
        };
        let own_entries = entries
            .iter()
            .filter(|entry| is_of(entry, &own.host, &own.repository))
            .cloned()
            .collect();
        let shared = shared(&own, entries, only)
            .filter(|(host, repository)| (host, repository) != (&own.host, &own.repository));
        let shared_entries = match &shared {
            Some((host, repository)) => entries
                .iter()
                .filter(|entry| is_of(entry, host, repository))
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        Self {
            own,
            own_entries,
            shared_entries,
        }
    }

    /// Every stored repository as its own view.
    pub(super) fn each(entries: &[TagEntry]) -> Vec<Self> {
        let mut views: BTreeMap<Reference, Vec<TagEntry>> = BTreeMap::new();
        for entry in entries {
            let own = entry.reference.without_selector();
            views.entry(own).or_default().push(entry.clone());
        }
        views
            .into_iter()
            .map(|(own, own_entries)| Self {
                own,
                own_entries,
                shared_entries: Vec::new(),
            })
            .collect()
    }

    /// Where pushes go.
    pub(super) fn own(&self) -> &Reference {
        &self.own
    }

    pub(super) fn own_entries(&self) -> impl Iterator<Item = &TagEntry> {
        self.own_entries.iter()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &TagEntry> {
        self.own_entries.iter().chain(&self.shared_entries)
    }

    pub(super) fn own_tagged(&self, tag: &Tag) -> Option<&TagEntry> {
        self.own_entries()
            .find(|entry| entry.reference.tag.as_ref() == Some(tag))
    }

    pub(super) fn tagged(&self, tag: &Tag) -> Option<&TagEntry> {
        self.entries()
            .find(|entry| entry.reference.tag.as_ref() == Some(tag))
    }
}

/// The other stored repository that may be read under this name.
fn shared(
    own: &Reference,
    entries: &[TagEntry],
    only: Option<&Host>,
) -> Option<(Host, Repository)> {
    if let Ok(full) = own.repository.as_str().parse::<Reference>() {
        return Some((full.host, full.repository));
    }
    let hosts: BTreeSet<_> = entries
        .iter()
        .map(|entry| &entry.reference)
        .filter(|reference| reference.repository == own.repository && reference.host != own.host)
        .map(|reference| &reference.host)
        .filter(|host| only.is_none_or(|only| *host == only))
        .collect();
    match hosts.into_iter().collect::<Vec<_>>().as_slice() {
        [host] => Some(((*host).clone(), own.repository.clone())),
        _ => None,
    }
}

/// What manifests say, read once: content behind a digest never changes.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    known: Mutex<HashMap<(Digest, MediaType), Arc<Summary>>>,
}

impl Summaries {
    /// What a stored manifest says; `None` when it is not there or is none. One that is damaged must
    /// not hide the others of its repository.
    pub(super) fn of(
        &self,
        store: &Store,
        descriptor: &Descriptor,
    ) -> Result<Option<Arc<Summary>>, Error> {
        let key = (descriptor.digest, descriptor.media_type.clone());
        if let Some(summary) = self.lock().get(&key) {
            return Ok(Some(Arc::clone(summary)));
        }
        let bytes = match store.read_blob(&descriptor.digest, MAX_MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            Err(modelpack_store::Error::Io {
                action,
                path,
                source,
            }) => {
                let error = modelpack_store::Error::Io {
                    action,
                    path,
                    source,
                };
                return Err(failed("read a manifest", error));
            }
            Err(_) => return Ok(None),
        };
        let Ok(summary) = Summary::parse(&bytes, Some(&descriptor.media_type)) else {
            return Ok(None);
        };
        let summary = Arc::new(summary);
        let mut known = self.lock();
        if known.len() >= MAX_SUMMARIES {
            known.clear();
        }
        known.insert(key, Arc::clone(&summary));
        Ok(Some(summary))
    }

    /// These manifests and all that indexes among them list, in order of digests, without those that
    /// are not to be seen. Manifests that an index names and that are not stored are left out.
    pub(super) fn walk(
        &self,
        store: &Store,
        roots: Vec<Descriptor>,
        is_visible: impl Fn(&Digest) -> bool,
    ) -> Result<Vec<(Digest, Descriptor)>, Error> {
        let mut found = BTreeMap::new();
        let mut next = roots;
        while let Some(descriptor) = next.pop() {
            if found.len() >= MAX_MANIFESTS
                || found.contains_key(&descriptor.digest)
                || !is_visible(&descriptor.digest)
            {
                continue;
            }
            if let Some(summary) = self.of(store, &descriptor)? {
                next.extend(summary.manifests.iter().cloned());
                found.insert(descriptor.digest, descriptor);
            }
        }
        Ok(found.into_iter().collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Digest, MediaType), Arc<Summary>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
