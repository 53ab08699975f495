//! `modelpack extract`.

use std::path::PathBuf;

use clap::Args;
use modelpack::{ExtractOptions, Reference};

use crate::exit::{DONE, Exit, UsageError};
use crate::flags::{Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Extract {
    /// The artifact
    pub(crate) reference: Reference,
    /// The directory
    #[arg(required_unless_present = "output")]
    pub(crate) directory: Option<PathBuf>,
    /// The directory, as a flag
    #[arg(long, value_name = "DIR", conflicts_with = "directory")]
    pub(crate) output: Option<PathBuf>,
    /// Files at the same time [default: 5]
    #[arg(long, value_name = "N", env = "MODELPACK_CONCURRENCY")]
    pub(crate) concurrency: Option<usize>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Extract) -> anyhow::Result<Exit> {
    let network = Network {
        concurrency: args.concurrency,
        ..Network::default()
    };
    let toolkit = settings::toolkit(global, &network)?;
    let directory = args
        .directory
        .or(args.output)
        .ok_or_else(|| UsageError("say where the files should go".to_owned()))?;
    let control = progress::control(global);
    let report = toolkit
        .extract(
            &args.reference,
            &directory,
            &ExtractOptions::default(),
            &control,
        )
        .await?;
    if printer.json {
        printer.result(&report, |_| String::new())?;
    }
    printer.done(&format!(
        "Successfully extracted model artifact {} to {}",
        report.reference,
        directory.display()
    ))?;
    Ok(DONE)
}
