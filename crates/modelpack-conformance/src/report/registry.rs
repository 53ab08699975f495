//! What the suite `registry` found, in the form that all suites share.

use std::collections::BTreeMap;

use modelpack_spec::rules::Level;

use super::{Check, Finding, Outcome, Report};
use crate::RegistryReport;
use crate::registry::Verdict;

const SPECIFICATION: &str =
    "https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints";

/// Whatever a registry offers it has to do right, so each check is a MUST. What was not tried, because
/// the registry does not offer it or the options leave it out, was skipped.
impl From<&RegistryReport> for Report {
    fn from(found: &RegistryReport) -> Self {
        let mut report = Self::new("registry", &found.registry);
        for check in &found.checks {
            let about: Vec<&str> = check.apis.iter().map(|api| api.name()).collect();
            let summary = match (about.is_empty(), check.data) {
                (false, _) => about.join(", "),
                (true, Some(data)) => data.name().to_owned(),
                (true, None) => String::new(),
            };
            let outcome = match check.verdict {
                Verdict::Pass => Outcome::Passed,
                Verdict::Fail => Outcome::Failed,
                Verdict::Unknown | Verdict::Disabled | Verdict::Skip => Outcome::Skipped,
            };
            let message = check.message.iter();
            let findings = message.map(|message| Finding::new("", message)).collect();
            let name = check.name.clone();
            report.checks.push(Check {
                outcome,
                ..Check::of(name, Level::Must, SPECIFICATION, summary, findings)
            });
        }
        let apis = found.apis.iter();
        let apis: BTreeMap<_, _> = apis
            .map(|(api, verdict)| (api.to_string(), verdict.to_string()))
            .collect();
        let data = found.data.iter();
        let data = data.map(|(data, verdict)| (data.to_string(), verdict.to_string()));
        report.tables.insert("apis".to_owned(), apis);
        report.tables.insert("data".to_owned(), data.collect());
        report
    }
}
