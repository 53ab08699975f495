//! Turns a directory into a ModelPack artifact, and an `oci://` reference into a verified directory.
//!
//! A [`Toolkit`] joins a local store and a registry client. Each operation takes options and a
//! [`Control`] (progress and cancellation) and gives a report; none prints, or reads environment or
//! home directory.
//!
//! ```
//! use modelpack::{BuildOptions, Client, Control, ResolveOptions, Store, Toolkit};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let model = scratch.path().join("model");
//! # std::fs::create_dir(&model)?;
//! # std::fs::write(model.join("model.bin"), b"weights")?;
//! # std::fs::write(model.join("Modelfile"), b"NAME tiny\nMODEL model.bin\n")?;
//! let store = Store::create(scratch.path().join("store"))?;
//! let toolkit = Toolkit::new(store, Client::builder().build()?);
//! let reference = "registry.example.com/tiny:v1".parse()?;
//! let control = Control::default();
//!
//! toolkit.build(&model, &reference, &BuildOptions::default(), &control).await?;
//! let resolved = toolkit.resolve(&reference, &ResolveOptions::default(), &control).await?;
//! assert_eq!(std::fs::read(resolved.directory.join("model.bin"))?, b"weights");
//! # Ok(())
//! # }
//! ```
//!
//! Features: `tls`, `gzip` and `zstd` (on by default), `credential-helpers` and `hosts-file` (for programs that
//! people configure).
#![forbid(unsafe_code)]

mod adapters;
mod artifact;
mod attach;
mod blocking;
mod bounded;
mod build;
mod compare;
mod control;
mod convert;
mod discover;
mod dmr;
mod docker;
pub mod doctor;
mod error;
mod extract;
mod extras;
mod fetch;
mod generate;
mod headers;
#[cfg(feature = "credential-helpers")]
mod helpers;
mod hint;
mod image;
mod inspect;
mod launch;
mod left_out;
mod list;
#[cfg(feature = "credential-helpers")]
mod login;
mod names;
mod nearest;
mod prune;
mod pull;
mod push;
mod resolve;
mod select;
mod tensors;
mod toolkit;
mod transfer;
mod upload;
mod variants;
mod verify;
mod walk;

pub use modelpack_layer as layer;
pub use modelpack_modelfile as modelfile;
pub use modelpack_registry as registry;
pub use modelpack_spec as spec;
pub use modelpack_store as store;

pub use attach::{AttachOptions, AttachReport, Attachment, Change, path_in_artifact};
pub use build::{
    BuildDialect, BuildOptions, BuildPlan, BuildPlanLayer, BuildReport, BuiltLayer, CreationTime,
};
pub use compare::{CompareReport, Difference, compare};
pub use control::{CancelToken, Control, Event, Item, Outcome, Progress};
pub use convert::{ConvertOptions, ConvertReport};
pub use discover::{GitProgram, SourceReading};
pub use dmr::{DmrImportReport, DmrModel, DmrReport};
pub use error::{Culprit, Error};
pub use extract::{ExtractOptions, ExtractReport, ExtractedFile, Sharing};
pub use extras::ExtraFile;
pub use fetch::FetchOptions;
pub use generate::{GenerateOptions, GenerateReport};
#[cfg(feature = "credential-helpers")]
pub use helpers::{HelperProgramFailed, HelperPrograms};
pub use image::ImageReport;
pub use inspect::{InspectReport, InspectedFile, InspectedLayer};
pub use launch::{LaunchCommand, LaunchPlan};
pub use list::{ListEntry, NamePattern, TagList, UsageEntry, UsageReport};
#[cfg(feature = "credential-helpers")]
pub use login::{CredentialsFile, KeptIn, LoginAnswer, try_login};
pub use modelpack_registry::Client;
pub use modelpack_spec::{Digest, Reference};
pub use modelpack_store::Store;
pub use names::RemoveReport;
pub use prune::{PruneReport, PrunedItem};
pub use pull::{PullOptions, PullReport, PulledLayer};
pub use push::{PushOptions, PushPlan, PushPlanBlob, PushReport, PushedBlob};
pub use resolve::{Fetch, ResolveOptions, ResolveReport, ResolvedFile};
pub use tensors::{
    FetchedTensor, Place, TensorEntry, TensorFile, TensorFilesReport, TensorReport, WeightReport,
};
pub use toolkit::Toolkit;
pub use upload::{UploadOptions, UploadReport};
pub use variants::{IndexReport, VariantEntry, fitting_size};
pub use verify::VerifyReport;
