//! `modelpack modelfile generate`.

use modelpack::GenerateOptions;
use modelpack::modelfile::Metadata;

use crate::cli::{Generate, Global, Modelfile};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{printer, settings};

pub(crate) async fn run(
    global: &Global,
    printer: &Printer,
    args: Modelfile,
) -> anyhow::Result<Exit> {
    let Modelfile::Generate(args) = args;
    let Generate {
        path,
        name,
        output,
        overwrite,
        include,
        exclude,
        ..
    } = &args;
    let mut options = GenerateOptions::default();
    options.name = name.clone();
    options.metadata = metadata(&args);
    options.output = Some(output.clone());
    options.overwrite = *overwrite;
    options.include = include.clone();
    options.exclude = exclude.clone();
    let report = settings::local(global)?.generate(path, &options).await?;
    printer::warn(&report.warnings);
    printer.result(&report, |report| report.text.clone())?;
    Ok(DONE)
}

fn metadata(args: &Generate) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.arch = args.arch.clone();
    metadata.family = args.family.clone();
    metadata.format = args.format.clone();
    metadata.param_size = args.param_size.clone();
    metadata.precision = args.precision.clone();
    metadata.quantization = args.quantization.clone();
    metadata
}
