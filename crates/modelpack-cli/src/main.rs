//! The command line `modelpack`: arguments in, one call into the library, a report out.
#![forbid(unsafe_code)]

mod ask;
mod cli;
mod commands;
mod exit;
mod printer;
mod progress;
mod settings;
mod units;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes: clap sends those to stdout.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            };
            let _ = error.print();
            return code.into();
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(commands::run(cli)));
    match outcome {
        Ok(code) => code.into(),
        Err(error) => {
            printer::print_error(&error);
            exit::code(&error).into()
        }
    }
}
