//! `modelpack build`.

use std::path::{Path, PathBuf};

use clap::Args;
use modelpack::modelfile::Assignment;
use modelpack::spec::convert::MAX_CONTEXT_SIZE;
use modelpack::spec::{Encoding, FileRole, Kind, Timestamp};
use modelpack::{
    BuildDialect, BuildOptions, BuildPlan, CreationTime, Digest, ExtraFile, Place, Reference,
    SourceReading, Toolkit,
};

use crate::exit::{DONE, Exit, UsageError};
use crate::flags::{Dialect, Global, Network};
use crate::printer::{Printer, table};
use crate::units::bytes;
use crate::{printer, progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The directory that holds the model
    pub(crate) path: PathBuf,
    /// Name of the artifact, with a tag
    #[arg(short, long, value_name = "REF")]
    pub(crate) target: Reference,
    /// The Modelfile [default: ./Modelfile, else PATH/Modelfile, else one is made up from the files]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) modelfile: Option<PathBuf>,
    /// Leave files out (repeatable); so do the lines of a .modelignore, which are those of a .gitignore
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Take files that .modelignore leaves out, or hidden ones when there is no Modelfile (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Put all files of a kind into one layer: code, doc or dataset, as tar, tar+gzip or tar+zstd
    /// (repeatable)
    #[arg(long, value_name = "KIND=ENCODING", value_parser = packing)]
    pub(crate) pack: Vec<(Kind, Encoding)>,
    /// Build straight into the registry, without a copy in the local store
    #[arg(long)]
    pub(crate) output_remote: bool,
    /// Say what would be built, and what of it is there already; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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
    #[command(flatten)]
    pub(crate) network: Network,
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
    /// The model that the adapters belong to: its digest, or its name in the local store
    #[arg(long, value_name = "REF|DIGEST")]
    pub(crate) adapter_base: Option<String>,
    /// Add a draft model
    #[arg(long, value_name = "FILE")]
    pub(crate) draft_model: Option<PathBuf>,
    /// Write media types as ModelPack called them up to v0.0.6
    #[arg(long)]
    pub(crate) legacy_types: bool,
    /// How many tokens the model is loaded for: 1 to 2147483647, or -1 for as many as it can
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = context_size)]
    pub(crate) context_size: Option<i64>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Build) -> anyhow::Result<Exit> {
    args.extras.format.check_legacy(args.extras.legacy_types)?;
    let toolkit = settings::toolkit(global, &args.network)?;
    let mut options = BuildOptions::default();
    options.encoding = (!args.raw).then_some(Encoding::Tar);
    options.creation_time = creation_time(args.no_creation_time)?;
    // As `modctl` does, the one in the working directory; without one, the library takes PATH's own.
    let here = || Some(PathBuf::from("Modelfile")).filter(|path| path.is_file());
    options.modelfile = args.modelfile.or_else(here);
    options.include = args.include;
    options.exclude = args.exclude;
    options.pack = args.pack.into_iter().collect();
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
    if let Some(base) = &args.extras.adapter_base {
        options.adapter_base = Some(adapter_base(&toolkit, base).await?);
    }
    options.extras = extras(args.extras);
    let control = progress::control(global);
    let (path, target) = (&args.path, &args.target);
    if args.dry_run {
        let place = if args.output_remote {
            Place::Registry
        } else {
            Place::Local
        };
        let planned = toolkit.plan_build(path, target, &options, place, &control);
        let plan = planned.await?;
        say_generated(printer, path, plan.generated_modelfile.is_some());
        printer::warn(&plan.warnings);
        printer.result(&plan, |plan| plan_table(plan, place))?;
        return Ok(DONE);
    }
    let report = if args.output_remote {
        toolkit.build_remote(path, target, &options, &control).await
    } else {
        toolkit.build(path, target, &options, &control).await
    }?;
    say_generated(printer, path, report.generated_modelfile.is_some());
    printer::warn(&report.warnings);
    let sentence = format!("Successfully built model artifact: {}", report.reference);
    printer.report(&report, report.digest, &sentence)?;
    Ok(DONE)
}

/// A digest as it is, a name as what it points to here.
async fn adapter_base(toolkit: &Toolkit, base: &str) -> anyhow::Result<Digest> {
    if let Ok(digest) = base.parse::<Digest>() {
        return Ok(digest);
    }
    let reference: Reference = base
        .parse()
        .map_err(|error| UsageError(format!("--adapter-base takes a digest or a name: {error}")))?;
    Ok(toolkit.inspect(&reference).await?.digest)
}

/// A build without a Modelfile is no secret.
fn say_generated(printer: &Printer, path: &Path, is_generated: bool) {
    if is_generated && !printer.quiet {
        printer::note(&format!(
            "note: there is no Modelfile in {0}; one was made up from its files (`modelpack modelfile generate \
             {0} -O {0}` writes it down)",
            path.display()
        ));
    }
}

fn plan_table(plan: &BuildPlan, place: Place) -> String {
    let head = ["KIND", "SIZE", "STATE", "MEDIA TYPE", "PATH"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for layer in &plan.layers {
        let state = match layer.in_registry {
            Some(true) => "there",
            Some(false) => "to send",
            None if layer.in_store => "there",
            None => "to store",
        };
        let path = match layer.files {
            1 if layer.media_type.ends_with("raw") => layer.path.clone(),
            files => format!("{} ({files} files)", layer.path),
        };
        rows.push(vec![
            layer.kind.to_owned(),
            bytes(layer.size),
            state.to_owned(),
            layer.media_type.clone(),
            path,
        ]);
    }
    let verb = match place {
        Place::Registry => "sent",
        _ => "stored",
    };
    format!(
        "{}{} layers, {}; {} would be {verb}; nothing was written",
        table(&rows),
        plan.layers.len(),
        bytes(plan.size),
        bytes(plan.missing),
    )
}

fn context_size(text: &str) -> Result<i64, String> {
    modelpack::spec::convert::context_size(text).map_err(|_| {
        format!("write a number from 1 to {MAX_CONTEXT_SIZE}, or -1 for as many as the model can")
    })
}

/// `code=tar`.
fn packing(text: &str) -> Result<(Kind, Encoding), String> {
    let (kind, encoding) = text
        .split_once('=')
        .ok_or("expected KIND=ENCODING, such as code=tar")?;
    let kind = Kind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind)
        .ok_or_else(|| {
            format!("`{kind}` is no kind of files; code, doc and dataset can be packed")
        })?;
    let encoding = [Encoding::Tar, Encoding::TarGzip, Encoding::TarZstd]
        .into_iter()
        .find(|known| known.as_str() == encoding)
        .ok_or_else(|| format!("`{encoding}` is no archive; expected tar, tar+gzip or tar+zstd"))?;
    Ok((kind, encoding))
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
