//! `modelpack version`.

use serde::Serialize;

use crate::exit::{DONE, Exit};
use crate::printer::Printer;

#[derive(Serialize)]
struct Version {
    version: &'static str,
    platform: &'static str,
}

pub(crate) fn run(printer: &Printer) -> anyhow::Result<Exit> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        platform: std::env::consts::OS,
    };
    printer.result(&version, |version| {
        printer.persona.version(version.version, version.platform)
    })?;
    Ok(DONE)
}
