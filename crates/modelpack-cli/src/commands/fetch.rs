//! `modelpack fetch`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use modelpack::modelfile::{Error as PatternError, Glob};
use modelpack::{FetchOptions, FetchedTensor, Place, Reference, TensorFilesReport};

use crate::exit::{DONE, Exit, UsageError};
use crate::flags::{Global, Network};
use crate::modctl::Dragonfly;
use crate::printer::{Printer, note};
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The artifact
    pub(crate) reference: Reference,
    /// Where the files go; with one --tensor, `-` is stdout
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// The files whose path matches, such as `**/*.json` (repeatable, or with commas in between)
    #[arg(long, value_name = "GLOB", value_parser = globs, required_unless_present = "tensor")]
    pub(crate) patterns: Vec<Globs>,
    /// The bytes of a tensor, by its name, and no file of the artifact (repeatable)
    #[arg(long, value_name = "NAME", conflicts_with = "patterns")]
    pub(crate) tensor: Vec<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) dragonfly: Dragonfly,
}

/// The patterns of one argument.
#[derive(Debug, Clone)]
pub(crate) struct Globs(Vec<Glob>);

fn globs(text: &str) -> Result<Globs, PatternError> {
    Glob::parse_list(text).map(Globs)
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Fetch) -> anyhow::Result<Exit> {
    let is_stdout = args.output == Path::new("-");
    if is_stdout {
        check_stdout(printer, &args)?;
    }
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    let (reference, output) = (&args.reference, &args.output);
    if is_stdout {
        let place = Place::Registry;
        let fetched = toolkit
            .fetch_tensors(reference, &args.tensor, place, &control)
            .await?;
        for FetchedTensor {
            bytes, is_verified, ..
        } in fetched
        {
            say(printer, is_verified);
            printer.bytes(&bytes)?;
        }
    } else if !args.tensor.is_empty() {
        let report = toolkit
            .fetch_tensor_files(reference, &args.tensor, output, &control)
            .await?;
        say(printer, report.is_verified);
        if printer.json {
            printer.result(&report, |_| String::new())?;
        }
        printer.done(&lines(&report))?;
    } else {
        let patterns = args.patterns.into_iter().flat_map(|globs| globs.0);
        let options = FetchOptions::new(patterns.collect());
        let report = toolkit.fetch(reference, output, &options, &control).await?;
        if printer.json {
            printer.result(&report, |_| String::new())?;
        }
        printer.done(&format!(
            "Successfully fetched model artifact: {}",
            report.reference
        ))?;
    }
    Ok(DONE)
}

fn check_stdout(printer: &Printer, args: &Fetch) -> Result<(), UsageError> {
    let mistake = match args.tensor.len() {
        0 => "`--output -` is for a single --tensor; name a directory for files",
        1 if printer.json => "`--output -` and --json both want stdout; name a directory",
        1 if std::io::stdout().is_terminal() => {
            "the bytes of a tensor are not for a terminal; name a directory, or pipe them on"
        }
        1 => return Ok(()),
        _ => "several tensors on stdout could not be told apart; name a directory",
    };
    Err(UsageError(mistake.to_owned()))
}

fn say(printer: &Printer, is_verified: bool) {
    if printer.quiet || printer.json {
        return;
    }
    note(if is_verified {
        "verified: the whole layer is in the local store"
    } else {
        "unverified: pieces of a layer cannot be verified before the whole layer is here"
    });
}

fn lines(report: &TensorFilesReport) -> String {
    let lines = report.tensors.iter().map(|tensor| {
        format!(
            "{}  {} {:?}  {}",
            report.directory.join(tensor.path.as_str()).display(),
            tensor.tensor.dtype,
            tensor.tensor.shape,
            if tensor.is_verified {
                "verified"
            } else {
                "unverified"
            }
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
