//! `modelpack verify`.

use crate::exit::{DONE, Exit, INTEGRITY};
use crate::flags::Global;
use crate::printer::Printer;
use crate::{progress, settings, units};

pub(crate) async fn run(global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let report = settings::local(global)?
        .verify(&progress::control(global))
        .await?;
    printer.result(&report, |report| {
        let mut lines = report.damage.clone();
        let verdict = if lines.is_empty() {
            "no damage"
        } else {
            "DAMAGED"
        };
        lines.push(format!(
            "{} blobs, {}: {verdict}",
            report.blobs,
            units::bytes(report.bytes)
        ));
        lines.join("\n")
    })?;
    Ok(if report.damage.is_empty() {
        DONE
    } else {
        INTEGRITY
    })
}
