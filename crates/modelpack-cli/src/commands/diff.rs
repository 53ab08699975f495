//! `modelpack diff`.

use clap::Args;
use modelpack::{Place, Reference, compare};

use super::inspect::{differences, inspect};
use crate::exit::{DIFFERENT, DONE, Exit};
use crate::flags::{Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The first artifact
    pub(crate) left: Reference,
    /// The second one
    pub(crate) right: Reference,
    /// Ask the registries instead of the local store
    #[arg(long)]
    pub(crate) remote: bool,
    /// Compare tensors too: their names, types and shapes
    #[arg(long)]
    pub(crate) tensors: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Diff) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    let place = if args.remote {
        Place::Registry
    } else {
        Place::Local
    };
    let left = inspect(&toolkit, &args.left, place, &control).await?;
    let right = inspect(&toolkit, &args.right, place, &control).await?;
    let tensors = if args.tensors {
        let left = toolkit.tensors(&args.left, place, &control).await?;
        Some((left, toolkit.tensors(&args.right, place, &control).await?))
    } else {
        None
    };
    let compared = compare(
        (&args.left, &left),
        (&args.right, &right),
        tensors.as_ref().map(|(left, right)| (left, right)),
    );
    if printer.json || !printer.quiet {
        printer.result(&compared, differences)?;
    }
    Ok(if compared.is_same { DONE } else { DIFFERENT })
}
