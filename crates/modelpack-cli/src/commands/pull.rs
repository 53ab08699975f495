//! `modelpack pull`.

use modelpack::{ExtractOptions, PullOptions};

use crate::cli::{Global, Pull};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Pull) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    let report = toolkit
        .pull(&args.reference, &PullOptions::default(), &control)
        .await?;
    if let Some(directory) = &args.extract_dir {
        let pinned = args.reference.with_digest(report.digest);
        toolkit
            .extract(&pinned, directory, &ExtractOptions::default(), &control)
            .await?;
    }
    if printer.json {
        printer.result(&report, |_| String::new())?;
    } else if printer.quiet {
        printer.raw(&format!("{}\n", report.digest))?;
    }
    printer.done(&format!(
        "Successfully pulled model artifact: {}",
        report.reference
    ))?;
    Ok(DONE)
}
