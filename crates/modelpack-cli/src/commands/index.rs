//! `modelpack index`.

use clap::{Args, Subcommand};
use modelpack::{Reference, VariantEntry};

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::{Printer, table};
use crate::{settings, units};

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// Put artifacts of the local store behind one name
    Create(CreateIndex),
}

#[derive(Debug, Args)]
pub(crate) struct CreateIndex {
    /// Name of the index, with a tag
    pub(crate) reference: Reference,
    /// A variant: its name and the artifact (repeatable; the first is the default)
    #[arg(long, value_name = "NAME=REF", required = true, value_parser = parse_variant)]
    pub(crate) variant: Vec<(String, Reference)>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Index) -> anyhow::Result<Exit> {
    let Index::Create(CreateIndex { reference, variant }) = args;
    let report = settings::local(global)?
        .create_index(&reference, &variant)
        .await?;
    printer.result(&report, |report| variant_table(&report.variants))?;
    Ok(DONE)
}

/// The variants of an index, with whether they are here as far as that is known.
pub(super) fn variant_table(variants: &[VariantEntry]) -> String {
    let is_known = variants.iter().any(|variant| variant.is_here.is_some());
    let head = ["VARIANT", "QUANTIZATION", "PARAMETERS", "SIZE", "DIGEST"];
    let here = is_known.then_some("HERE");
    let head = head.into_iter().chain(here).map(str::to_owned);
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    rows.extend(variants.iter().map(|variant| {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let mut row = vec![
            text(&variant.name),
            text(&variant.quantization),
            text(&variant.parameters),
            variant.size.map_or_else(|| "-".to_owned(), units::bytes),
            variant.digest.to_string(),
        ];
        row.extend(variant.is_here.map(|is_here| {
            let word = if is_here { "yes" } else { "no" };
            word.to_owned()
        }));
        row
    }));
    table(&rows)
}

fn parse_variant(text: &str) -> Result<(String, Reference), String> {
    let (name, reference) = text
        .split_once('=')
        .ok_or("write NAME=REF, such as Q4_K_M=ghcr.io/me/model:q4")?;
    let reference: Reference = reference.parse().map_err(|error| format!("{error}"))?;
    Ok((name.to_owned(), reference))
}
