//! `modelpack import`.

use std::path::PathBuf;

use clap::Args;
use modelpack::{DmrModel, Reference};

use crate::exit::{DONE, Exit};
use crate::flags::Global;
use crate::printer::{Printer, table};
use crate::{progress, settings, units};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Take it from the store of Docker Model Runner [default: $MODELS_PATH or ~/.docker/models]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, required = true)]
    pub(crate) from_dmr: Option<Option<PathBuf>>,
    /// The model: one of its names there, such as ai/smollm2, or its ID; without it, the models are listed
    pub(crate) model: Option<String>,
    /// Its name here [default: the one that it has there]
    #[arg(short, long, value_name = "REF", requires = "model")]
    pub(crate) target: Option<Reference>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Import) -> anyhow::Result<Exit> {
    let directory = settings::dmr_directory(args.from_dmr.flatten(), "--from-dmr=DIR")?;
    let toolkit = settings::local(global)?;
    let Some(model) = &args.model else {
        let models = toolkit.list_dmr(&directory).await?;
        let is_quiet = printer.quiet;
        printer.result(&models, |models| {
            if is_quiet {
                names(models).join("\n")
            } else {
                rows(models)
            }
        })?;
        return Ok(DONE);
    };
    let report = toolkit
        .import_from_dmr(
            &directory,
            model,
            args.target.as_ref(),
            &progress::control(global),
        )
        .await?;
    let sentence = format!(
        "Imported {} from {} ({} layers, {} new)",
        report.reference,
        report.directory.display(),
        report.layers,
        units::bytes(report.added)
    );
    printer.report(&report, report.digest, &sentence)?;
    Ok(DONE)
}

/// What each model can be asked for by.
fn names(models: &[DmrModel]) -> Vec<String> {
    let name = |model: &DmrModel| match model.tags.as_slice() {
        [] => vec![model.short_id().to_owned()],
        tags => tags.to_vec(),
    };
    models.iter().flat_map(name).collect()
}

fn rows(models: &[DmrModel]) -> String {
    let mut rows = vec![["MODEL", "ID", "SIZE"].map(str::to_owned).to_vec()];
    for model in models {
        let size = model
            .size
            .map_or_else(|| "damaged".to_owned(), units::bytes);
        let tags = match model.tags.as_slice() {
            [] => vec!["-".to_owned()],
            tags => tags.to_vec(),
        };
        rows.extend(
            tags.into_iter()
                .map(|tag| vec![tag, model.short_id().to_owned(), size.clone()]),
        );
    }
    table(&rows)
}
