//! What every command shares: the list of commands, flags of all of them, flags of those that talk to a registry.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands::{
    Attach, Build, Completion, Convert, Diff, Doctor, Du, Export, Extract, Fetch, Index, Inspect,
    Login, Logout, Ls, Man, Modelfile, Prune, Pull, Push, Resolve, Rm, Run, Serve, Tag, Upload,
};
use crate::{examples, modctl, units};

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

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Every command")]
pub(crate) struct Global {
    /// Where the local store is [default: $XDG_DATA_HOME/modelpack]
    #[arg(long, global = true, value_name = "DIR", env = "MODELPACK_STORAGE_DIR")]
    pub(crate) storage_dir: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true, env = "MODELPACK_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
    /// Print nothing but results and errors
    #[arg(short, long, global = true, env = "MODELPACK_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// Print no progress
    #[arg(long, global = true, env = "MODELPACK_NO_PROGRESS", value_parser = FalseyValueParser::new())]
    pub(crate) no_progress: bool,
    #[command(flatten)]
    pub(crate) ignored: modctl::IgnoredFlags,
}

/// Flags of commands that talk to a registry.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Network {
    /// Files or blobs at the same time [default: 5]
    #[arg(short, long, value_name = "N", env = "MODELPACK_CONCURRENCY")]
    pub(crate) concurrency: Option<usize>,
    /// Talk plain HTTP
    #[arg(long, env = "MODELPACK_PLAIN_HTTP", value_parser = FalseyValueParser::new())]
    pub(crate) plain_http: bool,
    /// Take any TLS certificate; contents are still verified by digest
    #[arg(long, env = "MODELPACK_INSECURE", value_parser = FalseyValueParser::new())]
    pub(crate) insecure: bool,
    /// Also trust the certificate authorities in this file, PEM (repeatable)
    #[arg(long, value_name = "FILE", env = "MODELPACK_CA_FILE")]
    pub(crate) ca_file: Vec<PathBuf>,
    /// Go through this proxy, whatever variables and hosts.toml say; NO_PROXY still counts
    // Read later, since a mistake is repeated by the parser, and this can hold a password.
    #[arg(
        long,
        value_name = "URL",
        env = "MODELPACK_PROXY",
        hide_env_values = true
    )]
    pub(crate) proxy: Option<String>,
    /// Certificate that is shown to the registry, PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_key",
        env = "MODELPACK_CLIENT_CERT"
    )]
    pub(crate) client_cert: Option<PathBuf>,
    /// Key of that certificate, PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_cert",
        env = "MODELPACK_CLIENT_KEY"
    )]
    pub(crate) client_key: Option<PathBuf>,
    /// Read credentials from this file only
    #[arg(long, value_name = "FILE", env = "REGISTRY_AUTH_FILE")]
    pub(crate) authfile: Option<PathBuf>,
    /// Settings of single hosts [default: $XDG_CONFIG_HOME/modelpack/hosts.toml]
    #[arg(long, value_name = "FILE", env = "MODELPACK_HOSTS_FILE")]
    pub(crate) hosts_file: Option<PathBuf>,
}

/// How long a transfer may take.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Patience {
    /// End it after this time, such as 90s or 1h30m; what was transferred is kept [default: none]
    #[arg(long, value_name = "DURATION", env = "MODELPACK_TIMEOUT", value_parser = units::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

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

/// A dialect of model artifacts.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// CNCF ModelPack
    #[value(name = "modelpack")]
    ModelPack,
    /// Docker's dialect, which Docker Model Runner and llama.cpp read
    Docker,
}
