//! `modelpack push`.

use clap::Args;
use modelpack::{Place, PushOptions, Reference};

use crate::cli::{Global, Network, Patience};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The artifact
    pub(crate) reference: Reference,
    /// Also push it in the other dialect, with the same layers [default name: the tag with `-docker` or
    /// `-modelpack` at its end]
    #[arg(long, value_name = "REF", num_args = 0..=1, require_equals = true)]
    pub(crate) twin: Option<Option<Reference>>,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Push) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    let mut options = PushOptions::default();
    options.deadline = args.patience.timeout;
    let variants = toolkit
        .variants(&args.reference, Place::Local, &control)
        .await?;
    if variants.is_some() {
        let reports = toolkit
            .push_index(&args.reference, &options, &control)
            .await?;
        if printer.json {
            printer.result(&reports, |_| String::new())?;
        }
        printer.done(&format!(
            "Successfully pushed {} variants: {}",
            reports.len(),
            args.reference
        ))?;
        return Ok(DONE);
    }
    let report = toolkit.push(&args.reference, &options, &control).await?;
    if let Some(name) = &args.twin {
        let twin = toolkit
            .twin(&args.reference, name.as_ref(), &control)
            .await?;
        let twin = toolkit.push(&twin.reference, &options, &control).await?;
        if printer.json {
            printer.result(&[report, twin], |_| String::new())?;
            return Ok(DONE);
        }
        printer.done(&format!("Pushed its twin: {}", twin.reference))?;
    }
    if printer.json {
        printer.result(&report, |_| String::new())?;
    } else if printer.quiet {
        printer.raw(&format!("{}\n", report.digest))?;
    }
    printer.done(&format!(
        "Successfully pushed model artifact: {}",
        report.reference
    ))?;
    Ok(DONE)
}
