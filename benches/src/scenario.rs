//! Things that are run in turn, round after round, and what is compared with what.

use std::time::Duration;

use crate::statistics::Spread;
use crate::{Measured, Outcome, Settings};

/// A comparison of two sides, as it stands in the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    name: &'static str,
    side: &'static str,
    against: &'static str,
    by: By,
    target: Target,
}

/// What of two sides is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// Time: below 1 is faster.
    Wall,
    /// Time for each byte that was left to do: below 1 is faster.
    WallPerByte,
    /// Bytes per second: above 1 is faster.
    Rate,
}

/// What the ratio should be.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Something that a number does not say.
    Words(&'static str),
}

impl Row {
    /// A row that compares `side` with `against`.
    #[must_use]
    pub const fn new(side: &'static str, against: &'static str, by: By) -> Self {
        Self {
            name: side,
            side,
            against,
            by,
            target: Target::Words(""),
        }
    }

    /// The same row under this name.
    #[must_use]
    pub const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same row with a target.
    #[must_use]
    pub const fn target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// What it is called in the table.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is compared with.
    #[must_use]
    pub fn against(&self) -> &'static str {
        self.against
    }

    /// What the ratio should be.
    #[must_use]
    pub fn wanted(&self) -> Target {
        self.target
    }

    fn ratio(&self, side: &Measured, against: &Measured) -> f64 {
        let seconds = side.wall.as_secs_f64() / against.wall.as_secs_f64();
        let bytes = side.bytes as f64 / against.bytes as f64;
        match self.by {
            By::Wall => seconds,
            By::WallPerByte => seconds / bytes,
            By::Rate => bytes / seconds,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(ratio) => write!(f, "≤ {ratio}"),
            Self::AtLeast(ratio) => write!(f, "≥ {ratio}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// Something that can be compared.
pub struct Side<'a> {
    name: &'static str,
    work: Work<'a>,
}

type Run<'a> = Box<dyn FnMut(usize) -> Outcome<Measured> + 'a>;

enum Work<'a> {
    Run(Run<'a>),
    Known(Measured),
    Missing(String),
}

impl<'a> Side<'a> {
    /// A side that is run; it gets the number of the round.
    pub fn run(name: &'static str, run: impl FnMut(usize) -> Outcome<Measured> + 'a) -> Self {
        let work = Work::Run(Box::new(run));
        Self { name, work }
    }

    /// A bound that follows from the setting and need not be measured.
    #[must_use]
    pub fn known(name: &'static str, bytes: u64, wall: Duration) -> Self {
        let work = Work::Known(Measured {
            wall,
            cpu: None,
            peak: None,
            bytes,
        });
        Self { name, work }
    }

    /// The same side, but it is not run when there is a reason against it, which its rows then give.
    #[must_use]
    pub fn unless(mut self, reason: Option<String>) -> Self {
        if let Some(reason) = reason {
            self.work = Work::Missing(reason);
        }
        self
    }
}

/// Sides that are run in turn, and the rows that they are for.
pub struct Scenario<'a> {
    /// The rows that were chosen.
    pub rows: Vec<&'a Row>,
    /// The sides in the order in which they are run. Those that no row names are not.
    pub sides: Vec<Side<'a>>,
}

/// What came of a scenario.
#[derive(Debug)]
#[non_exhaustive]
pub struct Results {
    /// In the order of the scenario.
    pub rows: Vec<Compared>,
    /// Those that were run.
    pub sides: Vec<(&'static str, Vec<Measured>)>,
}

/// What came of a row.
#[derive(Debug)]
#[non_exhaustive]
pub struct Compared {
    /// The row.
    pub row: Row,
    /// The ratios of the rounds, or why there are none.
    pub ratios: Result<Spread, String>,
    /// What the compared side has used in each round.
    pub side: Vec<Measured>,
}

impl Scenario<'_> {
    /// Runs all rounds.
    ///
    /// # Errors
    /// The first one of a side, and when a row names a side that is not there.
    pub fn run(mut self, settings: &Settings) -> Outcome<Results> {
        let rows = self.rows;
        self.sides.retain(|side| {
            rows.iter()
                .any(|row| [row.side, row.against].contains(&side.name))
        });
        let mut measured: Vec<Vec<Measured>> = self.sides.iter().map(|_| Vec::new()).collect();
        for round in 0..settings.runs {
            for (side, measured) in self.sides.iter_mut().zip(&mut measured) {
                match &mut side.work {
                    Work::Run(run) => {
                        // What earlier sides have left to write is not this one's to wait for.
                        rustix::fs::sync();
                        let used = run(round);
                        measured.push(used.map_err(|error| format!("{}: {error}", side.name))?);
                    }
                    Work::Known(known) => measured.push(*known),
                    Work::Missing(_) => {}
                }
            }
        }
        let find = |name: &str| {
            let index = self.sides.iter().position(|side| side.name == name);
            index.ok_or_else(|| format!("no side is named `{name}`"))
        };
        let mut compared = Vec::new();
        for row in rows {
            let (side, against) = (find(row.side)?, find(row.against)?);
            let reason =
                [side, against]
                    .into_iter()
                    .find_map(|index| match &self.sides[index].work {
                        Work::Missing(reason) => Some(reason.clone()),
                        _ => None,
                    });
            let rounds = measured[side].iter().zip(&measured[against]);
            let ratios = Spread::of(rounds.map(|(side, against)| row.ratio(side, against)));
            compared.push(Compared {
                row: *row,
                ratios: ratios.ok_or_else(|| reason.unwrap_or_default()),
                side: measured[side].clone(),
            });
        }
        let sides = self.sides.iter().zip(measured);
        Ok(Results {
            rows: compared,
            sides: sides
                .filter(|(side, _)| matches!(side.work, Work::Run(_)))
                .map(|(side, measured)| (side.name, measured))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests;
