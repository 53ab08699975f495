//! `modelpack run`.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use clap::Args;
use modelpack::{Fetch, LaunchCommand, Reference, ResolveOptions};

use crate::exit::{DONE, Exit};
use crate::flags::{Global, Network};
use crate::printer::Printer;
use crate::{progress, settings};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The artifact
    pub(crate) reference: Reference,
    /// The engine: llama-server, llama-cli or vllm, or a path of one
    #[arg(long, value_name = "ENGINE", env = "MODELPACK_ENGINE")]
    pub(crate) engine: Option<String>,
    /// Only print the command
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Never ask the registry
    #[arg(long)]
    pub(crate) no_pull: bool,
    #[command(flatten)]
    pub(crate) network: Network,
    /// More arguments for the engine
    #[arg(last = true)]
    pub(crate) arguments: Vec<String>,
}

pub(crate) async fn run(global: &Global, printer: &Printer, args: Run) -> anyhow::Result<Exit> {
    let toolkit = settings::toolkit(global, &args.network)?;
    let mut options = ResolveOptions::default();
    if args.no_pull {
        options.fetch = Fetch::Never;
    }
    let control = progress::control(global);
    // An empty variable is as none.
    let engine = args.engine.as_deref().filter(|engine| !engine.is_empty());
    let plan = toolkit
        .launch_plan(&args.reference, engine, &options, &control)
        .await?;
    let installed = plan
        .commands
        .iter()
        .find_map(|command| Some((command, find(&command.program)?)));
    if args.dry_run {
        let command = installed
            .as_ref()
            .map_or(&plan.commands[0], |(command, _)| command);
        let mut command = command.clone();
        command.arguments.extend(args.arguments);
        printer.result(&command, line)?;
        return Ok(DONE);
    }
    let Some((command, program)) = installed else {
        let names: Vec<&str> = plan
            .commands
            .iter()
            .map(|command| command.program.as_str())
            .collect();
        return Err(modelpack::Error::InvalidInput {
            what: format!("none of {} is installed", names.join(", ")),
            hint: Some(plan.commands[0].install.to_owned()),
        }
        .into());
    };
    // The engine takes the place of this process, with its signals and its terminal.
    let error = std::process::Command::new(&program)
        .args(&command.arguments)
        .args(&args.arguments)
        .exec();
    Err(anyhow::Error::from(error).context(format!("cannot start {}", program.display())))
}

/// Where a program is.
fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return is_program(Path::new(program)).then(|| program.into());
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The command as a shell takes it.
fn line(command: &LaunchCommand) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    [&command.program]
        .into_iter()
        .chain(&command.arguments)
        .map(|word| {
            if !word.is_empty() && word.chars().all(is_plain) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}
