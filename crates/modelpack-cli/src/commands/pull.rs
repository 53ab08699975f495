//! `modelpack pull`.

use std::path::PathBuf;

use clap::Args;
use modelpack::spec::variant::Choice;
use modelpack::{ExtractOptions, Place, PullOptions, Reference, Sharing, fitting_size};

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network, Patience};
use crate::modctl::Dragonfly;
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// The artifact
    pub(crate) reference: Reference,
    /// Also put its files into this directory: read-only links into the store, no second copy on disk
    #[arg(long, value_name = "DIR")]
    pub(crate) extract_dir: Option<PathBuf>,
    /// Of several variants, the one with this name or quantisation
    #[arg(long, value_name = "NAME", conflicts_with_all = ["max_size", "fit"])]
    pub(crate) variant: Option<String>,
    /// Of several variants, the largest one of at most this size, such as 8GiB
    #[arg(long, value_name = "SIZE", value_parser = crate::units::parse_bytes, conflicts_with = "fit")]
    pub(crate) max_size: Option<u64>,
    /// Of several variants, the largest one that fits into the free memory of this machine
    #[arg(long)]
    pub(crate) fit: bool,
    /// Put the files into the directory only, as files of their own, and leave the store alone
    #[arg(long, requires = "extract_dir")]
    pub(crate) extract_from_remote: bool,
    #[command(flatten)]
    pub(crate) dragonfly: Dragonfly,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Pull) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    let mut options = PullOptions::default();
    options.deadline = args.patience.timeout;
    let choice = choice(&args)?;
    if args.extract_from_remote
        && let Some(directory) = &args.extract_dir
    {
        let chosen = toolkit.choose_variant(&args.reference, &choice, Place::Registry, &control);
        let reference = chosen.await?;
        let report = toolkit
            .pull_into(&reference, directory, &options, &control)
            .await?;
        if printer.json {
            printer.result(&report, |_| String::new())?;
        }
        printer.done(&format!(
            "Successfully pulled model artifact: {}",
            report.reference
        ))?;
        return Ok(DONE);
    }
    let report = toolkit
        .pull_variant(&args.reference, &choice, &options, &control)
        .await?;
    if let Some(directory) = &args.extract_dir {
        let pinned = args.reference.with_digest(report.digest);
        let mut options = ExtractOptions::default();
        options.sharing = Sharing::Bytes;
        toolkit
            .extract(&pinned, directory, &options, &control)
            .await?;
    }
    let variant = report.variant.as_ref().map_or_else(String::new, |variant| {
        let name = variant.name.clone();
        let name = name.unwrap_or_else(|| variant.digest.to_string());
        format!(" (variant {name})")
    });
    let sentence = format!(
        "Successfully pulled model artifact: {}{variant}",
        report.reference
    );
    printer.report(&report, report.digest, &sentence)?;
    Ok(DONE)
}

/// Which variant is wanted; without a word, the only one.
fn choice(args: &Pull) -> anyhow::Result<Choice> {
    if let Some(name) = &args.variant {
        return Ok(Choice::Named(name.clone()));
    }
    if let Some(size) = args.max_size {
        return Ok(Choice::MaxSize(size));
    }
    if args.fit {
        return Ok(Choice::MaxSize(fitting_size(settings::free_memory()?)));
    }
    Ok(Choice::Only)
}
