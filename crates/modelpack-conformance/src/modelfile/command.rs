//! Parsers that are commands: each text is a file, the answer is what the command writes.

use std::fs::{self, File};
use std::io::{self, Read as _};

use super::{ModelfileAnswer, judge_modelfile};
use crate::tool::{End, Scratch, Seen, ToolError, ToolOptions, Values, apply, need};
use crate::{Outcome, Report};

const SUITE: &str = "modelfile";
/// Most bytes of an answer that are read: the longest text has a hundredth of it.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Judges a Modelfile parser that is a command, by [`judge_modelfile`]. The commands need `{file}`; what
/// the last of them writes to standard output is the answer.
///
/// # Errors
/// [`ToolError`] when the commands lack a placeholder or no requirement has the wanted name. A parser
/// that cannot be started is in the report.
pub fn judge_modelfile_command(options: &ToolOptions, seen: Seen<'_>) -> Result<Report, ToolError> {
    need(SUITE, &options.commands, &["file"], &[])?;
    let mut obstacle = None;
    let mut report = judge_modelfile(|text| {
        let answer = ask(options, text);
        answer.unwrap_or_else(|error| {
            let message = error.to_string();
            obstacle.get_or_insert_with(|| message.clone());
            Err(message)
        })
    });
    report.suite = SUITE.to_owned();
    report.target = options.target();
    for only in &options.only {
        let known = report.checks.iter().map(|check| check.id.to_string());
        let known: Vec<String> = known.collect();
        if !known.iter().any(|id| id.starts_with(only.as_str())) {
            let only = only.clone();
            return Err(ToolError::NoSuchCase { only, known });
        }
    }
    let is_asked = |id: &str| {
        let mut only = options.only.iter();
        options.only.is_empty() || only.any(|only| id.starts_with(only.as_str()))
    };
    report.checks.retain(|check| is_asked(&check.id));
    if let Some(obstacle) = obstacle {
        // An answer that could not be asked for says nothing about the parser.
        for check in &mut report.checks {
            check.outcome = Outcome::Broken;
            check.findings.clear();
        }
        report.broke_off(obstacle);
    }
    report.checks.iter().for_each(seen);
    Ok(report)
}

/// What the parser makes of one text, or why it gave no answer; an error is an obstacle of the suite.
fn ask(options: &ToolOptions, text: &[u8]) -> io::Result<Result<ModelfileAnswer, String>> {
    let scratch = Scratch::new()?;
    let file = scratch.given().join("Modelfile");
    fs::write(&file, text)?;
    let scratch = scratch.watched()?;
    let values = Values::default().with("file", file);
    let used = apply(&options.commands, options, &scratch, &values, &[])?;
    if let Some(escape) = scratch.escapes()?.into_iter().next() {
        return Ok(Err(escape));
    }
    let succeeded = match used.end {
        End::Code(code) => code == 0,
        other => return Ok(Err(other.describe())),
    };
    let mut output = Vec::new();
    File::open(scratch.logs().join("stdout"))?
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut output)?;
    Ok(ModelfileAnswer::from_output(succeeded, &output))
}
