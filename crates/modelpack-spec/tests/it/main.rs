//! Integration tests: the vocabulary as another crate sees it.

mod convert;
mod digest;
mod docker;
mod document;
mod fixtures;
mod media_type;
mod model;
mod oci;
mod path;
mod properties;
mod range_set;
mod reference;
mod runtime;
mod timestamp;
mod variant;
