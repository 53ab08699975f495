//! `modelpack rm`.

use clap::Args;
use modelpack::Reference;

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::Printer;
use crate::settings;

#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The name; with a digest, every name of that artifact in the repository
    pub(crate) reference: Reference,
}

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
