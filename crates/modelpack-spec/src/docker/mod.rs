//! Docker's dialect of model artifacts, `application/vnd.docker.ai.*`.
//!
//! It is what Docker Model Runner writes and what `llama.cpp` reads: an image manifest without artifact
//! type, a [`DockerConfig`], and one uncompressed layer per file. There is a [`Version`] for single
//! weight files and one for directories. The rules of the dialect are in
//! [`rules::docker`](crate::rules::docker), the way from and to ModelPack in [`convert`](crate::convert).
//!
//! ```
//! use modelpack_spec::docker::DockerConfig;
//!
//! let bytes = br#"{"config":{"format":"gguf","parameters":"8.02B","context_size":8192},"descriptor":{"created":"2026-01-02T03:04:05Z"},"rootfs":{"type":"rootfs","diff_ids":[]}}"#;
//! let config = DockerConfig::read(bytes.to_vec().into())?;
//! assert_eq!(config.value().config.context_size, Some(8192));
//! // Written as Docker's tools write it, byte for byte.
//! assert_eq!(config.value().to_document()?.bytes().as_ref(), bytes);
//! # Ok::<(), modelpack_spec::Error>(())
//! ```

mod config;
mod media;
mod numbers;
mod write;

pub use config::{ContentFile, DockerConfig, DockerDescriptor, DockerModel, RootFs};
pub use media::{Layer, Version};
pub use numbers::{format_bytes, format_size};
pub use write::manifest_document;
