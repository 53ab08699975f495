//! Pull-through: what is not here is fetched from elsewhere, checked and kept.

mod blobs;
mod fetches;
mod refresh;
mod sink;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use modelpack_spec::distribution::{ErrorCode, TagOrDigest};
use modelpack_spec::{Digest, Repository, Tag};

use crate::answer::Refusal;
use crate::document::Summary;
use crate::storage::StoredManifest;
use crate::{Error, Registry};

pub(crate) use self::fetches::{Arriving, Begun, Fetches, Frontier};
pub(crate) use self::refresh::Refreshes;
pub use self::sink::UpstreamSink;

/// What an upstream gives back, later; `None` when it is not there either.
pub type Fetched<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, Error>> + Send + 'a>>;

/// Another registry, from which a registry fetches what it has not.
///
/// This crate makes no requests: whoever embeds it says how. A manifest is checked against its digest before
/// anybody gets to see it. A blob is handed on while it arrives, but for its last bytes, which nobody gets
/// before all of it was checked: no client ever has a whole blob that is wrong. Credentials for the other
/// registry stay with the implementation; callers never see them.
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

    /// Fetches a blob into the sink, from its first byte to its last. Clients wait for what it brings, so it
    /// has to give up by itself when nothing comes any more.
    fn blob<'a>(
        &'a self,
        repository: &'a Repository,
        digest: &'a Digest,
        into: UpstreamSink,
    ) -> Fetched<'a, ()>;
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
    refusal.error = Some(Arc::new(error));
    refusal
}
