//! Reports: one check for each requirement.

mod html;
mod junit;
mod registry;
mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use modelpack_spec::rules::{Level, Violation};
use serde::{Serialize, Serializer};

pub use self::text::Summary;

/// What a suite found.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Which suite.
    pub suite: String,
    /// What was judged: a path, an address, the commands of a tool.
    pub target: String,
    /// One check for each requirement, in the order of the suite.
    pub checks: Vec<Check>,
    /// Tables besides the checks, by name: what a registry can do, for example.
    #[serde(flatten)]
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
}

/// One requirement and whether it holds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// Stable name, such as `manifest.artifact-type`.
    pub id: Cow<'static, str>,
    /// How strongly it is required.
    #[serde(serialize_with = "level_as_text")]
    pub level: Level,
    /// Address of the text that requires it.
    pub anchor: Cow<'static, str>,
    /// What has to hold.
    pub summary: Cow<'static, str>,
    /// Whether it does.
    pub outcome: Outcome,
    /// Every place where it does not.
    pub findings: Vec<Finding>,
    /// What was sent and what came back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The command that judges this one requirement again; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub again: String,
}

/// Whether a requirement holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be judged, because what it speaks of was not there to be read.
    Skipped,
    /// It could not be judged, because the suite itself met an obstacle: a command that cannot be
    /// started, a disk that is full.
    Broken,
}

/// A place where a requirement does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// JSON pointer into the document that the requirement speaks of; empty for all of it.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// Something that was sent, ran or came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// What it is: `command`, `stderr`, `requests`.
    pub what: Cow<'static, str>,
    /// Its text; bytes that are no text were replaced, and long ones cut.
    pub text: String,
}

/// How a run ended, as the exit code of the command says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// Every MUST that could be judged holds: 0.
    Conforms,
    /// One does not: 1.
    DoesNotConform,
    /// Nothing was judged, or a MUST could not be because of an obstacle: 2.
    Unknown,
}

impl Ending {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Conforms => 0,
            Self::DoesNotConform => 1,
            Self::Unknown => 2,
        }
    }
}

impl Evidence {
    /// Something and its text.
    #[must_use]
    pub fn new(what: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            text: text.into(),
        }
    }
}

impl Finding {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

impl From<Violation> for Finding {
    fn from(violation: Violation) -> Self {
        Self::new(violation.pointer, violation.message)
    }
}

impl Check {
    /// A check that failed when there are findings and passed otherwise.
    pub(crate) fn of(
        id: impl Into<Cow<'static, str>>,
        level: Level,
        anchor: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
        findings: Vec<Finding>,
    ) -> Self {
        let outcome = if findings.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        Self {
            id: id.into(),
            level,
            anchor: anchor.into(),
            summary: summary.into(),
            outcome,
            findings,
            evidence: Vec::new(),
            again: String::new(),
        }
    }

    pub(crate) fn skipped(
        id: impl Into<Cow<'static, str>>,
        level: Level,
        anchor: impl Into<Cow<'static, str>>,
        summary: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            outcome: Outcome::Skipped,
            ..Self::of(id, level, anchor, summary, Vec::new())
        }
    }

    /// The same check with another outcome and the reason for it.
    pub(crate) fn ended(mut self, outcome: Outcome, reason: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.findings.push(Finding::new("", reason));
        self
    }

    pub(crate) fn with_evidence(mut self, evidence: Vec<Evidence>) -> Self {
        self.evidence = evidence;
        self
    }
}

impl Report {
    /// A report of this suite about this target, without a check yet.
    #[must_use]
    pub fn new(suite: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            suite: suite.into(),
            target: target.into(),
            ..Self::default()
        }
    }

    /// Whether every MUST that could be judged holds.
    #[must_use]
    pub fn conforms(&self) -> bool {
        !self
            .checks
            .iter()
            .any(|check| check.level == Level::Must && check.outcome == Outcome::Failed)
    }

    /// How the run ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let is_obstacle =
            |check: &Check| check.level == Level::Must && check.outcome == Outcome::Broken;
        let judged = |check: &Check| matches!(check.outcome, Outcome::Passed | Outcome::Failed);
        if !self.conforms() {
            Ending::DoesNotConform
        } else if self.checks.iter().any(is_obstacle) || !self.checks.iter().any(judged) {
            Ending::Unknown
        } else {
            Ending::Conforms
        }
    }

    /// The check of this name.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// How many checks ended like this.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.checks
            .iter()
            .filter(|check| check.outcome == outcome)
            .count()
    }

    /// Notes that the suite ended before its end, so that a report of what was found till then says so.
    pub fn broke_off(&mut self, reason: impl Into<String>) {
        let check = Check::skipped(
            "suite",
            Level::Must,
            "https://docs.rs/modelpack-conformance",
            "the suite runs to its end",
        );
        self.checks.push(check.ended(Outcome::Broken, reason));
    }
}

fn level_as_text<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(level)
}

#[cfg(test)]
mod tests;
