//! `modelpack pull`.

use modelpack::{ExtractOptions, PullOptions, Sharing};

use crate::cli::{Global, Pull};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Pull) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    if args.extract_from_remote
        && let Some(directory) = &args.extract_dir
    {
        let options = PullOptions::default();
        let report = toolkit
            .pull_into(&args.reference, directory, &options, &control)
            .await?;
        if printer.json {
            printer.result(&report, |_| String::new())?;
        }
        printer.done(&format!(
            "Successfully pulled model artifact: {}",
            report.reference
        ))?;
        return Ok(DONE);
    }
    let report = toolkit
        .pull(&args.reference, &PullOptions::default(), &control)
        .await?;
    if let Some(directory) = &args.extract_dir {
        let pinned = args.reference.with_digest(report.digest);
        let mut options = ExtractOptions::default();
        options.sharing = Sharing::Bytes;
        toolkit
            .extract(&pinned, directory, &options, &control)
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
