//! Every MUST and SHOULD of the ModelPack documents as a function.
//!
//! [`check_artifact`] holds a manifest and its config against all [`Rule`]s at once and returns every
//! [`Violation`]. It reads raw JSON, so a document that the typed reader refuses is still judged
//! rule by rule:
//!
//! ```
//! use modelpack_spec::rules::{self, Level};
//!
//! let config = br#"{"descriptor":{"name":""},"config":{"paramSize":"8 billion"},"modelfs":{"type":"layers","diffIds":[]}}"#;
//! let broken = rules::check_config(config);
//! let ids: Vec<&str> = broken.iter().map(|violation| violation.rule.id).collect();
//! assert_eq!(ids, ["config.descriptor.name", "config.config.param-size", "config.modelfs.diff-ids"]);
//! assert_eq!(broken[1].pointer, "/config/paramSize");
//! assert_eq!(broken[1].rule.level, Level::Must);
//! ```
//!
//! Rules about the inside of tar layers look at [`Contents`], which a caller that has read the
//! layers adds with [`Artifact::with_contents`]; without it they find nothing. Two sentences of the
//! specification bind readers and not documents, so no function here can judge them: that user and
//! group *names* in an archive should be ignored where numeric ids are supported
//! ([file attributes](https://github.com/modelpack/model-spec/blob/main/docs/spec.md#file-attributes)).

mod annotations;
mod archive;
mod artifact;
mod config;
pub mod docker;
mod layers;
mod manifest;
mod spdx;

use std::fmt;

pub use artifact::{Artifact, Contents, Entry};

/// How strongly the specification says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// MUST or REQUIRED in the text, or enforced by the JSON schema that belongs to it.
    Must,
    /// SHOULD or RECOMMENDED in the text, or a described form that the schema does not enforce.
    Should,
    /// Left to the writer, but worth saying.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// Which document a rule speaks of; the pointers of its findings lead into that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The image manifest, with its layers.
    Manifest,
    /// The model config.
    Config,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Manifest => "manifest",
            Self::Config => "config",
        })
    }
}

/// One requirement.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// Stable name, such as `manifest.artifact-type`.
    pub id: &'static str,
    /// How strongly the specification says it.
    pub level: Level,
    /// Which document it speaks of.
    pub subject: Subject,
    /// Address of the section that says it.
    pub anchor: &'static str,
    /// What has to hold, in our words.
    pub summary: &'static str,
    /// Finds every place that breaks it.
    pub check: fn(&Artifact<'_>) -> Vec<Finding>,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({} {})", self.level, self.id)
    }
}

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// JSON pointer (RFC 6901) into the document of the rule; empty for the document itself.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl Finding {
    /// A finding at a JSON pointer.
    #[must_use]
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

/// A broken rule and the place that breaks it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub rule: &'static Rule,
    /// JSON pointer (RFC 6901) into the document of the rule; empty for the document itself.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule {
            id, level, subject, ..
        } = self.rule;
        write!(
            f,
            "{level} {id}: {subject}{}{}: {}",
            if self.pointer.is_empty() { "" } else { " " },
            self.pointer,
            self.message
        )
    }
}

/// All rules: of the manifest, its layers, their annotations and archives, then of the config.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        manifest::RULES,
        layers::RULES,
        annotations::RULES,
        archive::RULES,
        config::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Holds an artifact against all rules.
#[must_use]
pub fn check(artifact: &Artifact<'_>) -> Vec<Violation> {
    all()
        .flat_map(|rule| {
            (rule.check)(artifact)
                .into_iter()
                .map(move |finding| Violation {
                    rule,
                    pointer: finding.pointer,
                    message: finding.message,
                })
        })
        .collect()
}

/// Holds a manifest and its config, as bytes, against all rules that need no layer.
#[must_use]
pub fn check_artifact(manifest: &[u8], config: &[u8]) -> Vec<Violation> {
    check(&Artifact::new(manifest, config))
}

/// Holds a config alone, as bytes, against the rules of the config.
#[must_use]
pub fn check_config(config: &[u8]) -> Vec<Violation> {
    check(&Artifact::from_config(config))
}

#[cfg(test)]
mod tests;
