//! The rules of this repository, as functions that find what breaks them.
//!
//! [`Workspace::read`] loads what `cargo metadata`, `Cargo.lock` and the files say; each function in [`rules`] looks
//! at that and returns every [`Violation`], with the file, the line and what to do. `tests/it` runs each of them over
//! this repository, so `cargo test -p modelpack-tidy` (or `cargo tidy`) is the judge of the house.
//!
//! ```
//! use modelpack_tidy::{SourceFile, Workspace, rules};
//!
//! let mut workspace = Workspace::default();
//! workspace.sources.push(SourceFile::new("crates/modelpack-spec/src/lib.rs", "pub fn surprise() {}\n"));
//! let violations = rules::first_lines(&workspace);
//! assert_eq!(
//!     violations[0].to_string(),
//!     "crates/modelpack-spec/src/lib.rs:1: the first line does not say what this module is for; \
//!      begin the file with `//! ` and one sentence",
//! );
//! ```
//!
//! A rule is weakened only together with the sentence that it keeps: the floors and invariants stand in
//! `crates/README.md`.

#![forbid(unsafe_code)]

mod lockfile;
mod roles;
pub mod rules;
mod source;
#[cfg(test)]
mod testing;
mod violation;
mod workspace;

pub use lockfile::Lockfile;
pub use roles::{FLOORS, is_library};
pub use source::SourceFile;
pub use violation::Violation;
pub use workspace::{Dependency, Package, Purpose, Target, Workspace};
