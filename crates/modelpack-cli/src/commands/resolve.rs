//! `modelpack resolve`.

use std::path::PathBuf;

use clap::Args;
use modelpack::{Fetch, Reference, ResolveOptions};

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network, Patience};
use crate::printer::Printer;
use crate::{printer, progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The artifact
    pub(crate) reference: Reference,
    /// Where the directory is made [default: inside the store]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Never ask the registry
    #[arg(long, conflicts_with = "always_pull")]
    pub(crate) no_pull: bool,
    /// Ask the registry where the tag points now, even when it is here
    #[arg(long)]
    pub(crate) always_pull: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Resolve) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let mut options = ResolveOptions::default();
    options.directory = args.output;
    options.deadline = args.patience.timeout;
    options.fetch = match (args.no_pull, args.always_pull) {
        (true, _) => Fetch::Never,
        (_, true) => Fetch::Always,
        _ => Fetch::Missing,
    };
    let report = toolkit
        .resolve(&args.reference, &options, &progress::control(global))
        .await?;
    printer::warn(&report.warnings);
    printer.result(&report, |report| report.directory.display().to_string())?;
    Ok(DONE)
}
