//! The list of commands.

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    self, Attach, Build, Completion, Convert, Diff, Doctor, Du, Export, Extract, Fetch, Import,
    Index, Inspect, Login, Logout, Ls, Man, Modelfile, Prune, Pull, Push, Resolve, Rm, Run, Serve,
    Tag, Upload,
};
use crate::examples;
use crate::exit::Exit;
use crate::flags::Global;
use crate::modctl::Persona;
use crate::printer::{Printer, note};

/// Builds, pushes, pulls and resolves AI models as OCI artifacts (CNCF ModelPack).
#[derive(Debug, Parser)]
#[command(name = "modelpack", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command line with everything that is shown of it.
pub(crate) fn command() -> clap::Command {
    examples::add_to(Cli::command())
}

const EXAMPLES: &str = "\
Examples:
  modelpack modelfile generate ./qwen3 -O ./qwen3          write a Modelfile for a directory
  modelpack build ./qwen3 -t ghcr.io/me/qwen3:0.6b
  modelpack push ghcr.io/me/qwen3:0.6b
  modelpack resolve ghcr.io/me/qwen3:0.6b                  a verified local directory, pulled when needed
  modelpack serve                                          the local store as a registry on 127.0.0.1:5000

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not authorised, 5 network (worth retrying),
6 integrity, 7 no space, 130 interrupted (partial downloads are kept)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an artifact from a directory into the local store
    Build(Build),
    /// Push an artifact from the local store to its registry
    Push(Push),
    /// Pull an artifact into the local store
    Pull(Pull),
    /// Fetch single files of an artifact, or single tensors, into a directory
    Fetch(Fetch),
    /// Give a verified local directory with the files of an artifact, pulling it when needed
    Resolve(Resolve),
    /// Write the files of an artifact from the local store into a directory
    Extract(Extract),
    /// Give a model to a program of another kind
    Export(Export),
    /// Take a model from a program of another kind, which keeps it
    Import(Import),
    /// Load a model with an engine that is installed here
    Run(Run),
    /// Show what an artifact says about itself
    Inspect(Inspect),
    /// Say what differs between two artifacts: exit code 0 nothing, 1 something, 2 trouble
    Diff(Diff),
    /// Add a file to an artifact, or replace one, or its config; nothing else changes
    Attach(Attach),
    /// Send a file to a repository before any artifact names it
    Upload(Upload),
    /// Write an artifact in another dialect: new documents, the same layers
    Convert(Convert),
    /// Work with indexes, which hold several variants of a model
    #[command(subcommand)]
    Index(Index),
    /// List the artifacts in the local store
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Show how much of the disk each artifact takes
    Du(Du),
    /// Give an artifact in the local store another name
    Tag(Tag),
    /// Remove a name from the local store
    Rm(Rm),
    /// Remove what no name needs from the local store
    Prune(Prune),
    /// Log in to a registry
    Login(Login),
    /// Log out of a registry
    Logout(Logout),
    /// Hash the local store again and look for damage
    Verify,
    /// Serve the local store as a registry
    Serve(Box<Serve>),
    /// Work with Modelfiles
    #[command(subcommand)]
    Modelfile(Modelfile),
    /// Look what is right and wrong with the store, the settings and a registry
    Doctor(Doctor),
    /// Print a script that completes commands in a shell
    Completion(Completion),
    /// Print a manual page, or write all of them
    Man(Man),
    /// Show the version
    Version,
}

/// Runs a command.
pub(crate) async fn run(cli: Cli, persona: Persona) -> anyhow::Result<Exit> {
    let Cli {
        global,
        command: asked,
    } = cli;
    let printer = Printer {
        json: global.json,
        quiet: global.quiet,
        persona,
    };
    if !global.quiet {
        global.ignored.notes().iter().for_each(|text| note(text));
    }
    match asked {
        Command::Build(args) => commands::build::run(&global, &printer, args).await,
        Command::Push(args) => commands::push::run(&global, &printer, args).await,
        Command::Pull(args) => commands::pull::run(&global, &printer, args).await,
        Command::Fetch(args) => commands::fetch::run(&global, &printer, args).await,
        Command::Resolve(args) => commands::resolve::run(&global, &printer, args).await,
        Command::Extract(args) => commands::extract::run(&global, &printer, args).await,
        Command::Export(args) => commands::export::run(&global, &printer, args).await,
        Command::Import(args) => commands::import::run(&global, &printer, args).await,
        Command::Run(args) => commands::run::run(&global, &printer, args).await,
        Command::Inspect(args) => commands::inspect::run(&global, &printer, args).await,
        Command::Diff(args) => commands::diff::run(&global, &printer, args).await,
        Command::Attach(args) => commands::attach::run(&global, &printer, args).await,
        Command::Upload(args) => commands::upload::run(&global, &printer, args).await,
        Command::Convert(args) => commands::convert::run(&global, &printer, args).await,
        Command::Index(args) => commands::index::run(&global, &printer, args).await,
        Command::Ls(args) => commands::ls::run(&global, &printer, args).await,
        Command::Du(args) => commands::du::run(&global, &printer, args).await,
        Command::Tag(args) => commands::tag::run(&global, args).await,
        Command::Rm(args) => commands::rm::run(&global, &printer, args).await,
        Command::Prune(args) => commands::prune::run(&global, &printer, args).await,
        Command::Login(args) => commands::login::run(&global, &printer, args).await,
        Command::Logout(args) => commands::logout::run(&printer, args).await,
        Command::Verify => commands::verify::run(&global, &printer).await,
        Command::Serve(args) => commands::serve::run(&global, *args).await,
        Command::Modelfile(args) => commands::modelfile::run(&global, &printer, args).await,
        Command::Doctor(args) => commands::doctor::run(&global, &printer, args).await,
        Command::Completion(args) => commands::completion::run(&printer, command(), &args),
        Command::Man(args) => commands::man::run(&printer, command(), &args),
        Command::Version => commands::version::run(&printer),
    }
}
