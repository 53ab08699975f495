//! `modelpack man`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::exit::{DONE, Exit, UsageError};
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command, such as `modelfile generate` [default: the page about all of them]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// `command` is the whole command line.
pub(crate) fn run(printer: &Printer, command: clap::Command, args: &Man) -> anyhow::Result<Exit> {
    let mut root = command.disable_help_subcommand(true);
    root.build();
    if let Some(directory) = &args.output {
        write_all(root, directory)?;
        printer.done(&format!(
            "Wrote the manual pages into {}",
            directory.display()
        ))?;
        return Ok(DONE);
    }
    let mut command = &root;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            UsageError(format!(
                "there is no command `{}`; `modelpack --help` lists them",
                args.command.join(" ")
            ))
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    printer.raw(&String::from_utf8(page)?)?;
    Ok(DONE)
}

fn write_all(root: clap::Command, directory: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot write into {}", directory.display());
    std::fs::create_dir_all(directory).with_context(failed)?;
    clap_mangen::generate_to(root, directory).with_context(failed)
}
