//! What a parser says of a Modelfile, as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

/// Commands that set a property, as keys of the JSON.
const FIELDS: [&str; 7] = [
    "name",
    "arch",
    "family",
    "format",
    "paramsize",
    "precision",
    "quantization",
];
/// Commands that name files, as keys of the JSON.
const FILES: [&str; 5] = ["config", "model", "code", "dataset", "doc"];
/// Most characters of a value that a message quotes.
const QUOTED_CHARS: usize = 80;

/// What a parser made of a Modelfile.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelfileAnswer {
    /// It read it: the commands in lower case, each with its value or its list of values.
    Accepted(Map<String, Value>),
    /// It refused it, and said where the first mistake is or did not.
    Refused(Option<Position>),
}

/// Where a mistake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match self.column {
            Some(column) => write!(f, ", column {column}"),
            None => Ok(()),
        }
    }
}

impl ModelfileAnswer {
    /// Reads what a parser that is a command wrote to standard output, in the form that
    /// `spec-fixtures/modelfile/README.md` describes: an object with the commands in lower case, or one
    /// whose `errors` is a list of `line` and `column`. A parser that fails and writes no JSON
    /// refuses without saying where.
    ///
    /// # Errors
    /// What is wrong with the output.
    pub fn from_output(succeeded: bool, output: &[u8]) -> Result<Self, String> {
        match (serde_json::from_slice(output), succeeded) {
            (Ok(Value::Object(mut answer)), _) => match answer.remove("errors") {
                None | Some(Value::Null) if succeeded => Ok(Self::Accepted(answer)),
                Some(Value::Array(errors)) if errors.is_empty() && succeeded => {
                    Ok(Self::Accepted(answer))
                }
                Some(Value::Array(errors)) => Ok(Self::Refused(errors.first().and_then(position))),
                None | Some(Value::Null) => Ok(Self::Refused(None)),
                Some(other) => Err(format!("`errors` is {}, not a list", short(&other))),
            },
            (_, false) => Ok(Self::Refused(None)),
            (Ok(other), true) => Err(format!("the output is {}, not an object", short(&other))),
            (Err(error), true) => Err(format!("the output is no JSON: {error}")),
        }
    }
}

fn position(error: &Value) -> Option<Position> {
    Some(Position {
        line: error["line"].as_u64()?,
        column: error["column"].as_u64(),
    })
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    let mut shown: String = text.chars().take(QUOTED_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What a tree says otherwise than it should. Neither the order of files nor an empty value matters.
pub(super) fn differences(
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for key in FIELDS {
        let of = |tree: &Map<String, Value>| {
            let value = tree.get(key).cloned().unwrap_or_default();
            (value != Value::Null && value != "").then_some(value)
        };
        let shown = |value: Option<Value>| value.map_or("nothing".to_owned(), |it| short(&it));
        let (expected, found) = (of(expected), of(found));
        if expected != found {
            differences.push(format!(
                "`{key}` is {}, expected {}",
                shown(found),
                shown(expected)
            ));
        }
    }
    for key in FILES {
        let of = |tree: &Map<String, Value>| match tree.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values.clone()),
            Some(other) => Err(format!("`{key}` is {}, not a list", short(other))),
        };
        let (expected, found) = match (of(expected), of(found)) {
            (Ok(expected), Ok(found)) => (expected, found),
            (_, Err(message)) | (Err(message), _) => {
                differences.push(message);
                continue;
            }
        };
        let counted = |values: &[Value]| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for value in values {
                *counts.entry(value.to_string()).or_default() += 1;
            }
            counts
        };
        let (expected, found) = (counted(&expected), counted(&found));
        let values: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        for value in values {
            let times = |counts: &BTreeMap<String, usize>| counts.get(value).copied().unwrap_or(0);
            let (expected, found) = (times(&expected), times(&found));
            let message = match (expected, found) {
                (expected, found) if expected == found => continue,
                (_, 0) => format!("`{key}` has no {value}"),
                (0, _) => format!("`{key}` has {value}, which is not in the text"),
                _ => format!("`{key}` has {value} {found} times"),
            };
            differences.push(message.chars().take(4 * QUOTED_CHARS).collect());
        }
    }
    differences
}
