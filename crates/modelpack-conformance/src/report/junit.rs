//! Reports in the XML form of JUnit, which test dashboards read.

use std::fmt::Write as _;

use modelpack_spec::rules::Level;

use super::{Check, Outcome, Report};

impl Report {
    /// The report in the XML form of JUnit. A SHOULD or MAY that does not hold is no failure there:
    /// it is in the output of its case.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut xml = String::new();
        let failures = self.checks.iter().filter(|check| is_failure(check)).count();
        let counts = format!(
            "tests=\"{}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{}\"",
            self.checks.len(),
            self.count(Outcome::Broken),
            self.count(Outcome::Skipped),
        );
        let suite = escape(&self.suite);
        let _ = writeln!(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        let _ = writeln!(xml, "<testsuites {counts}>");
        let _ = writeln!(xml, "  <testsuite name=\"{suite}\" {counts}>");
        for check in &self.checks {
            let _ = write!(
                xml,
                "    <testcase classname=\"{suite}.{}\" name=\"{}\"",
                check.level,
                escape(&check.id)
            );
            let message = escape(&message(check));
            let _ = match check.outcome {
                Outcome::Passed => writeln!(xml, "/>"),
                Outcome::Skipped => {
                    writeln!(xml, "><skipped message=\"{message}\"/></testcase>")
                }
                Outcome::Broken => writeln!(xml, "><error message=\"{message}\"/></testcase>"),
                Outcome::Failed if is_failure(check) => {
                    writeln!(xml, "><failure message=\"{message}\"/></testcase>")
                }
                Outcome::Failed => {
                    writeln!(xml, "><system-out>{message}</system-out></testcase>")
                }
            };
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }
}

fn is_failure(check: &Check) -> bool {
    check.outcome == Outcome::Failed && check.level == Level::Must
}

fn message(check: &Check) -> String {
    let findings = check.findings.iter().map(|finding| {
        let space = if finding.pointer.is_empty() { "" } else { ": " };
        format!("{}{space}{}", finding.pointer, finding.message)
    });
    findings.collect::<Vec<_>>().join("; ")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write most control characters, nor these two.
            control if control.is_control() => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
