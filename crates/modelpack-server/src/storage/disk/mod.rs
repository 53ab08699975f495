//! A storage over the store that the command line uses.

mod file;
mod grace;
mod index;
mod inner;
mod links;
mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Algorithm, Descriptor, Digest, Host, Reference, Repository, Tag};
use modelpack_store::{PruneOptions, PrunedKind, Store};

use self::file::{BlobFile, DiskUpload};
use self::grace::{GRACE, Grace};
use self::index::NamesOfStore;
use self::inner::{Inner, Whose};
use self::links::{LinkState, Links};
use self::view::Summaries;
use super::{Content, Garbage, MountSource, Storage, StoredManifest, Upload};
use crate::Error;

/// Largest manifest that is read; what the specification crate parses at all.
const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// Serves a [`Store`], and stores what is pushed there. Clones share it.
///
/// Names in a store begin with a host, names in a registry do not. The registry has a public name,
/// its `authority`: what is pushed to repository `N` is stored as `authority/N`. Read is the union of
///
/// * `authority/N`,
/// * when the first component of `N` looks like a host, such as `ghcr.io/org/x`, the repository of
///   that full name,
/// * else the repository `N` of any one host, if there is exactly one.
///
/// Whoever asks for `N` is judged by the rules for `N`, wherever it is found ([`Access`](crate::Access)).
/// The latter two can only be read: deleting there is [`Error::ReadOnly`]. A blob is visible in a
/// repository when a manifest there names it, or when it was uploaded or mounted there; the latter
/// is remembered in small files below the store, so it outlives the process. What was uploaded,
/// mounted or asked for is safe from `prune` for half an hour.
///
/// A digest or tag that moves away or is deleted stays readable by digest until the manifest itself
/// is deleted, as clients expect of a registry.
#[derive(Debug, Clone)]
pub struct DiskStorage {
    inner: Arc<Inner>,
}

impl DiskStorage {
    /// Serves a store under a public name such as `localhost:5000`.
    ///
    /// # Errors
    /// [`Error::Authority`] when references could not begin with that name; [`Error::Storage`].
    pub fn new(store: Store, authority: Host) -> Result<Self, Error> {
        Self::with_grace(store, authority, GRACE)
    }

    /// As [`new`](Self::new), for a registry whose [`Upstream`](crate::Upstream) is this host: the name
    /// `N` means the repository of that host there, so no other host's `N` is read under it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn mirror(store: Store, authority: Host, upstream: Host) -> Result<Self, Error> {
        Self::open(store, authority, Some(upstream), GRACE)
    }

    fn with_grace(store: Store, authority: Host, grace: Duration) -> Result<Self, Error> {
        Self::open(store, authority, None, grace)
    }

    fn open(
        store: Store,
        authority: Host,
        upstream: Option<Host>,
        grace: Duration,
    ) -> Result<Self, Error> {
        if let Err(source) = format!("{authority}/x").parse::<Reference>() {
            return Err(Error::Authority { authority, source });
        }
        let links = Links::new(store.own("registry"));
        let time = grace;
        let grace = Grace::new(store.clone(), time)?;
        // What clients uploaded just before the last process ended is about to get its manifest.
        for digest in links.younger_than(time)? {
            grace.protect(&digest)?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                links,
                index: NamesOfStore::default(),
                store,
                authority,
                upstream,
                grace,
                summaries: Summaries::default(),
                names: Mutex::new(()),
            }),
        })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }
}

impl Storage for DiskStorage {
    fn blob_size(&self, repository: &Repository, digest: &Digest) -> Result<Option<u64>, Error> {
        if self.inner.is_visible(repository, digest)? {
            self.inner.grace.protect(digest)
        } else {
            Ok(None)
        }
    }

    fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<Box<dyn Content>>, Error> {
        if !self.inner.is_visible(repository, digest)? {
            return Ok(None);
        }
        // An open file stays readable whatever happens to its name.
        let file = match self.inner.store.open_blob_unverified(digest) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(failed(format!("open blob {digest}"), error)),
        };
        let size = file
            .metadata()
            .map_err(|error| Error::storage(format!("read blob {digest}"), error))?
            .len();
        Ok(Some(Box::new(BlobFile { file, size })))
    }

    fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
        let inner = &*self.inner;
        let view = inner.view(repository)?;
        let own = view.own();
        let is_here = match inner.links.state(own, digest) {
            LinkState::Deleted => return Ok(false),
            LinkState::Linked => inner.store.blob_path(digest).exists(),
            LinkState::None => inner.is_named(&view, digest, Whose::Own)?,
        };
        if is_here {
            inner.links.delete(own, digest)?;
        } else if inner.is_named(&view, digest, Whose::All)? {
            return Err(read_only(digest));
        }
        Ok(is_here)
    }

    fn mount_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: MountSource<'_>,
    ) -> Result<bool, Error> {
        let inner = &*self.inner;
        let own = inner.own(repository)?;
        let is_somewhere = match from {
            MountSource::Repository(from) => inner.is_visible(from, digest)?,
            MountSource::Any(is_readable) => inner.is_visible_anywhere(digest, is_readable)?,
        };
        // Protected before it is looked for, so what is found stays.
        if !is_somewhere || inner.grace.protect(digest)?.is_none() {
            return Ok(false);
        }
        inner.links.link(&own, digest)?;
        Ok(true)
    }

    fn begin_upload(
        &self,
        repository: &Repository,
        algorithm: Algorithm,
    ) -> Result<Box<dyn Upload>, Error> {
        let own = self.inner.own(repository)?;
        let writer = self
            .inner
            .grace
            .lease()?
            .ingest_with(algorithm)
            .map_err(|error| failed("begin an upload", error))?;
        Ok(Box::new(DiskUpload {
            storage: self.clone(),
            own,
            writer,
        }))
    }

    fn manifest(
        &self,
        repository: &Repository,
        reference: &TagOrDigest,
    ) -> Result<Option<StoredManifest>, Error> {
        let view = self.inner.view(repository)?;
        let Some(descriptor) = self.inner.find_manifest(&view, reference)? else {
            return Ok(None);
        };
        let digest = descriptor.digest;
        // Whoever reads it comes back for what it names.
        self.inner.grace.protect(&digest)?;
        match self.inner.store.read_blob(&digest, MAX_MANIFEST_BYTES) {
            Ok(bytes) => Ok(Some(StoredManifest::new(
                descriptor.media_type,
                digest,
                bytes,
            ))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(failed(format!("read manifest {digest}"), error)),
        }
    }

    fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
        tags: &[Tag],
    ) -> Result<(), Error> {
        let inner = &*self.inner;
        let _lease = inner.write_manifest(manifest)?;
        let _names = inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        let view = inner.view(repository)?;
        inner.name_manifest(&view, manifest, tags)?;
        for tag in tags {
            inner.links.keep_fetched(view.own(), tag, None)?;
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
        let inner = &*self.inner;
        let _lease = inner.write_manifest(manifest)?;
        let _names = inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        let view = inner.view(repository)?;
        let tagged = view.tagged(tag).map(|entry| &entry.descriptor.digest);
        if tagged != instead_of {
            return Ok(false);
        }
        // Marked before it moves, and the older mark goes last: a process that dies in between leaves
        // a tag that still follows.
        inner.links.add_fetched(view.own(), tag, &manifest.digest)?;
        inner.name_manifest(&view, manifest, std::slice::from_ref(tag))?;
        inner
            .links
            .keep_fetched(view.own(), tag, Some(&manifest.digest))?;
        Ok(true)
    }

    fn is_fetched(&self, repository: &Repository, tag: &Tag) -> Result<bool, Error> {
        let view = self.inner.view(repository)?;
        Ok(view.own_tagged(tag).is_some_and(|entry| {
            let digest = &entry.descriptor.digest;
            self.inner.links.is_fetched(view.own(), tag, digest)
        }))
    }

    fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<bool, Error> {
        let inner = &*self.inner;
        let _names = inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        let view = inner.view(repository)?;
        if view.own_tagged(tag).is_none() {
            return match view.tagged(tag) {
                Some(entry) => Err(read_only(&entry.reference)),
                None => Ok(false),
            };
        }
        inner.keep_without(&view, tag)?;
        let was_there = match inner.remove(&view.own().with_tag(tag.clone())) {
            Ok(_) => true,
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(failed(format!("remove tag {tag}"), error)),
        };
        inner.links.keep_fetched(view.own(), tag, None)?;
        Ok(was_there)
    }

    fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
        let inner = &*self.inner;
        let _names = inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        let view = inner.view(repository)?;
        let is_in = |whose| -> Result<bool, Error> {
            let manifests = inner.manifests(&view, whose)?;
            Ok(manifests.iter().any(|(found, _)| found == digest))
        };
        if !is_in(Whose::Own)? {
            return if is_in(Whose::All)? {
                Err(read_only(digest))
            } else {
                Ok(false)
            };
        }
        // An index that lists it would keep it visible; the mark says otherwise.
        inner.links.delete(view.own(), digest)?;
        match inner.remove(&view.own().with_digest(*digest)) {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(failed(format!("remove manifest {digest}"), error)),
        }
        inner.links.forget_fetched(view.own(), digest)?;
        Ok(true)
    }

    fn tags(
        &self,
        repository: &Repository,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, Error> {
        let view = self.inner.view(repository)?;
        if view.entries().next().is_none() && !self.inner.links.knows(view.own()) {
            return Ok(None);
        }
        let mut tags: Vec<Tag> = view
            .entries()
            .filter_map(|entry| entry.reference.tag.clone())
            .filter(|tag| after.is_none_or(|after| tag.as_str() > after))
            .collect();
        tags.sort();
        tags.dedup();
        tags.truncate(limit);
        Ok(Some(tags))
    }

    fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let inner = &*self.inner;
        let view = inner.view(repository)?;
        let mut referrers = Vec::new();
        for (digest, descriptor) in inner.manifests(&view, Whose::All)? {
            if let Some(summary) = inner.summaries.of(&inner.store, &descriptor)?
                && summary.subject.as_ref() == Some(subject)
            {
                let size = inner
                    .store
                    .blob_size(&digest)
                    .map_err(|error| failed(format!("read manifest {digest}"), error))?;
                referrers.push(summary.referrer(digest, size.unwrap_or(descriptor.size)));
            }
        }
        Ok(referrers)
    }

    fn collect_garbage(&self) -> Result<Garbage, Error> {
        let inner = &*self.inner;
        let report = inner
            .store
            .prune(&PruneOptions::default())
            .map_err(|error| failed("collect garbage", error))?;
        inner.links.sweep(|digest| {
            inner
                .store
                .blob_size(digest)
                .is_ok_and(|size| size.is_none())
        })?;
        let blobs = report.items.iter();
        let blobs = blobs.filter(|item| item.kind == PrunedKind::Blob).count();
        Ok(Garbage {
            blobs: blobs as u64,
            bytes: report.freed,
        })
    }

    fn check_health(&self) -> Result<(), Error> {
        self.inner.names_of_store().map(drop)
    }
}

fn read_only(what: &impl ToString) -> Error {
    Error::ReadOnly {
        what: what.to_string(),
    }
}

fn failed(action: impl Into<String>, error: modelpack_store::Error) -> Error {
    if error.is_no_space() {
        let source = Box::new(error);
        Error::NoSpace { source }
    } else {
        Error::storage(action, error)
    }
}

#[cfg(test)]
mod tests;
