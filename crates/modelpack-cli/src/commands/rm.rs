//! `modelpack rm`.

use crate::cli::{Global, Rm};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::settings;

pub(crate) async fn run(global: &Global, printer: &Printer, args: Rm) -> anyhow::Result<Exit> {
    let report = settings::local(global)?.remove(&args.reference).await?;
    printer.result(&report, |report| {
        report
            .removed
            .iter()
            .map(|name| format!("Deleted: {name}"))
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    Ok(DONE)
}
