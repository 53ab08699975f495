//! What a run found: as a table, as JSON, and as JUnit XML.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::names::{Api, DataSet, Verdict};

/// What a run of the suite `registry` found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RegistryReport {
    /// Where the registry is.
    pub registry: String,
    /// Verdict of each thing that a registry can do.
    pub apis: BTreeMap<Api, Verdict>,
    /// Verdict of each kind of content.
    pub data: BTreeMap<DataSet, Verdict>,
    /// Every check, in the order in which they ran.
    pub checks: Vec<RegistryCheck>,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RegistryCheck {
    /// Groups and name, with slashes between.
    pub name: String,
    /// The things that it is about.
    pub apis: Vec<Api>,
    /// The content that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataSet>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl RegistryReport {
    /// How many checks ended like this.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let ended = |check: &&RegistryCheck| check.verdict == verdict;
        self.checks.iter().filter(ended).count()
    }

    /// Whether no check failed.
    #[must_use]
    pub fn conforms(&self) -> bool {
        self.count(Verdict::Fail) == 0
    }

    /// Whether no check failed and nothing was missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.conforms() && self.count(Verdict::Skip) == 0
    }
}

/// What did not pass, then a table of everything.
impl fmt::Display for RegistryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            if check.verdict != Verdict::Pass {
                writeln!(f, "{:<5} {}", check.verdict, check.name)?;
                if let Some(message) = &check.message {
                    writeln!(f, "      {message}")?;
                }
            }
        }
        writeln!(f, "\nAPI conformance:")?;
        for (api, verdict) in &self.apis {
            writeln!(f, "  {api:<30} {verdict:>8}")?;
        }
        writeln!(f, "\nData conformance:")?;
        for (data, verdict) in &self.data {
            writeln!(f, "  {data:<30} {verdict:>8}")?;
        }
        writeln!(
            f,
            "\n{}: {} checks, {} passed, {} failed, {} skipped",
            if self.conforms() {
                "conforms"
            } else {
                "does not conform"
            },
            self.checks.len(),
            self.count(Verdict::Pass),
            self.count(Verdict::Fail),
            self.count(Verdict::Skip),
        )
    }
}
