//! One file per command: arguments, one call into the library, one report.

mod attach;
mod build;
mod completion;
mod convert;
mod diff;
mod doctor;
mod du;
mod export;
mod extract;
mod fetch;
mod index;
mod inspect;
mod login;
mod logout;
mod ls;
mod man;
mod modelfile;
mod prune;
mod pull;
mod push;
mod resolve;
mod rm;
mod run;
mod serve;
mod tag;
mod upload;
mod verify;
mod version;

pub(crate) use self::attach::Attach;
pub(crate) use self::build::Build;
pub(crate) use self::completion::Completion;
pub(crate) use self::convert::Convert;
pub(crate) use self::diff::Diff;
pub(crate) use self::doctor::Doctor;
pub(crate) use self::du::Du;
pub(crate) use self::export::Export;
pub(crate) use self::extract::Extract;
pub(crate) use self::fetch::Fetch;
pub(crate) use self::index::Index;
pub(crate) use self::inspect::Inspect;
pub(crate) use self::login::Login;
pub(crate) use self::logout::Logout;
pub(crate) use self::ls::Ls;
pub(crate) use self::man::Man;
pub(crate) use self::modelfile::Modelfile;
pub(crate) use self::prune::Prune;
pub(crate) use self::pull::Pull;
pub(crate) use self::push::Push;
pub(crate) use self::resolve::Resolve;
pub(crate) use self::rm::Rm;
pub(crate) use self::run::Run;
pub(crate) use self::serve::Serve;
pub(crate) use self::tag::Tag;
pub(crate) use self::upload::Upload;
use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::modctl::Persona;
use crate::printer::{Printer, note};

/// Runs a command.
pub(crate) async fn run(cli: Cli, persona: Persona) -> anyhow::Result<Exit> {
    let Cli { global, command } = cli;
    let printer = Printer {
        json: global.json,
        quiet: global.quiet,
        persona,
    };
    if !global.quiet {
        global.ignored.notes().iter().for_each(|text| note(text));
    }
    match command {
        Command::Build(args) => build::run(&global, &printer, args).await,
        Command::Push(args) => push::run(&global, &printer, args).await,
        Command::Pull(args) => pull::run(&global, &printer, args).await,
        Command::Fetch(args) => fetch::run(&global, &printer, args).await,
        Command::Resolve(args) => resolve::run(&global, &printer, args).await,
        Command::Extract(args) => extract::run(&global, &printer, args).await,
        Command::Export(args) => export::run(&global, &printer, args).await,
        Command::Run(args) => run::run(&global, &printer, args).await,
        Command::Inspect(args) => inspect::run(&global, &printer, args).await,
        Command::Diff(args) => diff::run(&global, &printer, args).await,
        Command::Attach(args) => attach::run(&global, &printer, args).await,
        Command::Upload(args) => upload::run(&global, &printer, args).await,
        Command::Convert(args) => convert::run(&global, &printer, args).await,
        Command::Index(args) => index::run(&global, &printer, args).await,
        Command::Ls(args) => ls::run(&global, &printer, args).await,
        Command::Du(args) => du::run(&global, &printer, args).await,
        Command::Tag(args) => tag::run(&global, args).await,
        Command::Rm(args) => rm::run(&global, &printer, args).await,
        Command::Prune(args) => prune::run(&global, &printer, args).await,
        Command::Login(args) => login::run(&global, &printer, args).await,
        Command::Logout(args) => logout::run(&printer, args).await,
        Command::Verify => verify::run(&global, &printer).await,
        Command::Serve(args) => serve::run(&global, *args).await,
        Command::Modelfile(args) => modelfile::run(&global, &printer, args).await,
        Command::Doctor(args) => doctor::run(&global, &printer, args).await,
        Command::Completion(args) => completion::run(&printer, &args),
        Command::Man(args) => man::run(&printer, &args),
        Command::Version => version::run(&printer),
    }
}
