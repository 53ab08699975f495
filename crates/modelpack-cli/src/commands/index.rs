//! `modelpack index`.

use crate::cli::{CreateIndex, Global, Index};
use crate::exit::{DONE, Exit};
use crate::printer::{Printer, table};
use crate::{settings, units};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Index) -> anyhow::Result<Exit> {
    let Index::Create(CreateIndex { reference, variant }) = args;
    let report = settings::local(global)?
        .create_index(&reference, &variant)
        .await?;
    printer.result(&report, |report| {
        let mut rows = vec![
            ["VARIANT", "QUANTIZATION", "PARAMETERS", "SIZE", "DIGEST"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(report.variants.iter().map(|variant| {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            vec![
                text(&variant.name),
                text(&variant.quantization),
                text(&variant.parameters),
                variant.size.map_or_else(|| "-".to_owned(), units::bytes),
                variant.digest.to_string(),
            ]
        }));
        table(&rows)
    })?;
    Ok(DONE)
}
