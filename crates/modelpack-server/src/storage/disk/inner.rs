//! What a repository of the registry shows of the store.

use std::sync::{Arc, Mutex};

use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, Host, Reference, Repository, Tag};
use modelpack_store::{Lease, Store, TagEntry};

use super::failed;
use super::grace::Grace;
use super::index::NamesOfStore;
use super::links::{LinkState, Links};
use super::view::{Summaries, View};
use crate::Error;
use crate::storage::StoredManifest;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) authority: Host,
    /// The only other host whose repositories are read under their names without host, if any is.
    pub(super) upstream: Option<Host>,
    pub(super) links: Links,
    pub(super) grace: Grace,
    pub(super) summaries: Summaries,
    pub(super) index: NamesOfStore,
    /// Held while names change, so that of two pushes to one tag neither loses the older manifest.
    pub(super) names: Mutex<()>,
}

impl Inner {
    /// The repository that pushes go to.
    pub(super) fn own(&self, repository: &Repository) -> Result<Reference, Error> {
        // Host and repository together have a limit that neither has alone.
        format!("{}/{repository}", self.authority)
            .parse()
            .map_err(|_| Error::NameTooLong {
                repository: repository.clone(),
            })
    }

    pub(super) fn view(&self, repository: &Repository) -> Result<View, Error> {
        let own = self.own(repository)?;
        let entries = self.names_of_store()?;
        Ok(View::new(own, &entries, self.upstream.as_ref()))
    }

    /// All names of the store.
    pub(super) fn names_of_store(&self) -> Result<Arc<Vec<TagEntry>>, Error> {
        self.index.read(&self.store)
    }

    /// Whether a manifest that passes the filter of the view names this blob.
    pub(super) fn is_named(
        &self,
        view: &View,
        digest: &Digest,
        whose: Whose,
    ) -> Result<bool, Error> {
        for (_, descriptor) in self.manifests(view, whose)? {
            if let Some(summary) = self.summaries.of(&self.store, &descriptor)?
                && summary.names_blob(digest)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn is_visible(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, Error> {
        let own = self.own(repository)?;
        match self.links.state(&own, digest) {
            LinkState::Linked => Ok(true),
            LinkState::Deleted => Ok(false),
            LinkState::None => self.is_named(&self.view(repository)?, digest, Whose::All),
        }
    }

    /// All manifests that can be read, with those that indexes list.
    pub(super) fn manifests(
        &self,
        view: &View,
        whose: Whose,
    ) -> Result<Vec<(Digest, Descriptor)>, Error> {
        let named = match whose {
            Whose::Own => view.own_entries().collect::<Vec<_>>(),
            Whose::All => view.entries().collect(),
        };
        let roots = named.into_iter().map(|entry| entry.descriptor.clone());
        let is_deleted =
            |digest: &Digest| self.links.state(view.own(), digest) == LinkState::Deleted;
        self.summaries.walk(&self.store, roots.collect(), |digest| {
            !is_deleted(digest) || view.own_entries().any(|e| e.descriptor.digest == *digest)
        })
    }

    pub(super) fn find_manifest(
        &self,
        view: &View,
        reference: &TagOrDigest,
    ) -> Result<Option<Descriptor>, Error> {
        match reference {
            TagOrDigest::Tag(tag) => Ok(view.tagged(tag).map(|entry| entry.descriptor.clone())),
            TagOrDigest::Digest(digest) => {
                let own = view
                    .own_entries()
                    .find(|entry| entry.descriptor.digest == *digest);
                if let Some(entry) = own {
                    return Ok(Some(entry.descriptor.clone()));
                }
                Ok(self
                    .manifests(view, Whose::All)?
                    .into_iter()
                    .find_map(|(found, descriptor)| (found == *digest).then_some(descriptor)))
            }
        }
    }

    pub(super) fn tag(
        &self,
        reference: &Reference,
        manifest: &Descriptor,
    ) -> Result<(), modelpack_store::Error> {
        let tagged = self.store.tag(reference, manifest);
        self.index.forget();
        tagged
    }

    pub(super) fn remove(&self, reference: &Reference) -> Result<(), modelpack_store::Error> {
        let removed = self.store.remove(reference);
        self.index.forget();
        removed.map(drop)
    }

    /// Writes the bytes of a manifest. No prune takes them while the lease is held.
    pub(super) fn write_manifest(&self, manifest: &StoredManifest) -> Result<Lease, Error> {
        let digest = &manifest.digest;
        let write = |lease: &Lease| {
            let mut writer = lease.ingest_with(digest.algorithm())?;
            writer.append(&manifest.bytes)?;
            writer.commit_expecting(digest, manifest.bytes.len() as u64)
        };
        let lease = self.grace.lease()?;
        write(&lease).map_err(|error| failed(format!("store manifest {digest}"), error))?;
        Ok(lease)
    }

    /// Makes tags point to a manifest; one without tags gets a name by digest. The caller holds `names`.
    pub(super) fn name_manifest(
        &self,
        view: &View,
        manifest: &StoredManifest,
        tags: &[Tag],
    ) -> Result<(), Error> {
        let failed = |error| failed(format!("store manifest {}", manifest.digest), error);
        let descriptor = manifest.descriptor();
        let is_named = view
            .own_entries()
            .any(|entry| entry.descriptor.digest == manifest.digest);
        if tags.is_empty() && !is_named {
            let by_digest = view.own().with_digest(manifest.digest);
            self.tag(&by_digest, &descriptor).map_err(failed)?;
        }
        for tag in tags {
            let is_moving = view
                .own_tagged(tag)
                .is_some_and(|entry| entry.descriptor.digest != manifest.digest);
            if is_moving {
                self.keep_without(view, tag)?;
            }
            self.tag(&view.own().with_tag(tag.clone()), &descriptor)
                .map_err(failed)?;
        }
        self.links.forget(view.own(), &manifest.digest)
    }

    /// What a stored repository is called by clients of the registry.
    fn name_of(&self, reference: &Reference) -> Option<Repository> {
        if reference.host == self.authority {
            return Some(reference.repository.clone());
        }
        reference.name().parse().ok()
    }

    /// Gives a manifest a name of its own by digest, if the tag that is about to go is its only one.
    pub(super) fn keep_without(&self, view: &View, tag: &Tag) -> Result<(), Error> {
        let Some(entry) = view.own_tagged(tag) else {
            return Ok(());
        };
        let digest = entry.descriptor.digest;
        let names = view
            .own_entries()
            .filter(|other| other.descriptor.digest == digest)
            .count();
        if names > 1 {
            return Ok(());
        }
        let by_digest = view.own().with_digest(digest);
        match self.tag(&by_digest, &entry.descriptor) {
            // Somebody removed and pruned it meanwhile: there is nothing left to keep.
            Err(modelpack_store::Error::UnknownBlob { .. }) => Ok(()),
            result => result.map_err(|error| failed("keep the manifest behind a tag", error)),
        }
    }

    pub(super) fn is_visible_anywhere(
        &self,
        digest: &Digest,
        is_readable: &dyn Fn(&Repository) -> bool,
    ) -> Result<bool, Error> {
        let is_readable = |reference: &Reference| {
            self.name_of(reference)
                .is_some_and(|name| is_readable(&name))
        };
        if self.links.find(digest, &is_readable) {
            return Ok(true);
        }
        for view in View::each(&self.names_of_store()?) {
            if !is_readable(view.own()) {
                continue;
            }
            let is_deleted = self.links.state(view.own(), digest) == LinkState::Deleted;
            if !is_deleted && self.is_named(&view, digest, Whose::Own)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Which of the repositories that make up a view count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Own,
    All,
}
