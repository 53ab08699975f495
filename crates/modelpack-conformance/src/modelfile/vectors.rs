//! The vectors of the suite `modelfile`, as they stand in `spec-fixtures/modelfile`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Position;

/// A copy of the vectors, so that the command has them wherever it is installed. A test keeps it.
const VECTORS: &str = include_str!("vectors.json");

/// A text and what a parser makes of it.
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) rule: String,
    pub(super) text: String,
    pub(super) expected: Expected,
}

pub(super) enum Expected {
    Tree(Map<String, Value>),
    /// The first mistake.
    Error(Position),
}

#[derive(Deserialize)]
struct Written {
    name: String,
    rule: String,
    text: String,
    expect: Map<String, Value>,
}

impl Vector {
    pub(super) fn all() -> Vec<Self> {
        let written: Vec<Written> =
            serde_json::from_str(VECTORS).expect("a test has read the vectors");
        written.into_iter().map(Self::from).collect()
    }
}

impl From<Written> for Vector {
    fn from(written: Written) -> Self {
        let first = written.expect.get("errors").map(|errors| &errors[0]);
        let expected = match first {
            Some(error) => Expected::Error(Position {
                line: error["line"].as_u64().unwrap_or_default(),
                column: error["column"].as_u64(),
            }),
            None => Expected::Tree(written.expect),
        };
        Self {
            name: written.name,
            rule: written.rule,
            text: written.text,
            expected,
        }
    }
}
