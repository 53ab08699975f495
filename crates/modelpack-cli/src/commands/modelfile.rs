//! `modelpack modelfile generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use modelpack::GenerateOptions;
use modelpack::modelfile::Metadata;

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::Printer;
use crate::{printer, settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Modelfile {
    /// Write a Modelfile for a directory
    Generate(Generate),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// The directory that holds the model
    pub(crate) path: PathBuf,
    /// Name of the model [default: the name of the directory]
    #[arg(short, long)]
    pub(crate) name: Option<String>,
    /// Architecture
    #[arg(long)]
    pub(crate) arch: Option<String>,
    /// Family
    #[arg(long)]
    pub(crate) family: Option<String>,
    /// Format
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// Number of parameters
    #[arg(long)]
    pub(crate) param_size: Option<String>,
    /// Precision
    #[arg(long)]
    pub(crate) precision: Option<String>,
    /// Quantisation
    #[arg(long)]
    pub(crate) quantization: Option<String>,
    /// The directory that gets the Modelfile
    #[arg(short = 'O', long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Replace a Modelfile that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Also write what the README says of licence, languages, data sets and base model; only `modelpack` reads
    /// such a Modelfile. Without, `build` finds the same in the README
    #[arg(long)]
    pub(crate) extended: bool,
    /// Take files that would be left out (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Leave files out (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    #[command(flatten)]
    pub(crate) model_url: crate::modctl::ModelUrl,
}

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
    options.extended = args.extended;
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
