//! Reports as text: a line for each check, a line for each level.

use std::fmt;

use modelpack_spec::rules::Level;

use super::{Check, Ending, Outcome, Report};

/// Most findings of one check that are printed; all of them are in the other forms of the report.
const MAX_FINDINGS: usize = 20;

/// One line, with the findings below it.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.outcome, self.level) {
            (Outcome::Passed, _) => "ok",
            (Outcome::Skipped, _) => "skipped",
            (Outcome::Broken, _) => "BROKEN",
            (Outcome::Failed, Level::Must) => "FAILED",
            (Outcome::Failed, _) => "advice",
        };
        write!(
            f,
            "{mark:<8}{:<7}{:<40}{}",
            self.level, self.id, self.summary
        )?;
        for finding in self.findings.iter().take(MAX_FINDINGS) {
            let space = if finding.pointer.is_empty() { "" } else { ": " };
            let message = finding.message.trim_end().replace('\n', "\n        ");
            write!(f, "\n        {}{space}{message}", finding.pointer)?;
        }
        if self.findings.len() > MAX_FINDINGS {
            write!(
                f,
                "\n        and {} more",
                self.findings.len() - MAX_FINDINGS
            )?;
        }
        if self.outcome == Outcome::Failed {
            write!(f, "\n        see {}", self.anchor)?;
        }
        Ok(())
    }
}

/// A line for each level that the report has, and one for all of them.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a>(pub &'a Report);

impl Summary<'_> {
    fn counts(self, level: Option<Level>) -> String {
        let count = |outcome| {
            let checks = self.0.checks.iter();
            checks
                .filter(|check| level.is_none_or(|level| check.level == level))
                .filter(|check| check.outcome == outcome)
                .count()
        };
        let broken = match count(Outcome::Broken) {
            0 => String::new(),
            broken => format!(", {broken} could not be run"),
        };
        format!(
            "{} passed, {} failed, {} skipped{broken}",
            count(Outcome::Passed),
            count(Outcome::Failed),
            count(Outcome::Skipped),
        )
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, rows) in &self.0.tables {
            writeln!(f, "\n{name}:")?;
            for (row, value) in rows {
                writeln!(f, "  {row:<30} {value:>8}")?;
            }
        }
        writeln!(f)?;
        for level in [Level::Must, Level::Should, Level::May] {
            if self.0.checks.iter().any(|check| check.level == level) {
                writeln!(f, "{level:<8}{}", self.counts(Some(level)))?;
            }
        }
        let ending = match self.0.ending() {
            Ending::Conforms => "conforms",
            Ending::DoesNotConform => "does not conform",
            Ending::Unknown => "could not be judged",
        };
        writeln!(f, "{ending}: {}", self.counts(None))
    }
}

/// A line for each check with its findings below it, then the summary.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        write!(f, "{}", Summary(self))
    }
}
