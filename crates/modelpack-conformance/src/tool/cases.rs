//! Cases of a suite, run one after the other so that none takes another down with it.

use std::any::Any;
use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use modelpack_spec::rules::Level;

use super::{Seen, ToolError, ToolOptions};
use crate::{Check, Evidence, Finding, Outcome, Report};

/// What a case is about.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) id: Cow<'static, str>,
    pub(crate) level: Level,
    pub(crate) anchor: Cow<'static, str>,
    pub(crate) summary: Cow<'static, str>,
}

/// How a case ended.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) findings: Vec<Finding>,
    pub(crate) evidence: Vec<Evidence>,
    /// Why it could not be judged.
    pub(crate) skipped: Option<String>,
}

impl Judged {
    pub(crate) fn find(&mut self, message: impl Into<String>) {
        self.findings.push(Finding::new("", message));
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self {
            skipped: Some(reason.into()),
            ..Self::default()
        }
    }
}

/// Runs the cases that were asked for. One that panics or meets an obstacle is reported as such.
pub(crate) fn run_cases<C>(
    report: &mut Report,
    cases: &[C],
    head: impl Fn(&C) -> Head,
    options: &ToolOptions,
    seen: Seen<'_>,
    judge: impl Fn(&C) -> io::Result<Judged>,
) -> Result<(), ToolError> {
    let only = &options.only;
    let is_of = |id: &str, only: &String| id.starts_with(only.as_str());
    if let Some(only) = only
        .iter()
        .find(|only| !cases.iter().any(|case| is_of(&head(case).id, only)))
    {
        return Err(ToolError::NoSuchCase {
            only: only.clone(),
            known: cases
                .iter()
                .map(|case| head(case).id.into_owned())
                .collect(),
        });
    }
    for case in cases {
        let Head {
            id,
            level,
            anchor,
            summary,
        } = head(case);
        if !only.is_empty() && !only.iter().any(|only| is_of(&id, only)) {
            continue;
        }
        let blank = Check::skipped(id, level, anchor, summary);
        let check = match catch_unwind(AssertUnwindSafe(|| judge(case))) {
            Ok(Ok(judged)) => finish(blank, judged),
            Ok(Err(error)) => blank.ended(Outcome::Broken, error.to_string()),
            Err(panic) => blank.ended(
                Outcome::Broken,
                format!("a defect of the suite: {}", words_of(&*panic)),
            ),
        };
        if options.stop.load(Ordering::Relaxed) {
            report.broke_off("it was stopped");
            break;
        }
        seen(&check);
        report.checks.push(check);
    }
    Ok(())
}

fn finish(blank: Check, judged: Judged) -> Check {
    let check = match judged.skipped {
        Some(reason) if judged.findings.is_empty() => blank.ended(Outcome::Skipped, reason),
        _ => Check::of(
            blank.id,
            blank.level,
            blank.anchor,
            blank.summary,
            judged.findings,
        ),
    };
    check.with_evidence(judged.evidence)
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
}

#[cfg(test)]
mod tests;
