//! `modelpack build`.

use std::path::PathBuf;

use modelpack::spec::{Encoding, FileRole, Timestamp};
use modelpack::{BuildDialect, BuildOptions, CreationTime, ExtraFile};

use crate::cli::{Build, BuildExtras, Dialect, Global, Network};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{printer, progress, settings};

pub(crate) async fn run(global: &Global, printer: &Printer, args: Build) -> anyhow::Result<Exit> {
    let network = Network {
        concurrency: args.concurrency,
        ..Network::default()
    };
    let toolkit = settings::toolkit(global, &network)?;
    let mut options = BuildOptions::default();
    options.encoding = (!args.raw).then_some(Encoding::Tar);
    options.creation_time = creation_time(args.no_creation_time)?;
    // As `modctl` does, the one in the working directory; without one, the library takes PATH's own.
    let here = || Some(PathBuf::from("Modelfile")).filter(|path| path.is_file());
    options.modelfile = args.modelfile.or_else(here);
    options.reasoning = args.reasoning;
    options.source_url = args.source_url;
    options.source_revision = args.source_revision;
    options.preserve_metadata = args.preserve_metadata;
    options.context_size = args.extras.context_size;
    options.legacy_types = args.extras.legacy_types;
    options.dialect = match args.extras.format {
        Dialect::ModelPack => BuildDialect::ModelPack,
        Dialect::Docker => BuildDialect::Docker,
    };
    options.extras = extras(args.extras);
    let report = toolkit
        .build(
            &args.path,
            &args.target,
            &options,
            &progress::control(global),
        )
        .await?;
    printer::warn(&report.warnings);
    if printer.json {
        printer.result(&report, |_| String::new())?;
    } else if printer.quiet {
        printer.raw(&format!("{}\n", report.digest))?;
    }
    printer.done(&format!(
        "Successfully built model artifact: {}",
        report.reference
    ))?;
    Ok(DONE)
}

fn creation_time(is_omitted: bool) -> anyhow::Result<CreationTime> {
    if is_omitted {
        return Ok(CreationTime::Omitted);
    }
    let time = |moment: jiff::Timestamp| moment.to_string().parse::<Timestamp>();
    // Whole seconds, as `SOURCE_DATE_EPOCH` has them and `inspect` of other tools prints them.
    let now = || jiff::Timestamp::from_second(jiff::Timestamp::now().as_second());
    Ok(match settings::source_date_epoch()? {
        Some(moment) => CreationTime::Exactly(time(moment)?),
        None => CreationTime::Now(time(now()?)?),
    })
}

/// The files that are added, in the order in which a model of Docker's has them.
fn extras(args: BuildExtras) -> Vec<ExtraFile> {
    let with = |role| move |file| ExtraFile::new(file, role);
    let licenses = args.license.into_iter().map(with(FileRole::License));
    licenses
        .chain(args.chat_template.map(with(FileRole::ChatTemplate)))
        .chain(args.mmproj.map(with(FileRole::Projector)))
        .chain(args.adapter.into_iter().map(with(FileRole::Adapter)))
        .chain(args.draft_model.map(with(FileRole::DraftModel)))
        .collect()
}
