//! The Modelfile grammar: which files become which layers, and what the model is called.
//!
//! [`Modelfile::parse`] never fails: it gives a tree that prints back byte for byte and the
//! [`Diagnostic`]s of what is wrong. [`Modelfile::lower`] turns a tree without mistakes into a
//! [`Recipe`]. [`generate`] writes a Modelfile for a list of files.
//!
//! # Grammar
//!
//! The grammar is that of `modctl`, as a superset: a tab separates as a space does, a byte order mark
//! is ignored, lines may be long, and what the generator writes always parses back. With the line
//! `# syntax=modelpack/1` before the commands, it also says everything else that the specification
//! knows of a model: licences, languages, authors and more ([`Field`], [`Properties`]). The crate has
//! never heard of a file system; it works on names.
//!
//! # Example
//!
//! ```
//! use modelpack_modelfile::Modelfile;
//! use modelpack_spec::Kind;
//!
//! let modelfile = Modelfile::parse("NAME tiny\nMODEL *.safetensors\nCONFIG \"my config.json\"\n");
//! let recipe = modelfile.lower().map_err(|diagnostics| diagnostics[0].to_string())?;
//! assert_eq!(recipe.name.as_deref(), Some("tiny"));
//! assert!(recipe.sources[0].pattern.matches("model.safetensors"));
//! assert_eq!(recipe.sources[1].kind, Kind::WeightConfig);
//! # Ok::<(), String>(())
//! ```
#![forbid(unsafe_code)]

mod assign;
mod classify;
mod diagnostic;
mod error;
mod field;
mod filter;
mod generate;
mod glob;
mod lex;
mod license;
mod metadata;
mod pattern;
mod precision;
mod properties;
mod recipe;
mod syntax;
mod tables;

pub use assign::Assignment;
pub use classify::classify;
pub use diagnostic::Diagnostic;
pub use error::Error;
pub use field::Field;
pub use filter::Filter;
pub use generate::{GenerateOptions, generate};
pub use glob::Glob;
pub use license::spdx_license;
pub use metadata::Metadata;
pub use pattern::Pattern;
pub use precision::precision;
pub use properties::Properties;
pub use recipe::{Recipe, Source};
pub use syntax::{Command, Keyword, Line, LineKind, Modelfile};
