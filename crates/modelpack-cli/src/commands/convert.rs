//! `modelpack convert`.

use clap::Args;
use modelpack::spec::convert::Target;
use modelpack::{ConvertOptions, Reference};

use crate::exit::{DONE, Exit};
use crate::flags::{Dialect, Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The artifact
    pub(crate) reference: Reference,
    /// The dialect
    #[arg(long, value_enum, value_name = "DIALECT")]
    pub(crate) to: Dialect,
    /// Name of the result [default: the tag with `-docker` or `-modelpack` at its end]
    #[arg(short, long, value_name = "REF")]
    pub(crate) target: Option<Reference>,
    /// Convert in the registry, without the local store
    #[arg(long)]
    pub(crate) remote: bool,
    /// Write media types as ModelPack called them up to v0.0.6
    #[arg(long)]
    pub(crate) legacy_types: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Convert) -> anyhow::Result<Exit> {
    args.to.check_legacy(args.legacy_types)?;
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
    let did = if report.unchanged {
        format!("{} is {} already", report.source, report.from)
    } else {
        format!("Converted {} from {}", report.source, report.from)
    };
    let sentence = format!(
        "{did}: {} ({} layers, none of them touched)",
        report.reference, report.layers
    );
    printer.report(&report, &report.reference, &sentence)?;
    Ok(DONE)
}
