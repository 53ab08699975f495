//! Integration tests: the vocabulary as another crate sees it.

mod digest;
mod document;
mod fixtures;
mod media_type;
mod model;
mod oci;
mod path;
mod properties;
mod range_set;
mod reference;
mod timestamp;
