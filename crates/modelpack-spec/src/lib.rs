//! The vocabulary of [CNCF ModelPack](https://github.com/modelpack/model-spec): pure values, no I/O.
//!
//! Everything that crosses a boundary in this workspace is one of these types: a [`Reference`] names
//! an artifact, a [`Digest`] names bytes, a [`Descriptor`] promises them, a [`Document`] is a parsed
//! manifest or [`Model`] config together with the exact bytes that were received, and a [`FilePath`]
//! is a file name that cannot leave the directory it is put into. Holding a value means that it is
//! valid: construction checks.
//!
//! Start with [`Reference`] and [`Document`]:
//!
//! ```
//! use modelpack_spec::{Document, MediaType, Model, Reference};
//!
//! let reference: Reference = "oci://registry.example.com/qwen/qwen3:0.6b".parse()?;
//! assert_eq!(reference.name(), "registry.example.com/qwen/qwen3");
//!
//! let bytes = br#"{"descriptor":{"name":"qwen3"},"modelfs":{"type":"layers","diffIds":[]},"config":{}}"#;
//! let model = Document::<Model>::parse(bytes.to_vec().into())?;
//! assert_eq!(model.value().descriptor.name.as_deref(), Some("qwen3"));
//! assert_eq!(model.bytes().as_ref(), bytes); // what is hashed is what was received
//! # Ok::<(), modelpack_spec::Error>(())
//! ```
//!
//! The crate has no cargo features. OCI documents convert to and from the types of `oci-spec`.
#![forbid(unsafe_code)]

mod error;

pub mod annotations;
mod descriptor;
mod dialect;
mod diff_ids;
mod digest;
mod document;
mod index;
mod json;
mod manifest;
mod media_type;
mod model;
mod oci;
mod path;
mod range_set;
mod reference;
mod runtime;
mod timestamp;
mod view;

pub mod convert;
pub mod distribution;
pub mod docker;
pub mod rules;
pub mod variant;

pub use annotations::FileMetadata;
pub use descriptor::Descriptor;
pub use dialect::Dialect;
pub use digest::{Algorithm, Digest, Hasher};
pub use docker::DockerConfig;
pub use document::{AnyManifest, Document, OciDocument};
pub use error::Error;
pub use index::Index;
pub use manifest::Manifest;
pub use media_type::{Encoding, Family, Kind, LayerType, MediaType};
pub use model::{Modality, Model, ModelCapabilities, ModelConfig, ModelDescriptor, ModelFs};
pub use path::{FilePath, PathSet};
pub use range_set::RangeSet;
pub use reference::{Host, Reference, Repository, Selector, Tag};
pub use runtime::{Base, RuntimeConfig};
pub use timestamp::Timestamp;
pub use view::{FileRole, ModelFile, ModelView};
