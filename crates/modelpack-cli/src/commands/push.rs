//! `modelpack push`.

use clap::Args;
use modelpack::{Place, PushOptions, PushPlan, Reference};

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network, Patience};
use crate::printer::{Printer, table};
use crate::units::bytes;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The artifact
    pub(crate) reference: Reference,
    /// Also push it in the other dialect, with the same layers [default name: the tag with `-docker` or
    /// `-modelpack` at its end]
    #[arg(long, value_name = "REF", num_args = 0..=1, require_equals = true)]
    pub(crate) twin: Option<Option<Reference>>,
    /// Say what would be sent, and what the registry has already; send nothing
    #[arg(long, conflicts_with = "twin")]
    pub(crate) dry_run: bool,
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
    if args.dry_run {
        if variants.is_some() {
            let plans = toolkit.plan_push_index(&args.reference, &control).await?;
            printer.result(&plans, |plans| {
                plans.iter().map(plan_table).collect::<Vec<_>>().join("\n")
            })?;
        } else {
            let plan = toolkit.plan_push(&args.reference, &control).await?;
            printer.result(&plan, plan_table)?;
        }
        return Ok(DONE);
    }
    // Whatever is wrong with the twin is said before anything is sent.
    let twin = match &args.twin {
        Some(name) => Some(
            toolkit
                .twin(&args.reference, name.as_ref(), &control)
                .await?,
        ),
        None => None,
    };
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
    if let Some(twin) = twin {
        let twin = toolkit.push(&twin.reference, &options, &control).await?;
        if printer.json {
            printer.result(&[report, twin], |_| String::new())?;
            return Ok(DONE);
        }
        printer.done(&format!("Pushed its twin: {}", twin.reference))?;
    }
    let sentence = format!("Successfully pushed model artifact: {}", report.reference);
    printer.report(&report, report.digest, &sentence)?;
    Ok(DONE)
}

fn plan_table(plan: &PushPlan) -> String {
    let mut rows = vec![
        ["SIZE", "STATE", "DIGEST", "NAME"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for blob in &plan.blobs {
        let state = if blob.in_registry { "there" } else { "to send" };
        rows.push(vec![
            bytes(blob.size),
            state.to_owned(),
            blob.digest.short(),
            blob.name.clone(),
        ]);
    }
    let current = match plan.current {
        Some(digest) if digest == plan.digest => "the name points to this artifact".to_owned(),
        Some(digest) => format!("the name points to {digest} and would move"),
        None => "the name would be new".to_owned(),
    };
    format!(
        "{}{} blobs, {}; {} would be sent; {current}; nothing was sent",
        table(&rows),
        plan.blobs.len(),
        bytes(plan.size),
        bytes(plan.missing),
    )
}
