//! `modelpack inspect`.

use std::collections::BTreeMap;

use clap::Args;
use modelpack::{
    CompareReport, Control, InspectReport, Place, Reference, TensorReport, Toolkit, compare,
};

use super::index::variant_table;
use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network};
use crate::printer::{Printer, note, table};
use crate::{printer, progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The artifact
    pub(crate) reference: Reference,
    /// Ask the registry instead of the local store
    #[arg(long)]
    pub(crate) remote: bool,
    /// Print the config as it was received
    #[arg(long, conflicts_with_all = ["files", "tensors", "other"])]
    pub(crate) config: bool,
    /// List the files as a tree
    #[arg(long)]
    pub(crate) files: bool,
    /// List the tensors; of a remote artifact only the headers of its weights are fetched
    #[arg(long)]
    pub(crate) tensors: bool,
    /// Another artifact: say what differs
    #[arg(value_name = "OTHER", conflicts_with = "files")]
    pub(crate) other: Option<Reference>,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Inspect) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let control = progress::control(global);
    let place = if args.remote {
        Place::Registry
    } else {
        Place::Local
    };
    let is_plain = !(args.config || args.files || args.tensors || args.other.is_some());
    if is_plain
        && let Some(index) = toolkit
            .inspect_index(&args.reference, place, &control)
            .await?
    {
        printer.result(&index, |index| variant_table(&index.variants))?;
        return Ok(DONE);
    }
    let report = inspect(&toolkit, &args.reference, place, &control).await?;
    if !printer.quiet {
        printer::warn(&report.warnings);
    }
    if let Some(other) = &args.other {
        let other_report = inspect(&toolkit, other, place, &control).await?;
        let tensors = if args.tensors {
            let one = toolkit.tensors(&args.reference, place, &control).await?;
            let two = toolkit.tensors(other, place, &control).await?;
            Some((one, two))
        } else {
            None
        };
        let compared = compare(
            (&args.reference, &report),
            (other, &other_report),
            tensors.as_ref().map(|(one, two)| (one, two)),
        );
        printer.result(&compared, differences)?;
        return Ok(DONE);
    }
    if args.tensors {
        let tensors = toolkit.tensors(&args.reference, place, &control).await?;
        if !tensors.is_verified && !printer.quiet {
            note("read by pieces, which cannot be verified before the whole layer is here");
        }
        printer.result(&tensors, tensor_table)?;
    } else if args.files {
        printer.result(&report.files, |_| tree(&report))?;
    } else if args.config {
        // The bytes that the digest names: nothing is left out or put in another order.
        printer.raw(&String::from_utf8_lossy(report.config.bytes()))?;
        printer.raw("\n")?;
    } else {
        printer.raw(&format!("{}\n", printer.persona.json(&report)?))?;
    }
    Ok(DONE)
}

pub(super) async fn inspect(
    toolkit: &Toolkit,
    reference: &Reference,
    place: Place,
    control: &Control,
) -> anyhow::Result<InspectReport> {
    Ok(match place {
        Place::Registry => toolkit.inspect_remote(reference, control).await?,
        _ => toolkit.inspect(reference).await?,
    })
}

/// The files below their directories, with role and size.
fn tree(report: &InspectReport) -> String {
    let files: BTreeMap<&str, (&str, u64)> = report
        .files
        .iter()
        .map(|file| (file.path.as_str(), (file.role, file.size)))
        .collect();
    let mut rows = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for (path, (role, size)) in files {
        let mut parts: Vec<&str> = path.split('/').collect();
        let name = parts.pop().unwrap_or(path);
        let common = open
            .iter()
            .zip(&parts)
            .take_while(|(one, other)| one == other)
            .count();
        for (depth, part) in parts.iter().enumerate().skip(common) {
            rows.push(vec![format!("{}{part}/", "  ".repeat(depth))]);
        }
        let depth = parts.len();
        open = parts;
        rows.push(vec![
            format!("{}{name}", "  ".repeat(depth)),
            role.to_owned(),
            size.to_string(),
        ]);
    }
    table(&rows)
}

fn tensor_table(report: &TensorReport) -> String {
    let mut text = String::new();
    for file in &report.files {
        let facts = [
            file.format.as_deref(),
            file.architecture.as_deref(),
            file.quantization.as_deref(),
            file.problem.as_deref(),
        ];
        let facts: Vec<&str> = facts.into_iter().flatten().collect();
        text.push_str(&format!("{} ({})\n", file.path, facts.join(", ")));
        let rows: Vec<Vec<String>> = file
            .tensors
            .iter()
            .map(|tensor| {
                vec![
                    format!("  {}", tensor.name),
                    tensor.dtype.clone(),
                    format!("{:?}", tensor.shape),
                    tensor.offset.to_string(),
                    tensor
                        .size
                        .map_or_else(|| "-".to_owned(), |size| size.to_string()),
                ]
            })
            .collect();
        text.push_str(&table(&rows));
    }
    text.push_str(&format!("{} parameters\n", report.parameters));
    text
}

pub(super) fn differences(report: &CompareReport) -> String {
    if report.is_same {
        return format!("{} and {} are the same artifact", report.left, report.right);
    }
    let mut rows = Vec::new();
    for (what, differences) in [
        ("metadata", &report.metadata),
        ("file", &report.files),
        ("tensor", &report.tensors),
    ] {
        for difference in differences {
            let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            rows.push(vec![
                what.to_owned(),
                difference.name.clone(),
                side(&difference.left),
                side(&difference.right),
            ]);
        }
    }
    let mut text = table(&rows);
    if rows.is_empty() {
        text.push_str("only the documents differ: their order, or what is not compared\n");
    }
    text.push_str(&format!("{} files are the same", report.same_files));
    if report.same_tensors > 0 || !report.tensors.is_empty() {
        text.push_str(&format!(
            ", {} tensors have the same type and shape",
            report.same_tensors
        ));
    }
    text
}
