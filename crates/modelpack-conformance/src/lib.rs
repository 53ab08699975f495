//! Suites that judge whether an artifact follows the [ModelPack specification].
//!
//! There is one suite so far, `artifact`. [`judge_artifact`] holds a manifest and its config against
//! every rule of [`modelpack_spec::rules`] and against what any reader needs; [`judge_layout`] finds
//! them in an OCI image layout, written by whatever tool, and reads the layers too. Both give a
//! [`Report`] with one [`Check`] for each requirement, which serialises to JSON:
//!
//! ```
//! use modelpack_conformance::{Outcome, judge_artifact};
//!
//! let report = judge_artifact(b"{}", b"<html>");
//! assert!(!report.conforms());
//! let config = report.check("config.json").expect("the rule is part of the suite");
//! assert_eq!(config.outcome, Outcome::Failed);
//! ```
//!
//! The binary of the same name does this from a shell: `modelpack-conformance artifact PATH[:REF]`.
//!
//! [ModelPack specification]: https://github.com/modelpack/model-spec
#![forbid(unsafe_code)]

mod artifact;
mod error;
mod layer;
mod layout;
mod report;

pub use artifact::judge_artifact;
pub use error::Error;
pub use layout::judge_layout;
pub use report::{Check, Finding, Outcome, Report};
