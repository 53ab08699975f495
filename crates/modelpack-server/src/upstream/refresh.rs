//! Tags that were fetched follow the registry that they came from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Digest, Repository, Tag};

use super::{Upstream, check};
use crate::observe::NotRefreshed;
use crate::storage::StoredManifest;
use crate::{Error, Registry, blocking};

/// How long a client waits for news of a tag that is here; then it gets what is here. Shorter than the
/// half minute after which common clients give up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most tags of which it is remembered when upstream was asked. One that is forgotten costs a request.
const MAX_TAGS: usize = 10_000;

/// When upstream was asked last where a tag points, if it was. Held while it is asked, so that all who want
/// the tag meanwhile get the same news.
type Turn = Arc<tokio::sync::Mutex<Option<Instant>>>;

/// When upstream was asked for which tags.
#[derive(Debug, Default)]
pub(crate) struct Refreshes {
    turns: Mutex<HashMap<(Repository, Tag), Turn>>,
}

impl Refreshes {
    fn of(&self, repository: &Repository, tag: &Tag) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= MAX_TAGS {
            // Those that somebody holds are under way.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        let turn = turns.entry((repository.clone(), tag.clone()));
        Arc::clone(turn.or_default())
    }

    /// Upstream has just said where the tag points.
    pub(super) async fn asked(&self, repository: &Repository, tag: &Tag) {
        *self.of(repository, tag).lock().await = Some(Instant::now());
    }
}

/// Whether upstream is to be asked again.
fn is_due(asked: Option<Instant>, every: Duration, now: Instant) -> bool {
    asked.is_none_or(|asked| now.saturating_duration_since(asked) >= every)
}

impl Registry {
    /// Makes a tag that was fetched point to where it points upstream, unless that was asked lately.
    /// When upstream cannot say, the tag stays as it is.
    ///
    /// This goes on when the client that wanted it is gone: others may be waiting for it.
    pub(crate) async fn refresh_tag(&self, name: &Repository, tag: &Tag) -> Result<(), Error> {
        let Some(upstream) = self.options().upstream.clone() else {
            return Ok(());
        };
        let mut asked = self.refreshes().of(name, tag).lock_owned().await;
        if !is_due(*asked, self.options().refresh, Instant::now()) {
            return Ok(());
        }
        let (registry, name, tag) = (self.clone(), name.clone(), tag.clone());
        let refresh = tokio::spawn(async move {
            let Some(kept) = registry.fetched_tag(&name, &tag).await? else {
                return Ok(());
            };
            let follow = registry.follow(&*upstream, &name, &tag, &kept);
            let followed = match tokio::time::timeout(PATIENCE, follow).await {
                Ok(followed) => followed,
                Err(too_late) => Err(Error::storage(format!("refresh tag {tag}"), too_late)),
            };
            *asked = Some(Instant::now());
            if let (Err(error), Some(observer)) = (&followed, &registry.options().observer) {
                observer.not_refreshed(&NotRefreshed {
                    repository: &name,
                    tag: &tag,
                    error,
                });
            }
            Ok(())
        });
        blocking::joined(refresh.await)?
    }

    /// Where a tag points here, if it was fetched.
    async fn fetched_tag(&self, name: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        let (repository, tag) = (name.clone(), tag.clone());
        self.storage(move |storage| {
            if !storage.is_fetched(&repository, &tag)? {
                return Ok(None);
            }
            let manifest = storage.manifest(&repository, &TagOrDigest::Tag(tag))?;
            Ok(manifest.map(|manifest| manifest.digest))
        })
        .await
    }

    async fn follow(
        &self,
        upstream: &dyn Upstream,
        name: &Repository,
        tag: &Tag,
        kept: &Digest,
    ) -> Result<(), Error> {
        let Some(digest) = upstream.tag(name, tag).await? else {
            return Err(gone(tag));
        };
        if digest == *kept {
            return Ok(());
        }
        let Some(manifest) = self.manifest_behind(upstream, name, digest).await? else {
            return Err(gone(tag));
        };
        let (repository, tag, kept) = (name.clone(), tag.clone(), *kept);
        // When somebody has pushed it meanwhile, that stays.
        self.storage(move |storage| storage.put_fetched(&repository, &manifest, &tag, Some(&kept)))
            .await
            .map(drop)
    }

    /// The manifest that a tag has moved to, from here if it is here.
    async fn manifest_behind(
        &self,
        upstream: &dyn Upstream,
        name: &Repository,
        digest: Digest,
    ) -> Result<Option<StoredManifest>, Error> {
        let reference = TagOrDigest::Digest(digest);
        let (repository, wanted) = (name.clone(), reference.clone());
        let here = self
            .storage(move |storage| storage.manifest(&repository, &wanted))
            .await?;
        if here.is_some() {
            return Ok(here);
        }
        let fetched = upstream.manifest(name, &reference).await?;
        if let Some(manifest) = &fetched {
            check(manifest, &reference)?;
            self.metrics().fetched();
        }
        Ok(fetched)
    }
}

fn gone(tag: &Tag) -> Error {
    Error::storage(
        format!("refresh tag {tag}"),
        "the upstream registry does not have it any more",
    )
}

#[cfg(test)]
mod tests;
