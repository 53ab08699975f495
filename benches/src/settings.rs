//! How large, how often and which rows: the environment and the command line of a benchmark.

use std::env;

use crate::{Outcome, Row};

/// What is run when nothing is said, in MiB: large enough that a second process or a sync weighs little.
const MIB: u64 = 4096;
/// The least of which there is a lowest, a middle and a highest.
const RUNS: u64 = 3;
/// About as many as the manifest of an artifact can list.
const FILES: u64 = 10_000;

/// How a benchmark is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Bytes of the model, `MODELPACK_BENCH_MIB`.
    pub bytes: u64,
    /// Rounds, `MODELPACK_BENCH_RUNS`; at least 1.
    pub runs: usize,
    /// Small files of a model that has many, `MODELPACK_BENCH_FILES`.
    pub files: usize,
    /// A row is run when its name has one of these words; every row when there are none.
    pub words: Vec<String>,
}

impl Settings {
    /// Settings that choose every row.
    #[must_use]
    pub fn new(bytes: u64, runs: usize) -> Self {
        Self {
            bytes,
            runs: runs.max(1),
            files: FILES as usize,
            words: Vec::new(),
        }
    }

    /// The same settings, for rows with one of these words.
    #[must_use]
    pub fn with_words(mut self, words: impl IntoIterator<Item = String>) -> Self {
        self.words = words.into_iter().collect();
        self
    }

    /// Those of the environment and the command line. Flags, such as the `--bench` that cargo adds, are passed over.
    ///
    /// # Errors
    /// For a variable that is no number above 0.
    pub fn read() -> Outcome<Self> {
        Self::read_or(MIB)
    }

    /// As [`Self::read`], with another size when none is said.
    ///
    /// # Errors
    /// For a variable that is no number above 0.
    pub fn read_or(mib: u64) -> Outcome<Self> {
        let mib = number("MODELPACK_BENCH_MIB", mib)?;
        let runs = usize::try_from(number("MODELPACK_BENCH_RUNS", RUNS)?)?;
        let words = env::args().skip(1).filter(|word| !word.starts_with('-'));
        let mut settings = Self::new(mib * 1024 * 1024, runs).with_words(words);
        settings.files = usize::try_from(number("MODELPACK_BENCH_FILES", FILES)?)?;
        Ok(settings)
    }

    /// Those rows that are to be run; nothing when there are none.
    #[must_use]
    pub fn choose<'a>(&self, rows: &'a [Row]) -> Option<Vec<&'a Row>> {
        let is_wanted = |row: &&Row| {
            self.words.is_empty()
                || self
                    .words
                    .iter()
                    .any(|word| row.name().contains(word.as_str()))
        };
        let chosen: Vec<&Row> = rows.iter().filter(is_wanted).collect();
        (!chosen.is_empty()).then_some(chosen)
    }
}

fn number(variable: &str, default: u64) -> Outcome<u64> {
    let Some(text) = env::var_os(variable) else {
        return Ok(default);
    };
    let number = text.to_str().and_then(|text| text.parse().ok());
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{variable} is {text:?}, expected a whole number above 0").into())
}

#[cfg(test)]
mod tests;
