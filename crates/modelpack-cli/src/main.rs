//! The command line `modelpack`: arguments in, one call into the library, a report out.
#![forbid(unsafe_code)]

mod ask;
mod cli;
mod commands;
mod examples;
mod exit;
mod flags;
mod modctl;
mod printer;
mod progress;
mod settings;
mod units;

use std::process::ExitCode;

use clap::FromArgMatches;

fn main() -> ExitCode {
    let persona = modctl::Persona::of(std::env::args_os().next().as_deref());
    let matches = persona.command(cli::command()).try_get_matches();
    let parsed = matches.and_then(|matches| cli::Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(_) if persona.helps(std::env::args_os().len()) => {
            let _ = persona.command(cli::command()).print_help();
            return exit::DONE.into();
        }
        Err(error) => {
            // Help and version are no mistakes: clap sends those to stdout.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            };
            let _ = error.print();
            return persona.exit(code).into();
        }
    };
    let is_json = cli.global.json;
    let code_of = match &cli.command {
        cli::Command::Diff(_) => exit::code_of_comparison,
        _ => exit::code,
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli::run(cli, persona)));
    match outcome {
        Ok(code) => persona.exit(code).into(),
        Err(error) => {
            let code = persona.exit(code_of(&error));
            if is_json {
                printer::print_json_error(&error, code);
            } else {
                printer::print_error(&error, persona);
            }
            code.into()
        }
    }
}
