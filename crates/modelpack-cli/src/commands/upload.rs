//! `modelpack upload`.

use std::path::PathBuf;

use clap::Args;
use modelpack::spec::Encoding;
use modelpack::{Reference, UploadOptions, path_in_artifact};

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// The file
    pub(crate) file: PathBuf,
    /// The repository, as HOST/PATH without a tag
    #[arg(long, visible_alias = "repository", value_name = "REPO")]
    pub(crate) repo: Reference,
    /// The file as it is; `--raw=false` sends a tar with the file in it
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) raw: bool,
    /// Directory in the model that the file goes to, which is written into the tar
    #[arg(long, value_name = "DIR")]
    pub(crate) destination_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) network: Network,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Upload) -> anyhow::Result<Exit> {
    let mut options = UploadOptions::default();
    if !args.raw {
        let here = std::env::current_dir()?;
        let path = path_in_artifact(&args.file, args.destination_dir.as_deref(), &here)?;
        options.path = Some(path);
        options.encoding = Some(Encoding::Tar);
    }
    let report = settings::toolkit(global, &args.network)?
        .upload(&args.file, &args.repo, &options, &progress::control(global))
        .await?;
    let sentence = format!(
        "Successfully uploaded {} to model artifact repository: {}",
        args.file.display(),
        report.repository
    );
    printer.report(&report, report.digest, &sentence)?;
    Ok(DONE)
}
