//! The suite `modelfile`: whether a Modelfile parser reads what it should, and refuses the rest.

mod answer;
mod command;
mod vectors;

use modelpack_spec::rules::Level;

pub use self::answer::{ModelfileAnswer, Position};
pub use self::command::judge_modelfile_command;

use self::vectors::{Expected, Vector};
use crate::{Check, Finding, Report, Requirement};

/// The grammar, whose home is the crate that describes it in full.
const GRAMMAR: &str = "https://docs.rs/modelpack-modelfile/latest/modelpack_modelfile/#grammar";
const LINE: &str = "modelfile.line";
const COLUMN: &str = "modelfile.column";
const ANSWERS: &str = "modelfile.answers";

const fn rule(id: &'static str, level: Level, summary: &'static str) -> Requirement {
    Requirement {
        id,
        level,
        anchor: GRAMMAR,
        summary,
    }
}

/// What the suite `modelfile` asks for. Where `modctl` reads less than this grammar does, it is a MAY.
static REQUIREMENTS: &[Requirement] = &[
    rule(
        ANSWERS,
        Level::Must,
        "the parser ends with an answer in the described form, whatever it is given",
    ),
    rule(
        "modelfile.commands",
        Level::Must,
        "each of the twelve commands gives its value, in upper and lower case",
    ),
    rule(
        "modelfile.blank",
        Level::Must,
        "empty lines, lines that begin with `#` and white space around a line say nothing",
    ),
    rule(
        "modelfile.line-ends",
        Level::Must,
        "lines end in a line feed, with or without a carriage return, or with the text",
    ),
    rule(
        "modelfile.quotes",
        Level::Must,
        "double quotes hold spaces together, a backslash makes the next character ordinary",
    ),
    rule(
        "modelfile.repeated-files",
        Level::Must,
        "the commands for files may stand many times; the same text under the same command counts once",
    ),
    rule(
        "modelfile.patterns",
        Level::Must,
        "patterns are given back as they stand",
    ),
    rule(
        "modelfile.unknown-command",
        Level::Must,
        "a line that begins with another word is refused",
    ),
    rule(
        "modelfile.one-argument",
        Level::Must,
        "a command without an argument, with an empty one or with several is refused",
    ),
    rule(
        "modelfile.unclosed-quote",
        Level::Must,
        "a quote that is never closed is refused",
    ),
    rule(
        "modelfile.repeated-field",
        Level::Must,
        "a property of the model that is set again is refused",
    ),
    rule(
        LINE,
        Level::Should,
        "a refusal names the line of the first mistake, from 1",
    ),
    rule(
        "modelfile.inside",
        Level::Should,
        "a path that leads out of the work directory is refused",
    ),
    rule(
        "modelfile.malformed-pattern",
        Level::Should,
        "a pattern that is none, or that no file can match, is refused",
    ),
    rule(
        COLUMN,
        Level::May,
        "a refusal names the column of the first mistake, in characters from 1",
    ),
    rule(
        "modelfile.tabs",
        Level::May,
        "a tab separates a command from its argument as a space does",
    ),
    rule(
        "modelfile.byte-order-mark",
        Level::May,
        "a byte order mark at the beginning is ignored",
    ),
    rule(
        "modelfile.long-lines",
        Level::May,
        "a line may be longer than 64 KiB",
    ),
];

/// What the suite `modelfile` asks for.
#[must_use]
pub fn modelfile_requirements() -> &'static [Requirement] {
    REQUIREMENTS
}

/// Judges a Modelfile parser. `parse` is given the bytes of each vector and says what the parser made
/// of them, or why it gave no answer: it crashed, hung, or cannot be started.
///
/// A parser that is a command is run by [`judge_modelfile_command`].
///
/// ```
/// use modelpack_conformance::{ModelfileAnswer, judge_modelfile};
///
/// let report = judge_modelfile(|_| ModelfileAnswer::from_output(true, b"{}"));
/// assert!(!report.conforms(), "a parser that finds nothing reads nothing");
/// ```
pub fn judge_modelfile(mut parse: impl FnMut(&[u8]) -> Result<ModelfileAnswer, String>) -> Report {
    let mut findings: Vec<(&str, Finding)> = Vec::new();
    let vectors = Vector::all();
    for vector in &vectors {
        let at = |message: String| Finding::new(format!("/{}", vector.name), message);
        match (&vector.expected, parse(vector.text.as_bytes())) {
            (_, Err(reason)) => findings.push((ANSWERS, at(reason))),
            (Expected::Tree(expected), Ok(ModelfileAnswer::Accepted(found))) => {
                let differences = answer::differences(expected, &found).into_iter();
                findings.extend(differences.map(|found| (vector.rule.as_str(), at(found))));
            }
            (Expected::Tree(_), Ok(ModelfileAnswer::Refused(position))) => {
                let place = position.map(|position| format!(", {position}"));
                let message = format!("it is refused{}", place.unwrap_or_default());
                findings.push((&vector.rule, at(message)));
            }
            (Expected::Error(_), Ok(ModelfileAnswer::Accepted(_))) => {
                findings.push((&vector.rule, at("it is accepted".to_owned())));
            }
            (Expected::Error(expected), Ok(ModelfileAnswer::Refused(found))) => {
                let expect = |what: &str, found: Option<u64>, expected: u64| {
                    let found = found.map_or_else(|| "none".to_owned(), |it| it.to_string());
                    at(format!("the {what} is {found}, expected {expected}"))
                };
                let line = found.map(|found| found.line);
                let column = found.and_then(|found| found.column);
                if line != Some(expected.line) {
                    findings.push((LINE, expect("line", line, expected.line)));
                }
                if let Some(expected) = expected.column.filter(|it| Some(*it) != column) {
                    findings.push((COLUMN, expect("column", column, expected)));
                }
            }
        }
    }
    let mut report = Report::default();
    for asked in REQUIREMENTS {
        let ours = findings.iter().filter(|(id, _)| *id == asked.id);
        let ours = ours.map(|(_, finding)| finding.clone()).collect();
        let check = Check::of(asked.id, asked.level, asked.anchor, asked.summary, ours);
        report.checks.push(check);
    }
    report
}
