//! `modelpack du`.

use clap::Args;
use modelpack::{NamePattern, UsageReport};

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::modctl::Persona;
use crate::printer::{Printer, table};
use crate::settings;

#[derive(Debug, Args)]
pub(crate) struct Du {
    /// Only names that match, such as `qwen*` or `*:0.6b`
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: Option<String>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Du) -> anyhow::Result<Exit> {
    let pattern = args.pattern.as_deref().map(NamePattern::new);
    let report = settings::local(global)?.usage(pattern).await?;
    printer.result(&report, |report| rows(report, printer.persona))?;
    Ok(DONE)
}

fn rows(report: &UsageReport, persona: Persona) -> String {
    let size = |bytes| persona.size(bytes);
    let mut rows = vec![
        ["NAME", "SIZE", "OWN", "SHARED"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(report.entries.iter().map(|entry| {
        vec![
            entry.reference.to_string(),
            size(entry.size),
            size(entry.own),
            size(entry.shared),
        ]
    }));
    let sums = [
        ("together, shared bytes once", report.total),
        ("needed by no name", report.unnamed),
        ("unfinished downloads", report.partial),
    ];
    let sums = sums.into_iter().enumerate();
    rows.extend(
        sums.filter(|(at, (_, bytes))| *at == 0 || *bytes > 0)
            .map(|(_, (what, bytes))| vec![what.to_owned(), size(bytes)]),
    );
    table(&rows)
}
