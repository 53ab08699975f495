//! `modelpack inspect`.

use crate::cli::{Global, Inspect};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Inspect) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let report = if args.remote {
        toolkit
            .inspect_remote(&args.reference, &progress::control(global))
            .await?
    } else {
        toolkit.inspect(&args.reference).await?
    };
    if args.config {
        // The bytes that the digest names: nothing is left out or put in another order.
        printer.raw(&String::from_utf8_lossy(report.config.bytes()))?;
        printer.raw("\n")?;
    } else {
        printer.raw(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    }
    Ok(DONE)
}
