//! `modelpack push`.

use modelpack::PushOptions;

use crate::cli::{Global, Push};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Push) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let report = toolkit
        .push(
            &args.reference,
            &PushOptions::default(),
            &progress::control(global),
        )
        .await?;
    if printer.json {
        printer.result(&report, |_| String::new())?;
    } else if printer.quiet {
        printer.raw(&format!("{}\n", report.digest))?;
    }
    printer.done(&format!(
        "Successfully pushed model artifact: {}",
        report.reference
    ))?;
    Ok(DONE)
}
