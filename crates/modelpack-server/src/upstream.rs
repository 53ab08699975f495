//! Pull-through: what is not here is fetched from elsewhere, checked and kept.

mod refresh;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use modelpack_spec::distribution::{ErrorCode, TagOrDigest};
use modelpack_spec::{Digest, Repository, Tag};

use crate::answer::Refusal;
use crate::document::Summary;
use crate::storage::{StoredManifest, Upload};
use crate::{Error, Registry, blocking};

pub(crate) use self::refresh::Refreshes;

/// What an upstream gives back, later; `None` when it is not there either.
pub type Fetched<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, Error>> + Send + 'a>>;

/// Another registry, from which a registry fetches what it has not.
///
/// This crate makes no requests: whoever embeds it says how. What arrives is checked against its
/// digest before anybody gets to see it. Credentials for the other registry stay with the
/// implementation; callers never see them.
pub trait Upstream: Send + Sync + 'static {
    /// Fetches a manifest.
    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a TagOrDigest,
    ) -> Fetched<'a, StoredManifest>;

    /// Where a tag points now. A request for the head of the manifest is enough; what it says is only
    /// compared with what is here.
    fn tag<'a>(&'a self, repository: &'a Repository, tag: &'a Tag) -> Fetched<'a, Digest>;

    /// The size of a blob in bytes.
    fn blob_size<'a>(&'a self, repository: &'a Repository, digest: &'a Digest) -> Fetched<'a, u64>;

    /// Fetches a blob into the sink, from its first byte to its last.
    fn blob<'a>(
        &'a self,
        repository: &'a Repository,
        digest: &'a Digest,
        into: UpstreamSink,
    ) -> Fetched<'a, ()>;
}

/// Where an [`Upstream`] writes a blob. Clones write to the same one.
#[derive(Clone)]
pub struct UpstreamSink {
    /// Absent after a write that failed, and when the registry has taken what was written.
    upload: Arc<tokio::sync::Mutex<Option<Unfinished>>>,
}

/// A blob of which so many bytes are missing.
struct Unfinished {
    upload: Box<dyn Upload>,
    left: u64,
}

impl UpstreamSink {
    fn new(upload: Box<dyn Upload>, size: u64) -> Self {
        let unfinished = Unfinished { upload, left: size };
        Self {
            upload: Arc::new(tokio::sync::Mutex::new(Some(unfinished))),
        }
    }

    /// Adds the next bytes of the blob.
    ///
    /// # Errors
    /// When these are more bytes than [`Upstream::blob_size`] has promised, and those of the storage; after
    /// one, nothing more is taken.
    pub async fn append(&self, bytes: Bytes) -> Result<(), Error> {
        let mut place = self.upload.lock().await;
        let failed = |reason: &str| Error::storage("write a blob from upstream", reason);
        let mut unfinished = place.take().ok_or_else(|| failed("it has ended"))?;
        unfinished.left = unfinished
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| failed("there is more of it than was promised"))?;
        *place = Some(
            blocking::run(move || {
                unfinished.upload.append(&bytes)?;
                Ok(unfinished)
            })
            .await?,
        );
        Ok(())
    }

    async fn take(&self) -> Option<Box<dyn Upload>> {
        let unfinished = self.upload.lock().await.take();
        unfinished.map(|unfinished| unfinished.upload)
    }
}

impl std::fmt::Debug for UpstreamSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamSink").finish_non_exhaustive()
    }
}

/// Fetches that are under way: whoever wants the same blob waits for the one that began first.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    running: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Fetches {
    fn of(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds any more are over.
        running.retain(|_, fetch| Arc::strong_count(fetch) > 1);
        Arc::clone(running.entry(*digest).or_default())
    }
}

impl Registry {
    /// Fetches a manifest that is not here and keeps it.
    pub(crate) async fn manifest_from_upstream(
        &self,
        name: &Repository,
        reference: &TagOrDigest,
    ) -> Result<Option<StoredManifest>, Refusal> {
        let Some(upstream) = self.options().upstream.clone() else {
            return Ok(None);
        };
        let Some(manifest) = upstream
            .manifest(name, reference)
            .await
            .map_err(upstream_failed)?
        else {
            return Ok(None);
        };
        check(&manifest, reference).map_err(upstream_failed)?;
        self.metrics().fetched();
        let (repository, stored, wanted) = (name.clone(), manifest.clone(), reference.clone());
        let kept = self
            .storage(move |storage| match &wanted {
                TagOrDigest::Digest(_) => {
                    storage.put_manifest(&repository, &stored, &[])?;
                    Ok(Some(stored))
                }
                TagOrDigest::Tag(tag)
                    if storage.put_fetched(&repository, &stored, tag, None)? =>
                {
                    Ok(Some(stored))
                }
                // Somebody else has set it meanwhile.
                TagOrDigest::Tag(_) => storage.manifest(&repository, &wanted),
            })
            .await?;
        if let TagOrDigest::Tag(tag) = reference {
            self.refreshes().asked(name, tag).await;
        }
        Ok(kept)
    }

