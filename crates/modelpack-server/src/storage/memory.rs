//! A storage in memory, for tests and for content that need not last.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Algorithm, Descriptor, Digest, Repository, Tag};

use super::{Content, Garbage, MountSource, Storage, StoredManifest, Upload};
use crate::Error;
use crate::document::Summary;

/// Keeps everything in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    repositories: Arc<Mutex<BTreeMap<Repository, Contents>>>,
}

#[derive(Debug, Default)]
struct Contents {
    blobs: BTreeMap<Digest, Bytes>,
    manifests: BTreeMap<Digest, StoredManifest>,
    tags: BTreeMap<Tag, Digest>,
    /// Tags that were fetched, and what they pointed to then.
    fetched: BTreeMap<Tag, Digest>,
}

impl MemoryStorage {
    /// A storage that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Repository, Contents>> {
        // Every change below is one assignment, so a panic elsewhere leaves nothing half done.
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn blob(&self, repository: &Repository, digest: &Digest) -> Option<Bytes> {
        self.lock().get(repository)?.blobs.get(digest).cloned()
    }
}

impl Storage for MemoryStorage {
    fn blob_size(&self, repository: &Repository, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self
            .blob(repository, digest)
            .map(|bytes| bytes.len() as u64))
    }

    fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<Box<dyn Content>>, Error> {
        Ok(self
            .blob(repository, digest)
            .map(|bytes| Box::new(bytes) as Box<dyn Content>))
    }

    fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
        let mut repositories = self.lock();
        Ok(repositories
            .get_mut(repository)
            .is_some_and(|contents| contents.blobs.remove(digest).is_some()))
    }

    fn mount_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: MountSource<'_>,
    ) -> Result<bool, Error> {
        let mut repositories = self.lock();
        let blob_in = |contents: &Contents| contents.blobs.get(digest).cloned();
        let found = match from {
            MountSource::Repository(from) => repositories.get(from).and_then(blob_in),
            MountSource::Any(is_readable) => repositories
                .iter()
                .filter(|(name, _)| is_readable(name))
                .find_map(|(_, contents)| blob_in(contents)),
        };
        let Some(bytes) = found else { return Ok(false) };
        let contents = repositories.entry(repository.clone()).or_default();
        contents.blobs.insert(*digest, bytes);
        Ok(true)
    }

    fn begin_upload(
        &self,
        repository: &Repository,
        _: Algorithm,
    ) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(MemoryUpload {
            storage: self.clone(),
            repository: repository.clone(),
            written: Arc::new(Mutex::new(Written::Growing(Vec::new()))),
        }))
    }

    fn manifest(
        &self,
        repository: &Repository,
        reference: &TagOrDigest,
    ) -> Result<Option<StoredManifest>, Error> {
        let repositories = self.lock();
        let found = repositories.get(repository).and_then(|contents| {
            let digest = match reference {
                TagOrDigest::Tag(tag) => contents.tags.get(tag)?,
                TagOrDigest::Digest(digest) => digest,
            };
            contents.manifests.get(digest).cloned()
        });
        Ok(found)
    }

    fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
        tags: &[Tag],
    ) -> Result<(), Error> {
        let mut repositories = self.lock();
        let contents = repositories.entry(repository.clone()).or_default();
        contents.manifests.insert(manifest.digest, manifest.clone());
        for tag in tags {
            contents.tags.insert(tag.clone(), manifest.digest);
            contents.fetched.remove(tag);
        }
        Ok(())
    }

    fn put_fetched(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
        tag: &Tag,
        instead_of: Option<&Digest>,
    ) -> Result<bool, Error> {
        let mut repositories = self.lock();
        let contents = repositories.entry(repository.clone()).or_default();
        if contents.tags.get(tag) != instead_of {
            return Ok(false);
        }
        contents.manifests.insert(manifest.digest, manifest.clone());
        contents.fetched.insert(tag.clone(), manifest.digest);
        contents.tags.insert(tag.clone(), manifest.digest);
        Ok(true)
    }

    fn is_fetched(&self, repository: &Repository, tag: &Tag) -> Result<bool, Error> {
        let repositories = self.lock();
        Ok(repositories.get(repository).is_some_and(|contents| {
            let tagged = contents.tags.get(tag);
            tagged.is_some() && tagged == contents.fetched.get(tag)
        }))
    }

    fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<bool, Error> {
        let mut repositories = self.lock();
        Ok(repositories.get_mut(repository).is_some_and(|contents| {
            contents.fetched.remove(tag);
            contents.tags.remove(tag).is_some()
        }))
    }

    fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
        let mut repositories = self.lock();
        let Some(contents) = repositories.get_mut(repository) else {
            return Ok(false);
        };
        contents.tags.retain(|_, tagged| tagged != digest);
        contents.fetched.retain(|_, fetched| fetched != digest);
        Ok(contents.manifests.remove(digest).is_some())
    }

    fn tags(
        &self,
        repository: &Repository,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, Error> {
        let repositories = self.lock();
        let Some(contents) = repositories.get(repository) else {
            return Ok(None);
        };
        let sorts_after = |tag: &&Tag| after.is_none_or(|after| tag.as_str() > after);
        let tags = contents.tags.keys().filter(sorts_after);
        Ok(Some(tags.take(limit).cloned().collect()))
    }

    fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let repositories = self.lock();
        let Some(contents) = repositories.get(repository) else {
            return Ok(Vec::new());
        };
        Ok(contents
            .manifests
            .values()
            .filter_map(|manifest| {
                let summary = Summary::parse(&manifest.bytes, Some(&manifest.media_type)).ok()?;
                (summary.subject.as_ref() == Some(subject))
                    .then(|| summary.referrer(manifest.digest, manifest.bytes.len() as u64))
            })
            .collect())
    }

    /// Nothing: what is in memory lasts until it is deleted.
    fn collect_garbage(&self) -> Result<Garbage, Error> {
        Ok(Garbage::default())
    }

    fn check_health(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Content for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(copy_from(self, offset, buffer))
    }
}

