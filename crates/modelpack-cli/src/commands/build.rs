//! `modelpack build`.

use std::path::PathBuf;

use clap::Args;
use modelpack::modelfile::Assignment;
use modelpack::spec::{Encoding, FileRole, Timestamp};
use modelpack::{BuildDialect, BuildOptions, CreationTime, ExtraFile, Reference, SourceReading};

use crate::cli::{Dialect, Global, Network};
use crate::exit::{DONE, Exit};
use crate::printer::Printer;
use crate::{printer, progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The directory that holds the model
    pub(crate) path: PathBuf,
    /// Name of the artifact, with a tag
    #[arg(short, long, value_name = "REF")]
    pub(crate) target: Reference,
    /// The Modelfile [default: ./Modelfile, else PATH/Modelfile]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) modelfile: Option<PathBuf>,
    /// Files at the same time [default: 5]
    #[arg(short, long, value_name = "N", env = "MODELPACK_CONCURRENCY")]
    pub(crate) concurrency: Option<usize>,
    /// One raw layer per file; `--raw=false` makes one tar per file
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) raw: bool,
    /// Say in the config that the model reasons
    #[arg(long)]
    pub(crate) reasoning: bool,
    /// Write no creation time
    #[arg(long)]
    pub(crate) no_creation_time: bool,
    /// Where the source of the model is
    #[arg(long, value_name = "URL")]
    pub(crate) source_url: Option<String>,
    /// Revision of the source
    #[arg(long, value_name = "REVISION")]
    pub(crate) source_revision: Option<String>,
    /// Say nothing of the git repository that the model stands in
    #[arg(long)]
    pub(crate) no_source: bool,
    /// Say something of the model, whatever the Modelfile says, such as `descriptor.licenses=MIT` (repeatable;
    /// a list gets one more element each time)
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<Assignment>,
    /// Write the real time, owner and group of each file; the artifact then differs between machines
    #[arg(long)]
    pub(crate) preserve_metadata: bool,
    #[command(flatten)]
    pub(crate) extras: BuildExtras,
}

/// What a build in another dialect or with more files takes.
#[derive(Debug, Args)]
pub(crate) struct BuildExtras {
    /// The dialect of the artifact
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "modelpack")]
    pub(crate) format: Dialect,
    /// Add a licence (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) license: Vec<PathBuf>,
    /// Add a Jinja chat template
    #[arg(long, value_name = "FILE")]
    pub(crate) chat_template: Option<PathBuf>,
    /// Add a multimodal projector
    #[arg(long, value_name = "FILE")]
    pub(crate) mmproj: Option<PathBuf>,
    /// Add a LoRA adapter (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) adapter: Vec<PathBuf>,
    /// Add a draft model
    #[arg(long, value_name = "FILE")]
    pub(crate) draft_model: Option<PathBuf>,
    /// Write media types as ModelPack called them up to v0.0.6
    #[arg(long)]
    pub(crate) legacy_types: bool,
    /// How many tokens the model is loaded for
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) context_size: Option<i64>,
}

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
    options.source = match settings::git() {
        _ if args.no_source => SourceReading::Nothing,
        Some(git) => SourceReading::WithGit(git),
        None => SourceReading::Files,
    };
    options.properties = args.set.into_iter().collect();
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
