//! What the benchmarks share: servers and peers to start, processes to measure, figures to print.
//!
//! A benchmark in `benches/` is a list of [`Row`]s, each a ratio of two [`Side`]s. All sides of a [`Scenario`] are run
//! in turn, round after round, so that a slow moment of the machine touches all of them. What is measured is always
//! a process of its own: a peer, or the benchmark itself, run again with a [task](tasks).
//!
//! ```
//! use std::time::Duration;
//!
//! use modelpack_benches::{By, Report, Row, Scenario, Settings, Side, Target};
//!
//! const ROWS: &[Row] = &[Row::new("half", "the whole", By::Wall).named("half of the work").target(Target::AtMost(0.6))];
//!
//! let settings = Settings::new(1 << 20, 3);
//! let sides = vec![
//!     Side::known("half", settings.bytes, Duration::from_secs(1)),
//!     Side::known("the whole", settings.bytes, Duration::from_secs(2)),
//! ];
//! let mut report = Report::default();
//! let lines = report.take(Scenario { rows: ROWS.iter().collect(), sides }.run(&settings)?);
//! assert!(lines.starts_with("| half of the work | the whole | 0.500 |"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod artifacts;
pub mod measure;
pub mod peers;
pub mod report;
pub mod scenario;
pub mod servers;
pub mod settings;
pub mod statistics;
pub mod table;
pub mod tasks;

pub use measure::Measured;
pub use report::Report;
pub use scenario::{By, Row, Scenario, Side, Target};
pub use settings::Settings;

/// What a step of a benchmark gives; an error ends the benchmark.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
