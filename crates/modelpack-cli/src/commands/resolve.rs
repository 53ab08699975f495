//! `modelpack resolve`.

use modelpack::{Fetch, ResolveOptions};

use crate::cli::{Global, Resolve};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Resolve) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let mut options = ResolveOptions::default();
    options.directory = args.output;
    options.fetch = match (args.no_pull, args.always_pull) {
        (true, _) => Fetch::Never,
        (_, true) => Fetch::Always,
        _ => Fetch::Missing,
    };
    let report = toolkit
        .resolve(&args.reference, &options, &progress::control(global))
        .await?;
    printer.result(&report, |report| report.directory.display().to_string())?;
    Ok(DONE)
}
