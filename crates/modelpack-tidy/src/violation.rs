//! One place that breaks one rule.

use std::fmt;

/// Where a rule is broken and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Violation {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, as the beginning of a sentence.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

impl Violation {
    /// A violation at a line of a file.
    pub fn new(
        path: &str,
        line: usize,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            problem: problem.into(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}; {}",
            self.path, self.line, self.problem, self.advice
        )
    }
}
