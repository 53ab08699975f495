//! `modelpack export`.

use std::path::PathBuf;

use clap::Args;
use modelpack::Reference;

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The artifact
    pub(crate) reference: Reference,
    /// Put it into the store of Docker Model Runner [default: $MODELS_PATH or ~/.docker/models]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, required_unless_present = "image")]
    pub(crate) to_dmr: Option<Option<PathBuf>>,
    /// Write it as an image with this name into the local store: files below /models, nothing to run
    #[arg(long, value_name = "REF", conflicts_with = "to_dmr")]
    pub(crate) image: Option<Reference>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Export) -> anyhow::Result<Exit> {
    if let Some(target) = &args.image {
        let toolkit = settings::local(global)?;
        let report = toolkit
            .export_image(&args.reference, target, &progress::control(global))
            .await?;
        let sentence = format!(
            "Wrote {} as an image: {} (skopeo copies it from oci:{}:{})",
            report.source,
            report.reference,
            toolkit.store().root().display(),
            report.reference
        );
        printer.report(&report, report.digest, &sentence)?;
        return Ok(DONE);
    }
    let directory = settings::dmr_directory(args.to_dmr.flatten(), "--to-dmr=DIR")?;
    let report = settings::local(global)?
        .export_to_dmr(&args.reference, &directory, &progress::control(global))
        .await?;
    let sentence = format!(
        "Exported {} to {}",
        report.reference,
        report.directory.display()
    );
    printer.report(&report, report.id, &sentence)?;
    Ok(DONE)
}
