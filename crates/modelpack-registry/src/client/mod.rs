//! The client: one method per operation of a registry.

mod builder;
mod probe;
mod pull;
mod push;
mod tracked;
mod types;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use modelpack_spec::distribution::{Endpoint, TagOrDigest};
use modelpack_spec::{Descriptor, Digest, Host, MediaType, RangeSet, Repository};

pub use builder::{ClientBuilder, PlainHttp};
pub use probe::UploadProbe;
use tracked::Tracked;
pub use types::{BlobStat, BlobToPush, FetchedManifest, ManifestStat, Mount, Pushed, Upload};

use self::pull::Pull;
use self::push::{Push, Pushes};
use crate::auth::Scopes;
use crate::content::{BlobSink, BlobSource, Progress};
use crate::error::Error;
use crate::exchange;
use crate::hosts::HostSettings;
use crate::mirror::Wanted;
use crate::name::Name;
#[cfg(doc)]
use crate::policy::TransferPolicy;
use crate::target::Target;
use crate::transport::Transport;

/// A client for any number of registries. Cloning is cheap and shares connections and tokens.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    pushes: Arc<Pushes>,
}

impl Client {
    /// The options of a new client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(mut options: ClientBuilder) -> Result<Self, Error> {
        let hosts = std::mem::take(&mut options.upload_hosts);
        let pushes = Arc::new(Pushes::new(hosts, options.upload_body));
        let transport = Arc::new(Transport::new(options)?);
        Ok(Self { transport, pushes })
    }

    /// Asks whether there is a registry, and whether it takes our credentials.
    ///
    /// # Errors
    /// [`Error::NotARegistry`] when something else answers there, [`Error::Unauthorized`] when the registry
    /// wants a login, and those of the network.
    pub async fn ping(&self, host: &Host) -> Result<(), Error> {
        let repository = "ping".parse().expect("a path component is a repository");
        let target = self
            .transport
            .target(&Name::new(host.clone(), repository))?;
        let exchange = exchange::Ping(&target);
        self.transport.run(&target, &Scopes::none(), exchange).await
    }

    /// Fetches a manifest or index, at most 8 MiB, and checks its bytes against the digest that was asked
    /// for and against the one that the registry states.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DigestMismatch`], [`Error::InvalidReply`] when it is no manifest or is
    /// not of the type that it was served as, and those of every request.
    pub async fn fetch_manifest(
        &self,
        name: &Name,
        reference: &TagOrDigest,
    ) -> Result<FetchedManifest, Error> {
        let wanted = match reference {
            TagOrDigest::Digest(_) => Wanted::Digest,
            TagOrDigest::Tag(_) => Wanted::Tag,
        };
        let mut places = self.transport.places(name, wanted)?;
        loop {
            let target = places.next();
            let exchange = exchange::GetManifest {
                target: &target,
                reference,
            };
            let scopes = pull_scope(&target);
            let outcome = self.transport.run(&target, &scopes, exchange).await;
            if !places.go_on(&target, &outcome) {
                return outcome;
            }
        }
    }

    /// Asks for a manifest without its content; `None` when it is not there.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn head_manifest(
        &self,
        name: &Name,
        reference: &TagOrDigest,
    ) -> Result<Option<ManifestStat>, Error> {
        let target = self.transport.target(name)?;
        let exchange = exchange::HeadManifest {
            target: &target,
            reference,
        };
        self.transport
            .run(&target, &pull_scope(&target), exchange)
            .await
    }

    /// Stores a manifest under a tag, or under its digest only, and gives its digest.
    ///
    /// When the manifest has a subject and the registry does not list referrers itself, it is added to the
    /// list under the subject's tag ([`referrers_tag`](modelpack_spec::distribution::referrers_tag)).
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] when `reference` is a digest of other bytes (nothing is sent then), or when
    /// the registry states another digest; [`Error::Policy`] when the subject's tag holds something else
    /// than a list; those of every request.
    pub async fn put_manifest(
        &self,
        name: &Name,
        reference: &TagOrDigest,
        media_type: &MediaType,
        content: Bytes,
    ) -> Result<Digest, Error> {
        let target = self.transport.target(name)?;
        push::put_manifest(&self.transport, &target, reference, media_type, content).await
    }

    /// Removes a tag, or a manifest with all its tags.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] where the registry does not delete, and those of every
    /// request.
    pub async fn delete_manifest(&self, name: &Name, reference: &TagOrDigest) -> Result<(), Error> {
        let target = self.transport.target(name)?;
        let endpoint = Endpoint::DeleteManifest {
            name: target.repository().clone(),
            reference: reference.clone(),
        };
        self.delete(&target, endpoint).await
    }

    /// Asks for a blob without its content; `None` when it is not there.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn head_blob(&self, name: &Name, digest: &Digest) -> Result<Option<BlobStat>, Error> {
        let target = self.transport.target(name)?;
        let exchange = exchange::HeadBlob {
            target: &target,
            digest: *digest,
        };
        self.transport
            .run(&target, &pull_scope(&target), exchange)
            .await
    }

    /// Pulls a small blob into memory, such as a config, and verifies size and digest.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the descriptor promises more than `limit` bytes (nothing is requested then),
    /// and those of [`Self::pull_blob`].
    pub async fn get_blob(
        &self,
        name: &Name,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, Error> {
        let mut places = self.transport.places(name, Wanted::Digest)?;
        loop {
            let place = places.next();
            let pull = self.pull(place.clone(), descriptor);
            let outcome = pull.into_memory(limit).await;
            if !places.go_on(&place, &outcome) {
                return outcome;
            }
        }
    }

    /// Pulls a blob into a sink, but for what is `there` already, and verifies size and digest.
    ///
    /// A sink that verifies by itself is written to by several connections at once when that is faster
    /// (see [`TransferPolicy`]). The digest covers the whole blob: a sink that leaves verification to the
    /// client cannot be continued, and gets the blob from its first byte whatever is `there`.
    ///
    /// An answer that breaks is gone on with where it broke, as long as each attempt brings more than a few bytes or the
    /// [`RetryPolicy`](crate::RetryPolicy) has patience.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DigestMismatch`], [`Error::SizeMismatch`], [`Error::Truncated`],
    /// [`Error::Sink`], and those of every request.
    pub async fn pull_blob(
        &self,
        name: &Name,
        descriptor: &Descriptor,
        sink: Arc<dyn BlobSink>,
        there: &RangeSet,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut places = self.transport.places(name, Wanted::Digest)?;
        let sink = Arc::new(Tracked::new(sink, there));
        loop {
            let place = places.next();
            let pull = self.pull(place.clone(), descriptor);
            let outcome = pull
                .into_sink(Arc::clone(&sink) as _, &sink.there(), progress)
                .await;
            if !places.go_on(&place, &outcome) || !sink.can_go_on(&outcome) {
                return outcome;
            }
        }
    }

    /// Fetches some bytes of a blob. They are **not verified**: a digest covers the whole blob only.
    ///
    /// # Errors
    /// [`Error::InvalidReply`] when the registry answers with other bytes than those asked for, and those of
    /// every request.
    pub async fn blob_range_unverified(
        &self,
        name: &Name,
        descriptor: &Descriptor,
        range: Range<u64>,
    ) -> Result<Bytes, Error> {
        let target = self.transport.target(name)?;
        self.pull(target, descriptor).range(range).await
    }

    fn pull<'a>(&'a self, target: Target, descriptor: &'a Descriptor) -> Pull<'a> {
        Pull {
            transport: &self.transport,
            target,
            descriptor,
        }
    }

    /// Asks the registry to take a blob over from another of its repositories, or from any that it finds.
    ///
    /// # Errors
    /// Those of every request. "Not possible" is no error but [`Mount::Upload`].
    pub async fn mount_blob(
        &self,
        name: &Name,
        digest: &Digest,
        from: Option<&Repository>,
    ) -> Result<Mount, Error> {
        let target = self.transport.target(name)?;
        self.push(&target).mount(digest, from).await
    }

    /// Sees to it that a repository has a blob: asks whether it is there, else has it mounted from another
    /// repository, else sends it. An upload that breaks goes on at the byte that the registry names; one
    /// that is given up, also because this future is dropped, is ended at the registry.
    ///
    /// # Errors
    /// Those of [`Self::push_blob`].
    pub async fn ensure_blob(
        &self,
        name: &Name,
        blob: &BlobToPush,
        source: Arc<dyn BlobSource>,
        progress: &Progress,
    ) -> Result<Pushed, Error> {
        let target = self.transport.target(name)?;
        self.push(&target).ensure(blob, source, progress).await
    }

    /// Sends a blob of `size` bytes, also when it is there; [`Self::ensure_blob`] asks first.
    ///
    /// # Errors
    /// [`Error::Source`], [`Error::DamagedSource`] when the registry refuses the bytes and they are wrong
    /// here, [`Error::RefusedSize`], [`Error::Policy`] when the registry sends the upload to another origin,
    /// and those of every request.
    pub async fn push_blob(
        &self,
        name: &Name,
        digest: &Digest,
        size: u64,
        source: Arc<dyn BlobSource>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let target = self.transport.target(name)?;
        let push = self.push(&target);
        push.send(digest, size, source, progress, None).await?;
        Ok(())
    }

    /// Pushes a blob like [`Self::push_blob`], into an upload that [`Self::mount_blob`] has opened.
    ///
    /// # Errors
    /// Those of [`Self::push_blob`].
    pub async fn push_blob_into(
        &self,
        upload: Upload,
        size: u64,
        source: Arc<dyn BlobSource>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let target = self.transport.target(&upload.name)?;
        let digest = upload.digest;
        self.push(&target)
            .send(&digest, size, source, progress, Some(upload))
            .await?;
        Ok(())
    }

    /// Gives up an upload that [`Self::mount_blob`] has opened.
    ///
    /// # Errors
    /// Those of every request; they can be ignored, since uploads that nobody uses end by themselves.
    pub async fn cancel_upload(&self, upload: Upload) -> Result<(), Error> {
        let target = self.transport.target(&upload.name)?;
        self.push(&target).cancel(upload).await
    }

    /// Asks whether this user may push blobs to a repository, by opening an upload and giving it up: before
    /// hours of work are spent on them. No content moves.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], [`Error::Denied`], and those of every request.
    pub async fn check_push(&self, name: &Name) -> Result<(), Error> {
        let target = self.transport.target(name)?;
        self.push(&target).probe().await.map(drop)
    }

    /// Waits until uploads that were given up are ended at their registries: some seconds at most. For
    /// programs that are about to end.
    pub async fn settle(&self) {
        self.pushes.settle().await;
    }

    /// Removes a blob.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] where the registry does not delete, and those of every
    /// request.
    pub async fn delete_blob(&self, name: &Name, digest: &Digest) -> Result<(), Error> {
        let target = self.transport.target(name)?;
        let endpoint = Endpoint::DeleteBlob {
            name: target.repository().clone(),
            digest: *digest,
        };
        self.delete(&target, endpoint).await
    }

    /// Lists all tags of a repository, asking for `page_size` at a time when that is given.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Policy`] when the list continues on another origin,
    /// [`Error::InvalidReply`] when it never ends, and those of every request.
    pub async fn list_tags(
        &self,
        name: &Name,
        page_size: Option<u64>,
    ) -> Result<Vec<String>, Error> {
        let target = self.transport.target(name)?;
        let exchange = exchange::ListTags::new(&target, page_size);
        self.transport
            .run(&target, &pull_scope(&target), exchange)
            .await
    }

    fn push<'a>(&'a self, target: &'a Target) -> Push<'a> {
        Push {
            transport: &self.transport,
            pushes: &self.pushes,
            target,
        }
    }

    /// Never asks the mirrors of a registry again, because one of them has sent wrong bytes. Says whether
    /// there are any, so that pulling the blob once more can help.
    ///
    /// The client does this by itself for what it verifies; who has a [`BlobSink`] that verifies calls it.
    pub fn distrust_mirrors(&self, name: &Name) -> bool {
        self.transport.distrust_mirrors(name)
    }

    /// The settings of a registry, those for every host included.
    #[must_use]
    pub fn host_settings(&self, host: &Host) -> HostSettings {
        self.transport.settings(host)
    }

    async fn delete(&self, target: &Target, endpoint: Endpoint) -> Result<(), Error> {
        let scopes = Scopes::repository(target.repository(), &["delete"]);
        let exchange = exchange::Delete { target, endpoint };
        self.transport.run(target, &scopes, exchange).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn pull_scope(target: &Target) -> Scopes {
    Scopes::repository(target.repository(), &["pull"])
}

fn push_scope(target: &Target) -> Scopes {
    Scopes::repository(target.repository(), &["pull", "push"])
}
