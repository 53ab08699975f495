//! `modelpack prune`.

use std::time::{Duration, SystemTime};

use crate::cli::{Global, Prune};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{settings, units};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Prune) -> anyhow::Result<Exit> {
    let age = args
        .partials_older_than
        .map(|hours| Duration::from_secs(hours.saturating_mul(3600)));
    let age = age.map(|age| (age, SystemTime::now()));
    let report = settings::local(global)?.prune(args.dry_run, age).await?;
    printer.result(&report, |report| {
        let (verb, sum) = if report.dry_run {
            ("would remove", "would free")
        } else {
            ("removed", "freed")
        };
        let mut lines: Vec<String> = report
            .items
            .iter()
            .map(|item| {
                format!(
                    "{verb} {} {} ({}): {}",
                    item.kind,
                    item.name,
                    units::bytes(item.size),
                    item.reason
                )
            })
            .collect();
        lines.push(format!("{sum} {}", units::bytes(report.freed)));
        lines.join("\n")
    })?;
    Ok(DONE)
}
