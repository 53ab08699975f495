//! `modelpack convert`.

use modelpack::ConvertOptions;
use modelpack::spec::convert::Target;

use crate::cli::{Convert, Dialect, Global};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Convert) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let mut options = ConvertOptions::new(match args.to {
        Dialect::ModelPack => Target::ModelPack,
        Dialect::Docker => Target::Docker,
    });
    options.target = args.target;
    options.legacy_types = args.legacy_types;
    let control = progress::control(global);
    let report = if args.remote {
        toolkit
            .convert_remote(&args.reference, &options, &control)
            .await?
    } else {
        toolkit.convert(&args.reference, &options, &control).await?
    };
    if printer.json {
        printer.result(&report, |_| String::new())?;
    } else if printer.quiet {
        printer.raw(&format!("{}\n", report.reference))?;
    }
    let did = if report.unchanged {
        format!("{} is {} already", report.source, report.from)
    } else {
        format!("Converted {} from {}", report.source, report.from)
    };
    printer.done(&format!(
        "{did}: {} ({} layers, none of them touched)",
        report.reference, report.layers
    ))?;
    Ok(DONE)
}
