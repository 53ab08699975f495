//! `modelpack prune`.

use std::time::{Duration, SystemTime};

use clap::Args;

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::Printer;
use crate::{settings, units};

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove artifacts that have no name any more, with their blobs; `--remove-untagged=false` keeps them
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) remove_untagged: bool,
    /// Also remove downloads that nobody has continued for so many hours
    #[arg(long, value_name = "HOURS")]
    pub(crate) partials_older_than: Option<u64>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Prune) -> anyhow::Result<Exit> {
    let age = args
        .partials_older_than
        .map(|hours| Duration::from_secs(hours.saturating_mul(3600)));
    let age = age.map(|age| (age, SystemTime::now()));
    let toolkit = settings::local(global)?;
    let report = match args.remove_untagged {
        true => toolkit.prune(args.dry_run, age).await?,
        false => toolkit.prune_keeping_untagged(args.dry_run, age).await?,
    };
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
