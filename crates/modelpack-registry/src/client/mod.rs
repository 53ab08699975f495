//! The client: one method per operation of a registry.

mod builder;
mod types;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, Host, MediaType, Repository};

pub use builder::{ClientBuilder, PlainHttp};
pub use types::{BlobStat, FetchedManifest, ManifestStat, Mount, Upload};

use crate::content::{BlobSink, BlobSource, Progress};
use crate::error::Error;
use crate::name::Name;

/// A client for any number of registries. Cloning is cheap and shares connections and tokens.
#[derive(Clone)]
pub struct Client {
    transport: Arc<()>,
}

impl Client {
    /// The options of a new client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(_options: ClientBuilder) -> Result<Self, Error> {
        todo!()
    }

    /// Asks whether there is a registry, and whether it takes our credentials.
    ///
    /// # Errors
    /// [`Error::NotARegistry`] when something else answers there, [`Error::Unauthorized`] when the registry
    /// wants a login, and those of the network.
    pub async fn ping(&self, _host: &Host) -> Result<(), Error> {
        todo!()
    }

    /// Fetches a manifest or index, at most 8 MiB, and checks its bytes against the digest that was asked
    /// for and against the one that the registry states.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DigestMismatch`], [`Error::InvalidReply`] when it is no manifest or is
    /// not of the type that it was served as, and those of every request.
    pub async fn fetch_manifest(
        &self,
        _name: &Name,
        _reference: &TagOrDigest,
    ) -> Result<FetchedManifest, Error> {
        todo!()
    }

    /// Asks for a manifest without its content; `None` when it is not there.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn head_manifest(
        &self,
        _name: &Name,
        _reference: &TagOrDigest,
    ) -> Result<Option<ManifestStat>, Error> {
        todo!()
    }

    /// Stores a manifest under a tag, or under its digest only, and gives its digest.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] when `reference` is a digest of other bytes (nothing is sent then), or when
    /// the registry states another digest; those of every request.
    pub async fn put_manifest(
        &self,
        _name: &Name,
        _reference: &TagOrDigest,
        _media_type: &MediaType,
        _content: Bytes,
    ) -> Result<Digest, Error> {
        todo!()
    }

    /// Removes a tag, or a manifest with all its tags.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] where the registry does not delete, and those of every
    /// request.
    pub async fn delete_manifest(
        &self,
        _name: &Name,
        _reference: &TagOrDigest,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Asks for a blob without its content; `None` when it is not there.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn head_blob(
        &self,
        _name: &Name,
        _digest: &Digest,
    ) -> Result<Option<BlobStat>, Error> {
        todo!()
    }

    /// Pulls a small blob into memory, such as a config, and verifies size and digest.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the descriptor promises more than `limit` bytes (nothing is requested then),
    /// and those of [`Self::pull_blob`].
    pub async fn get_blob(
        &self,
        _name: &Name,
        _descriptor: &Descriptor,
        _limit: u64,
    ) -> Result<Bytes, Error> {
        todo!()
    }

    /// Pulls a blob into a sink, beginning at offset `start`, and verifies size and digest.
    ///
    /// The digest covers the whole blob: a sink that leaves verification to the client cannot be continued,
    /// and gets the blob from its first byte whatever `start` says.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DigestMismatch`], [`Error::SizeMismatch`], [`Error::Truncated`],
    /// [`Error::Sink`], and those of every request.
    pub async fn pull_blob(
        &self,
        _name: &Name,
        _descriptor: &Descriptor,
        _sink: &mut dyn BlobSink,
        _start: u64,
        _progress: &Progress,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Fetches some bytes of a blob. They are **not verified**: a digest covers the whole blob only.
    ///
    /// # Errors
    /// [`Error::InvalidReply`] when the registry answers with other bytes than those asked for, and those of
    /// every request.
    pub async fn blob_range_unverified(
        &self,
        _name: &Name,
        _descriptor: &Descriptor,
        _range: Range<u64>,
    ) -> Result<Bytes, Error> {
        todo!()
    }

    /// Asks the registry to take a blob over from another of its repositories, or from any that it finds.
    ///
    /// # Errors
    /// Those of every request. "Not possible" is no error but [`Mount::Upload`].
    pub async fn mount_blob(
        &self,
        _name: &Name,
        _digest: &Digest,
        _from: Option<&Repository>,
    ) -> Result<Mount, Error> {
        todo!()
    }

    /// Pushes a blob of `size` bytes.
    ///
    /// # Errors
    /// [`Error::Source`], [`Error::RefusedSize`], [`Error::Policy`] when the registry sends the upload to
    /// another origin, and those of every request.
    pub async fn push_blob(
        &self,
        _name: &Name,
        _digest: &Digest,
        _size: u64,
        _source: Arc<dyn BlobSource>,
        _progress: &Progress,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Pushes a blob like [`Self::push_blob`], into an upload that [`Self::mount_blob`] has opened.
    ///
    /// # Errors
    /// Those of [`Self::push_blob`].
    pub async fn push_blob_into(
        &self,
        _upload: Upload,
        _size: u64,
        _source: Arc<dyn BlobSource>,
        _progress: &Progress,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Gives up an upload that [`Self::mount_blob`] has opened.
    ///
    /// # Errors
    /// Those of every request; they can be ignored, since uploads that nobody uses end by themselves.
    pub async fn cancel_upload(&self, _upload: Upload) -> Result<(), Error> {
        todo!()
    }

    /// Removes a blob.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] where the registry does not delete, and those of every
    /// request.
    pub async fn delete_blob(&self, _name: &Name, _digest: &Digest) -> Result<(), Error> {
        todo!()
    }

    /// Lists all tags of a repository, asking for `page_size` at a time when that is given.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Policy`] when the list continues on another origin,
    /// [`Error::InvalidReply`] when it never ends, and those of every request.
    pub async fn list_tags(
        &self,
        _name: &Name,
        _page_size: Option<u64>,
    ) -> Result<Vec<String>, Error> {
        todo!()
    }
}
