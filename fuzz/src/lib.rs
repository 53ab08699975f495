//! Properties that hold for every input, one function each.
//!
//! A function takes any bytes and panics when its property does not hold. `fuzz_targets/` has one
//! line for each, `seeds/` the inputs that `cargo test` replays on stable:
//!
//! ```
//! for (name, property) in modelpack_fuzz::PROPERTIES {
//!     property(name.as_bytes());
//! }
//! ```
#![forbid(unsafe_code)]

mod dialects;
mod documents;
mod files;
mod registry;
mod text;
mod weights;
mod wire;

pub use dialects::{convert_artifact, document_docker};
pub use documents::{document_manifest, document_model, rules};
pub use files::{filter, modelfile, pattern, tar_layer, transformers_config};
pub use registry::registry_requests;
pub use text::{digest, file_metadata, file_path, media_type, reference, timestamp};
pub use weights::{
    dduf_header, gguf_header, onnx_header, pytorch_listing, safetensors_header, shard_index,
};
pub use wire::{distribution_endpoint, docker_config, error_body, header_values};

/// Takes any bytes and panics when what it claims does not hold.
pub type Property = fn(&[u8]);

/// All properties by the name of their target and their folder of seeds.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("reference", reference),
    ("digest", digest),
    ("file_path", file_path),
    ("media_type", media_type),
    ("timestamp", timestamp),
    ("file_metadata", file_metadata),
    ("document_manifest", document_manifest),
    ("document_model", document_model),
    ("document_docker", document_docker),
    ("convert_artifact", convert_artifact),
    ("rules", rules),
    ("distribution_endpoint", distribution_endpoint),
    ("error_body", error_body),
    ("header_values", header_values),
    ("docker_config", docker_config),
    ("modelfile", modelfile),
    ("pattern", pattern),
    ("filter", filter),
    ("transformers_config", transformers_config),
    ("safetensors_header", safetensors_header),
    ("gguf_header", gguf_header),
    ("onnx_header", onnx_header),
    ("pytorch_listing", pytorch_listing),
    ("dduf_header", dduf_header),
    ("shard_index", shard_index),
    ("tar_layer", tar_layer),
    ("registry_requests", registry_requests),
];