    /// The size of a blob that is not here but upstream.
    pub(crate) async fn blob_size_from_upstream(
        &self,
        name: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Refusal> {
        match self.options().upstream.clone() {
            Some(upstream) => upstream
                .blob_size(name, digest)
                .await
                .map_err(upstream_failed),
            None => Ok(None),
        }
    }

    /// Fetches a blob that is not here and keeps it. `false` when it is not upstream either.
    ///
    /// The fetch goes on when the client that wanted it is gone: others may be waiting for it, and
    /// the next one would begin anew.
    pub(crate) async fn blob_from_upstream(
        &self,
        name: &Repository,
        digest: &Digest,
    ) -> Result<bool, Refusal> {
        let Some(upstream) = self.options().upstream.clone() else {
            return Ok(false);
        };
        let (registry, name, digest) = (self.clone(), name.clone(), *digest);
        let fetch = tokio::spawn(async move {
            let one_at_a_time = registry.fetches().of(&digest);
            let _turn = one_at_a_time.lock().await;
            registry.fetch_blob(&*upstream, &name, &digest).await
        });
        blocking::joined(fetch.await)?
    }

    async fn fetch_blob(
        &self,
        upstream: &dyn Upstream,
        name: &Repository,
        digest: &Digest,
    ) -> Result<bool, Refusal> {
        // Whoever had the turn before may have fetched it, for this repository or for another one,
        // from which it may be taken only if upstream shows it in this one too.
        let (repository, wanted) = (name.clone(), *digest);
        let is_here = self
            .storage(move |storage| storage.blob_size(&repository, &wanted))
            .await?
            .is_some();
        if is_here {
            return Ok(true);
        }
        let size = upstream
            .blob_size(name, digest)
            .await
            .map_err(upstream_failed)?;
        let Some(size) = size else {
            return Ok(false);
        };
        let (repository, wanted) = (name.clone(), *digest);
        let is_elsewhere = self
            .storage(move |storage| {
                let everywhere = |_: &Repository| true;
                storage.mount_blob(&repository, &wanted, crate::MountSource::Any(&everywhere))
            })
            .await?;
        if is_elsewhere {
            return Ok(true);
        }
        let (repository, algorithm) = (name.clone(), digest.algorithm());
        let upload = self
            .storage(move |storage| storage.begin_upload(&repository, algorithm))
            .await?;
        let sink = UpstreamSink::new(upload, size);
        let found = upstream
            .blob(name, digest, sink.clone())
            .await
            .map_err(upstream_failed)?;
        if found.is_none() {
            return Ok(false);
        }
        let Some(upload) = sink.take().await else {
            return Err(Error::storage("keep a blob", "a write of it failed").into());
        };
        self.metrics().fetched();
        let expected = *digest;
        blocking::run(move || upload.commit(&expected))
            .await
            .map_err(upstream_failed)?;
        Ok(true)
    }
}

/// Refuses a manifest that is not what was asked for, or that this registry would not take from a client.
fn check(manifest: &StoredManifest, reference: &TagOrDigest) -> Result<(), Error> {
    let actual = Digest::of(manifest.digest.algorithm(), &manifest.bytes);
    let expected = match reference {
        TagOrDigest::Digest(digest) => *digest,
        TagOrDigest::Tag(_) => manifest.digest,
    };
    if actual != expected || manifest.digest != expected {
        return Err(Error::DigestMismatch { expected, actual });
    }
    Summary::parse(&manifest.bytes, Some(&manifest.media_type))
        .map(drop)
        .map_err(|reason| Error::storage(format!("take manifest {actual}"), reason))
}

/// 502, whatever the cause: neither the client nor this registry can mend it.
fn upstream_failed(error: Error) -> Refusal {
    let mut refusal = Refusal::new(
        ErrorCode::from("UNAVAILABLE"),
        "the upstream registry did not give this content",
    )
    .status(StatusCode::BAD_GATEWAY);
    refusal.error = Some(Box::new(error));
    refusal
}
