//! What a benchmark prints.

use std::thread;

use crate::scenario::{Compared, Results};
use crate::statistics::Spread;
use crate::table::{head, row};
use crate::{Measured, Row, Settings};

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// What was measured so far.
#[derive(Debug, Default)]
pub struct Report {
    sides: Vec<(&'static str, Vec<Measured>)>,
    /// Highest memory of a compared side, in bytes.
    peak: Option<u64>,
}

impl Report {
    /// What stands above the rows.
    #[must_use]
    pub fn head(settings: &Settings) -> String {
        let cores = thread::available_parallelism().map_or(0, usize::from);
        let (mib, runs) = (settings.bytes >> 20, settings.runs);
        let (os, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        let titles = [
            "what",
            "against",
            "ratio, median",
            "lowest",
            "highest",
            "target",
            "CPU s/GiB",
            "peak MiB",
        ];
        format!(
            "{mib} MiB, {runs} runs, {cores} cores, {os} {processor}\n\n{}",
            head(&titles)
        )
    }

    /// Takes what came of a scenario, and gives its rows.
    pub fn take(&mut self, results: Results) -> String {
        self.sides.extend(results.sides);
        let mut lines = String::new();
        for compared in &results.rows {
            self.peak = self.peak.max(peak(&compared.side));
            lines.push_str(&line(compared));
        }
        lines
    }

    /// The rows of a scenario that cannot be run here, and why.
    #[must_use]
    pub fn skip(rows: &[&Row], reason: &str) -> String {
        let skipped = rows.iter().map(|row| Compared {
            row: **row,
            ratios: Err(reason.to_owned()),
            side: Vec::new(),
        });
        skipped.map(|compared| line(&compared)).collect()
    }

    /// What stands below the rows: the figures that the ratios were made of.
    #[must_use]
    pub fn foot(&self) -> String {
        let titles = [
            "run",
            "seconds, median",
            "lowest",
            "highest",
            "GiB/s",
            "CPU s/GiB",
            "peak MiB",
        ];
        let mut text = format!("\n{}", head(&titles));
        for (name, measured) in &self.sides {
            let seconds = Spread::of(measured.iter().map(|used| used.wall.as_secs_f64()));
            let rates = measured
                .iter()
                .map(|used| used.bytes as f64 / GIB / used.wall.as_secs_f64());
            let figure = |of: fn(&Spread) -> f64| number(seconds.as_ref().map(of), 3);
            text.push_str(&row([
                (*name).to_owned(),
                figure(|spread| spread.median),
                figure(|spread| spread.lowest),
                figure(|spread| spread.highest),
                number(Spread::of(rates).map(|rates| rates.median), 2),
                processor(measured),
                memory(peak(measured)),
            ]));
        }
        let highest = memory(self.peak);
        text.push_str(&format!(
            "\nhighest resident memory of a compared run: {highest} MiB (target ≤ 64)\n"
        ));
        text
    }
}

fn line(compared: &Compared) -> String {
    let [median, lowest, highest] = match &compared.ratios {
        Ok(ratios) => {
            [ratios.median, ratios.lowest, ratios.highest].map(|ratio| number(Some(ratio), 3))
        }
        Err(reason) => [format!("skipped: {reason}"), "–".to_owned(), "–".to_owned()],
    };
    row([
        compared.row.name().to_owned(),
        compared.row.against().to_owned(),
        median,
        lowest,
        highest,
        compared.row.wanted().to_string(),
        processor(&compared.side),
        memory(peak(&compared.side)),
    ])
}

fn number(figure: Option<f64>, digits: usize) -> String {
    figure.map_or("–".to_owned(), |figure| format!("{figure:.digits$}"))
}

fn processor(measured: &[Measured]) -> String {
    let per_gib = |used: &Measured| {
        let cpu = used.cpu?.as_secs_f64();
        Some(cpu / (used.bytes as f64 / GIB))
    };
    let figures = Spread::of(measured.iter().filter_map(per_gib));
    number(figures.map(|figures| figures.median), 2)
}

fn peak(measured: &[Measured]) -> Option<u64> {
    measured.iter().filter_map(|used| used.peak).max()
}

fn memory(bytes: Option<u64>) -> String {
    number(bytes.map(|bytes| bytes as f64 / MIB), 1)
}
