//! `modelpack attach`.

use std::path::PathBuf;

use clap::Args;
use modelpack::spec::Encoding;
use modelpack::{AttachOptions, Attachment, Place, Reference, path_in_artifact};

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// The file; its path as seen from here is its path in the model
    pub(crate) file: PathBuf,
    /// The artifact that it is added to, which stays as it is
    #[arg(short, long, value_name = "REF")]
    pub(crate) source: Reference,
    /// Name of the new artifact, with a tag; may be that of the source
    #[arg(short, long, value_name = "REF")]
    pub(crate) target: Reference,
    /// Directory in the model that the file goes to
    #[arg(short, long, value_name = "DIR")]
    pub(crate) destination_dir: Option<PathBuf>,
    /// Read the source from its registry and write the target there; only what is new is sent
    #[arg(long)]
    pub(crate) output_remote: bool,
    /// Replace a file of this path that has other content
    #[arg(short, long)]
    pub(crate) force: bool,
    /// A raw layer, or with `--raw=false` a tar; as the file that it replaces [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) raw: Option<bool>,
    /// The file is a model config, which takes the place of the one that is there
    #[arg(long, conflicts_with_all = ["destination_dir", "raw"])]
    pub(crate) config: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Attach) -> anyhow::Result<Exit> {
    let attachment = if args.config {
        Attachment::config(args.file)
    } else {
        let here = std::env::current_dir()?;
        let path = path_in_artifact(&args.file, args.destination_dir.as_deref(), &here)?;
        Attachment::file(args.file, path)
    };
    let mut options = AttachOptions::default();
    options.replace = args.force;
    options.encoding = args.raw.map(|is_raw| match is_raw {
        true => Encoding::Raw,
        false => Encoding::Tar,
    });
    if args.output_remote {
        options.place = Place::Registry;
    }
    let report = settings::toolkit(global, &args.network)?
        .attach(
            &attachment,
            &args.source,
            &args.target,
            &options,
            &progress::control(global),
        )
        .await?;
    let sentence = format!("Successfully attached model artifact: {}", report.reference);
    printer.report(&report, report.digest, &sentence)?;
    Ok(DONE)
}
