//! The registry client as the upstream of a registry.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use modelpack::registry::{BlobSink, Client, Name, Pending, Progress};
use modelpack::spec::distribution::TagOrDigest;
use modelpack::spec::{Descriptor, Digest, Host, MediaType, RangeSet, Repository, Tag};
use modelpack_server::{Error, Fetched, StoredManifest, Upstream, UpstreamSink};

/// Another registry, asked with the credentials of this machine, which clients never see.
pub(super) struct Remote {
    pub(super) client: Client,
    pub(super) host: Host,
}

impl Remote {
    fn name(&self, repository: &Repository) -> Name {
        Name::new(self.host.clone(), repository.clone())
    }

    fn failed(&self, what: &impl ToString, error: modelpack::registry::Error) -> Error {
        Error::storage(
            format!("fetch {} from {}", what.to_string(), self.host),
            error,
        )
    }
}

impl Upstream for Remote {
    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a TagOrDigest,
    ) -> Fetched<'a, StoredManifest> {
        Box::pin(async move {
            let name = self.name(repository);
            match self.client.fetch_manifest(&name, reference).await {
                Ok(fetched) => Ok(Some(StoredManifest::new(
                    fetched.media_type,
                    fetched.digest,
                    fetched.manifest.bytes().clone(),
                ))),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(self.failed(reference, error)),
            }
        })
    }

    fn tag<'a>(&'a self, repository: &'a Repository, tag: &'a Tag) -> Fetched<'a, Digest> {
        Box::pin(async move {
            let name = self.name(repository);
            let reference = TagOrDigest::Tag(tag.clone());
            let stat = match self.client.head_manifest(&name, &reference).await {
                Ok(stat) => stat,
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(self.failed(tag, error)),
            };
            match stat {
                None => Ok(None),
                Some(stat) if stat.digest.is_some() => Ok(stat.digest),
                // A registry that does not say it has to be asked for the whole.
                Some(_) => {
                    let manifest = self.manifest(repository, &reference).await?;
                    Ok(manifest.map(|manifest| manifest.digest))
                }
            }
        })
    }

    fn blob_size<'a>(&'a self, repository: &'a Repository, digest: &'a Digest) -> Fetched<'a, u64> {
        Box::pin(async move {
            match self.client.head_blob(&self.name(repository), digest).await {
                Ok(None) => Ok(None),
                Ok(Some(stat)) => match stat.size {
                    Some(size) => Ok(Some(size)),
                    None => Err(Error::storage(
                        format!("fetch {digest} from {}", self.host),
                        "the registry does not say its size",
                    )),
                },
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(self.failed(digest, error)),
            }
        })
    }

    fn blob<'a>(
        &'a self,
        repository: &'a Repository,
        digest: &'a Digest,
        into: UpstreamSink,
    ) -> Fetched<'a, ()> {
        Box::pin(async move {
            let Some(size) = self.blob_size(repository, digest).await? else {
                return Ok(None);
            };
            let descriptor =
                Descriptor::new(MediaType::from("application/octet-stream"), *digest, size);
            let sink = Arc::new(InOrder {
                into,
                received: AtomicU64::new(0),
            });
            let name = self.name(repository);
            let (nothing, nobody) = (RangeSet::default(), Progress::none());
            match self
                .client
                .pull_blob(&name, &descriptor, sink, &nothing, &nobody)
                .await
            {
                Ok(()) => Ok(Some(())),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(self.failed(digest, error)),
            }
        })
    }
}

/// A sink that takes a blob from its first byte to its last, which is what a client does that verifies
/// by itself.
struct InOrder {
    into: UpstreamSink,
    received: AtomicU64,
}

impl BlobSink for InOrder {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        Box::pin(async move {
            let length = piece.len() as u64;
            if self.received.fetch_add(length, Ordering::AcqRel) != offset {
                return Err(io::Error::other("the piece does not follow what is there"));
            }
            self.into.append(piece).await.map_err(io::Error::other)
        })
    }
}
