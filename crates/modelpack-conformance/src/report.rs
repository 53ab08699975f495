//! Reports: one check for each requirement.

use std::fmt;

use modelpack_spec::rules::{Level, Violation};
use serde::{Serialize, Serializer};

/// What a suite found.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// One check for each requirement, in the order of the suite.
    pub checks: Vec<Check>,
}

/// One requirement and whether it holds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// Stable name, such as `manifest.artifact-type`.
    pub id: &'static str,
    /// How strongly it is required.
    #[serde(serialize_with = "level_as_text")]
    pub level: Level,
    /// Address of the text that requires it.
    pub anchor: &'static str,
    /// What has to hold.
    pub summary: &'static str,
    /// Whether it does.
    pub outcome: Outcome,
    /// Every place where it does not.
    pub findings: Vec<Finding>,
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
        id: &'static str,
        level: Level,
        anchor: &'static str,
        summary: &'static str,
        findings: Vec<Finding>,
    ) -> Self {
        let outcome = if findings.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        Self {
            id,
            level,
            anchor,
            summary,
            outcome,
            findings,
        }
    }

    pub(crate) fn skipped(
        id: &'static str,
        level: Level,
        anchor: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            outcome: Outcome::Skipped,
            ..Self::of(id, level, anchor, summary, Vec::new())
        }
    }
}

impl Report {
    /// Whether every MUST that could be judged holds.
    #[must_use]
    pub fn conforms(&self) -> bool {
        !self
            .checks
            .iter()
            .any(|check| check.level == Level::Must && check.outcome == Outcome::Failed)
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
}

/// A line for each check with its findings below it, then a summary.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let mark = match (check.outcome, check.level) {
                (Outcome::Passed, _) => "ok",
                (Outcome::Skipped, _) => "skipped",
                (Outcome::Failed, Level::Must) => "FAILED",
                (Outcome::Failed, _) => "advice",
            };
            writeln!(
                f,
                "{mark:<8}{:<7}{:<40}{}",
                check.level, check.id, check.summary
            )?;
            for finding in &check.findings {
                let space = if finding.pointer.is_empty() { "" } else { ": " };
                writeln!(f, "        {}{space}{}", finding.pointer, finding.message)?;
            }
            if check.outcome == Outcome::Failed {
                writeln!(f, "        see {}", check.anchor)?;
            }
        }
        writeln!(
            f,
            "{}: {} passed, {} failed, {} skipped",
            if self.conforms() {
                "conforms"
            } else {
                "does not conform"
            },
            self.count(Outcome::Passed),
            self.count(Outcome::Failed),
            self.count(Outcome::Skipped),
        )
    }
}

fn level_as_text<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(level)
}
