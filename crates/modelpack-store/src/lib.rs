//! Content-addressed blobs, documents and tags on disk.
//!
//! A [`Store`] is an OCI image layout that `skopeo` and `oras` can read, plus a directory of its own
//! for locks, partial downloads and files that are being written. Any number of processes may use
//! one store at once. Nothing unverified is ever visible under its digest.
//!
//! The store has never heard of registries, HTTP or tokio; it blocks the calling thread.
//!
//! ```
//! use std::io::Write;
//! use modelpack_store::Store;
//!
//! let directory = tempfile::tempdir()?;
//! let store = Store::create(directory.path())?;
//! let lease = store.lease()?; // keeps what it touches safe from `prune`
//! let mut blob = lease.ingest()?;
//! blob.write_all(b"weights")?;
//! let stored = blob.commit()?;
//! assert_eq!(store.read_blob(&stored.digest, 1024)?.as_ref(), b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to do this | call |
//! | --- | --- |
//! | write | [`Store::lease`], then [`Lease::ingest`], [`Lease::ingest_file`], [`Lease::batch`], [`Lease::put`], [`Lease::partial`] |
//! | read | [`Store::read_blob`], [`Store::open_blob_unverified`], [`Store::map`] |
//! | name | [`Store::tag`], [`Store::resolve`], [`Store::references`], [`Store::remove`] |
//! | keep clean | [`Store::prune`], [`Store::verify`] |
#![deny(unsafe_code)]

mod batch;
mod blob;
mod buffer;
mod cache;
mod copy;
mod durable;
mod error;
mod hash;
mod ingest;
mod journal;
mod layout;
mod lease;
mod map;
mod origins;
mod partial;
mod prune;
mod reach;
mod tags;
mod verify;

pub use batch::Batch;
pub use blob::BlobWriter;
pub use cache::KnownDigests;
pub use error::Error;
pub use hash::HashedFile;
pub use ingest::{Adopt, Adopted, Ingested};
pub use layout::Store;
pub use lease::{Lease, Stored};
pub use map::MappedBlob;
pub use partial::{Acquired, Partial, PartialStatus};
pub use prune::{PruneOptions, PruneReport, Pruned, PrunedKind};
pub use tags::{Removed, TagEntry};
pub use verify::{Damage, VerifyReport};
