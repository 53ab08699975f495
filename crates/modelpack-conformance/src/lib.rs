//! Suites that judge artifacts by the [ModelPack specification], tools by what they do with such artifacts, and
//! registries by the specification of OCI.
//!
//! The suite `artifact`: [`judge_artifact`] holds a manifest and its config against
//! every rule of [`modelpack_spec::rules`] and against what any reader needs, or against the rules of
//! Docker's dialect where it is written in that; [`judge_layout`] finds them in an OCI image layout and
//! [`judge_remote`] in a registry, written by whatever tool, and both read the layers too. All give a
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
//! The suite `registry`: [`judge_registry`] pushes to a registry, behind an address or in the same
//! process, and holds its answers against the OCI distribution specification.
//!
//! The suite `modelfile`: [`judge_modelfile`] gives texts to a Modelfile parser and compares what it
//! makes of them.
//!
//! The suites `builder`, `consumer` and `transport`: [`judge_builder`], [`judge_consumer`] and
//! [`judge_transport`] run the commands of a tool ([`ToolOptions`], [`Template`]) against a registry of
//! the suite, and judge what it pushed, what it wrote, and what it asked for.
//!
//! The binary of the same name does this from a shell, `modelpack-conformance SUITE [TARGET]`, and writes
//! the report as text, JSON, JUnit XML and HTML.
//!
//! [ModelPack specification]: https://github.com/modelpack/model-spec
#![forbid(unsafe_code)]

mod artifact;
mod builder;
mod consumer;
mod error;
mod inspection;
mod layer;
mod layout;
mod modelfile;
mod registry;
mod remote;
mod report;
mod requirement;
mod served;
mod target;
mod tool;
mod transport;

pub use artifact::{judge_artifact, judge_files};
pub use builder::judge_builder;
pub use consumer::judge_consumer;
pub use error::Error;
pub use layout::judge_layout;
pub use modelfile::{
    ModelfileAnswer, Position, judge_modelfile, judge_modelfile_command, modelfile_requirements,
};
pub use registry::{
    AnswerBody, Answered, Api, ClientError, DataSet, HttpTransport, Opened, RegistryCheck,
    RegistryOptions, RegistryReport, RequestBody, Transport, TransportError, Verdict,
    judge_registry,
};
pub use remote::{RemoteTarget, judge_remote};
pub use report::{Check, Ending, Evidence, Finding, Outcome, Report, Summary};
pub use requirement::{Requirement, RuleSet};
pub use target::{ArtifactTarget, judge_target};
pub use tool::{DEFAULT_TIMEOUT, Seen, Template, TemplateError, ToolError, ToolOptions};
pub use transport::{Ends, Expectation, Job, Login, TransportCase, judge_transport};
