//! The repositories that a registry serves: blobs, manifests, tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use super::blob::{Blob, SyntheticBlob};
use super::digest::{digest_like, sha256_digest};

/// What one or several registries hold. Clones share: mirrors are registries started over clones of one value.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    blobs: BTreeMap<String, Blob>,
    repositories: BTreeMap<String, Repository>,
}

#[derive(Debug, Default)]
struct Repository {
    /// What may be read here; the bytes lie once for all repositories.
    blobs: BTreeSet<String>,
    manifests: BTreeMap<String, Manifest>,
    tags: BTreeMap<String, String>,
}

/// A document with what was said about it when it was pushed.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Arc<[u8]>,
}

impl Contents {
    /// No repository at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a blob into a repository and gives its digest.
    pub fn add_blob(&self, repository: &str, bytes: impl Into<Vec<u8>>) -> String {
        let bytes = bytes.into();
        let digest = sha256_digest(&bytes);
        self.store(repository, &digest, Blob::Kept(bytes.into()));
        digest
    }

    /// Puts a blob that takes no memory into a repository and gives its digest, which is one pass over its bytes.
    pub fn add_synthetic(&self, repository: &str, blob: SyntheticBlob) -> String {
        let digest = blob.digest();
        self.add_synthetic_unverified(repository, blob, &digest);
        digest
    }

    /// The same under a digest that is already known. Nothing checks it.
    pub fn add_synthetic_unverified(&self, repository: &str, blob: SyntheticBlob, digest: &str) {
        self.store(repository, digest, Blob::Synthetic(blob));
    }

    /// Puts bytes under a digest that they do not have: damage at rest.
    pub fn add_blob_unverified(&self, repository: &str, bytes: impl Into<Vec<u8>>, digest: &str) {
        self.store(repository, digest, Blob::Kept(bytes.into().into()));
    }

    /// Puts a manifest under a tag and gives its digest. Nothing is checked.
    pub fn add_manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> String {
        let bytes = bytes.into();
        let digest = sha256_digest(&bytes);
        self.store_manifest(repository, &digest, media_type, bytes);
        self.tag(repository, tag, &digest);
        digest
    }

    /// Points a tag somewhere, also to what is not there.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) {
        let mut inner = self.lock();
        let repository = inner.repositories.entry(repository.to_owned()).or_default();
        repository.tags.insert(tag.to_owned(), digest.to_owned());
    }

    /// The digest under a tag.
    pub fn tagged(&self, repository: &str, tag: &str) -> Option<String> {
        let inner = self.lock();
        inner.repositories.get(repository)?.tags.get(tag).cloned()
    }

    /// The tags of a repository in order; `None` when it was never written to.
    pub fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let inner = self.lock();
        let repository = inner.repositories.get(repository)?;
        Some(repository.tags.keys().cloned().collect())
    }

    /// The bytes of a blob, to compare with. `None` when it is not in the repository or was dropped.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        match self.find_blob(repository, digest)? {
            Blob::Kept(bytes) => Some(bytes.to_vec()),
            Blob::Synthetic(blob) => Some(blob.to_vec()),
            Blob::Dropped { .. } => None,
        }
    }

    /// Whether a repository has a blob.
    pub fn has_blob(&self, repository: &str, digest: &str) -> bool {
        self.find_blob(repository, digest).is_some()
    }

    /// The bytes of a manifest by tag or digest, to compare with.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let (_, manifest) = self.find_manifest(repository, reference)?;
        Some(manifest.bytes.to_vec())
    }

    pub(super) fn find_blob(&self, repository: &str, digest: &str) -> Option<Blob> {
        let inner = self.lock();
        let linked = inner.repositories.get(repository)?.blobs.contains(digest);
        linked.then(|| inner.blobs.get(digest).cloned()).flatten()
    }

    /// Any repository that has the blob.
    pub(super) fn holder_of(&self, digest: &str) -> Option<String> {
        let inner = self.lock();
        let mut repositories = inner.repositories.iter();
        repositories
            .find(|(_, repository)| repository.blobs.contains(digest))
            .map(|(name, _)| name.clone())
    }

    pub(super) fn store(&self, repository: &str, digest: &str, blob: Blob) {
        let mut inner = self.lock();
        inner.blobs.insert(digest.to_owned(), blob);
        let repository = inner.repositories.entry(repository.to_owned()).or_default();
        repository.blobs.insert(digest.to_owned());
    }

    /// Whether the blob could be linked from there to here.
    pub(super) fn mount(&self, repository: &str, from: &str, digest: &str) -> bool {
        match self.find_blob(from, digest) {
            Some(blob) => {
                self.store(repository, digest, blob);
                true
            }
            None => false,
        }
    }

    pub(super) fn remove_blob(&self, repository: &str, digest: &str) -> bool {
        let mut inner = self.lock();
        inner
            .repositories
            .get_mut(repository)
            .is_some_and(|repository| repository.blobs.remove(digest))
    }

    pub(super) fn store_manifest(
        &self,
        repository: &str,
        digest: &str,
        media_type: &str,
        bytes: Vec<u8>,
    ) {
        let manifest = Manifest {
            media_type: media_type.to_owned(),
            bytes: bytes.into(),
        };
        let mut inner = self.lock();
        let repository = inner.repositories.entry(repository.to_owned()).or_default();
        repository.manifests.insert(digest.to_owned(), manifest);
    }

    /// By tag or digest, with the digest.
    pub(super) fn find_manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Option<(String, Manifest)> {
        let inner = self.lock();
        let repository = inner.repositories.get(repository)?;
        let digest = match repository.tags.get(reference) {
            Some(digest) => digest,
            None => reference,
        };
        let manifest = repository.manifests.get(digest)?;
        Some((digest.to_owned(), manifest.clone()))
    }

    /// A tag goes alone; a manifest takes its tags with it.
    pub(super) fn remove_manifest(&self, repository: &str, reference: &str) -> bool {
        let mut inner = self.lock();
        let Some(repository) = inner.repositories.get_mut(repository) else {
            return false;
        };
        if repository.tags.remove(reference).is_some() {
            return true;
        }
        let there = repository.manifests.remove(reference).is_some();
        if there {
            repository.tags.retain(|_, digest| digest != reference);
        }
        there
    }

    /// The manifests that name `subject`, each with its digest and its parsed form.
    pub(super) fn referrers(
        &self,
        repository: &str,
        subject: &str,
    ) -> Vec<(String, Manifest, Value)> {
        let inner = self.lock();
        let Some(repository) = inner.repositories.get(repository) else {
            return Vec::new();
        };
        let manifests = repository.manifests.iter();
        manifests
            .filter_map(|(digest, manifest)| {
                let document: Value = serde_json::from_slice(&manifest.bytes).ok()?;
                let names_it = document["subject"]["digest"] == *subject;
                names_it.then(|| (digest.clone(), manifest.clone(), document))
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nothing panics while it holds the contents")
    }
}

/// The digest of a manifest in the algorithm of the reference it was pushed by, or in sha256 for a tag.
pub(super) fn manifest_digest(reference: &str, bytes: &[u8]) -> String {
    digest_like(reference, bytes).unwrap_or_else(|| sha256_digest(bytes))
}
