//! `modelpack completion`.

use clap::Args;
use clap_complete::Shell;

use crate::exit::{DONE, Exit};
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// `command` is the whole command line.
pub(crate) fn run(
    printer: &Printer,
    command: clap::Command,
    args: &Completion,
) -> anyhow::Result<Exit> {
    let mut command = printer.persona.command(command);
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    printer.raw(&String::from_utf8(script)?)?;
    Ok(DONE)
}