/// Copies what there is from `offset` on.
fn copy_from(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
    let rest = &bytes[start..];
    let count = rest.len().min(buffer.len());
    buffer[..count].copy_from_slice(&rest[..count]);
    count
}

struct MemoryUpload {
    storage: MemoryStorage,
    repository: Repository,
    written: Arc<Mutex<Written>>,
}

/// What was uploaded, shared with those who read it meanwhile.
enum Written {
    Growing(Vec<u8>),
    Whole(Bytes),
}

impl Written {
    /// Ends it. Who reads it goes on with the same bytes.
    fn end(&mut self) -> Bytes {
        let bytes = match self {
            Self::Growing(bytes) => Bytes::from(std::mem::take(bytes)),
            Self::Whole(bytes) => return bytes.clone(),
        };
        *self = Self::Whole(bytes.clone());
        bytes
    }
}

fn locked(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Growing(Arc<Mutex<Written>>);

impl Content for Growing {
    fn size(&self) -> u64 {
        match &*locked(&self.0) {
            Written::Growing(bytes) => bytes.len() as u64,
            Written::Whole(bytes) => bytes.size(),
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &*locked(&self.0) {
            Written::Growing(bytes) => Ok(copy_from(bytes, offset, buffer)),
            Written::Whole(bytes) => bytes.read_at(offset, buffer),
        }
    }
}

impl Upload for MemoryUpload {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Written::Growing(written) = &mut *locked(&self.written) {
            written.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn reader(&self) -> Option<Arc<dyn Content>> {
        Some(Arc::new(Growing(Arc::clone(&self.written))))
    }

    fn commit(self: Box<Self>, digest: &Digest) -> Result<(), Error> {
        let bytes = locked(&self.written).end();
        let actual = Digest::of(digest.algorithm(), &bytes);
        if actual != *digest {
            return Err(Error::DigestMismatch {
                expected: *digest,
                actual,
            });
        }
        let mut repositories = self.storage.lock();
        let contents = repositories.entry(self.repository).or_default();
        contents.blobs.insert(*digest, bytes);
        Ok(())
    }
}
