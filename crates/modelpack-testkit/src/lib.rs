//! What the tests of this workspace share: fixtures, tiny models, real tools.
//!
//! A test that needs a model copies one of the fixture models with [`copy_model`], or writes a [`ToyModel`]
//! of any number of files and any size. Documents under `spec-fixtures/` are run by [`check_cases`].
//! Real tools are looked up by [`tool`]; a test that does without says so with [`skip`]. Clients are tried on a
//! registry that misbehaves on purpose: [`faulty`].
//!
//! ```
//! use modelpack_testkit::{ToyModel, copy_model};
//!
//! let scratch = tempfile::tempdir()?;
//! copy_model("tiny-safetensors", &scratch.path().join("real"));
//! assert!(scratch.path().join("real/model-00001-of-00002.safetensors").is_file());
//!
//! let files = ToyModel::new().weights(3, 1024).write(&scratch.path().join("toy"));
//! assert!(files.iter().any(|file| file == "weights-2.bin"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Everything panics with a sentence when the surroundings are not as they must be, because that is what a test
//! wants. Of the workspace this crate uses that registry alone, so every other crate can use it; it is not published.

#![forbid(unsafe_code)]

mod cases;
mod docker_registry;
mod fixtures;
mod tools;
mod toy;

pub use cases::check_cases;
pub use docker_registry::DockerRegistry;
pub use fixtures::{copy_model, fixtures, model};
pub use tools::{skip, tool};
pub use toy::ToyModel;

pub use modelpack_faulty as faulty;
pub use modelpack_faulty::{random_bytes, write_random};
