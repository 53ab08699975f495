//! Files to layer bytes, reproducibly, and layer bytes to files, safely.
//!
//! [`LayerWriter`] makes the bytes of a layer: the same files give the same bytes on every machine.
//! [`Destination`] writes files into a directory and never outside of it: the digest of a layer is
//! verified before anything is visible under its final name, links and devices are refused, and
//! set-id bits are dropped.
//!
//! Synchronous `std::io`, Unix only; knows neither the network nor the store.
//!
//! ```
//! use modelpack_layer::{Destination, Expected, FileAttributes, Limits};
//! use modelpack_spec::{Digest, FilePath};
//!
//! let directory = tempfile::tempdir()?;
//! let destination = Destination::open(directory.path())?;
//! let path = FilePath::parse("sub/config.json")?;
//! let expected = Expected { digest: Digest::sha256(b"{}"), size: 2 };
//! destination.write_raw(&path, &FileAttributes::default(), &mut &b"{}"[..], &expected)?;
//! assert_eq!(std::fs::read(directory.path().join("sub/config.json"))?, b"{}");
//! # let _ = Limits::default();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Features `gzip` and `zstd` add the compressed encodings; without them those are refused by name.
#![forbid(unsafe_code)]

mod attributes;
mod destination;
mod error;
mod header;
mod pack;
mod place;
mod staging;
mod unpack;

pub use attributes::FileAttributes;
pub use destination::{Destination, Expected};
pub use error::Error;
pub use pack::{LayerWriter, Packed};
pub use place::{Placed, Placement};
pub use unpack::{Limits, Unpacked, list_tar};
