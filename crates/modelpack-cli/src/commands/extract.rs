//! `modelpack extract`.

use modelpack::ExtractOptions;

use crate::cli::{Extract, Global, Network};
use crate::exit::{DONE, Exit, UsageError};
use crate::printer::Printer;
use crate::{progress, settings};

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
