//! The arguments of every command.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use modelpack::Reference;

use crate::commands::Serve;

/// Builds, pushes, pulls and resolves AI models as OCI artifacts (CNCF ModelPack).
#[derive(Debug, Parser)]
#[command(name = "modelpack", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
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
}

/// Flags of commands that talk to a registry.
#[derive(Debug, Clone, Default, Args)]
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an artifact from a directory into the local store
    Build(Build),
    /// Push an artifact from the local store to its registry
    Push(Push),
    /// Pull an artifact into the local store
    Pull(Pull),
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
    /// Write an artifact in another dialect: new documents, the same layers
    Convert(Convert),
    /// Work with indexes, which hold several variants of a model
    #[command(subcommand)]
    Index(Index),
    /// List the artifacts in the local store
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Give an artifact in the local store another name
    Tag(Tag),
    /// Remove a name from the local store
    Rm(Rm),
    /// Remove what no name needs from the local store
    Prune(Prune),
    /// Hash the local store again and look for damage
    Verify,
    /// Serve the local store as a registry
    Serve(Box<Serve>),
    /// Work with Modelfiles
    #[command(subcommand)]
    Modelfile(Modelfile),
    /// Show the version
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The directory that holds the model
    pub(crate) path: PathBuf,
    /// Name of the artifact, with a tag
    #[arg(short, long, value_name = "REF")]
    pub(crate) target: Reference,
    /// The Modelfile [default: ./Modelfile, else PATH/Modelfile]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) modelfile: Option<PathBuf>,
    /// Files at the same time [default: 5]
    #[arg(short, long, value_name = "N", env = "MODELPACK_CONCURRENCY")]
    pub(crate) concurrency: Option<usize>,
    /// One raw layer per file; `--raw=false` makes one tar per file
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) raw: bool,
    /// Say in the config that the model reasons
    #[arg(long)]
    pub(crate) reasoning: bool,
    /// Write no creation time
    #[arg(long)]
    pub(crate) no_creation_time: bool,
    /// Where the source of the model is
    #[arg(long, value_name = "URL")]
    pub(crate) source_url: Option<String>,
    /// Revision of the source
    #[arg(long, value_name = "REVISION")]
    pub(crate) source_revision: Option<String>,
    /// Write the real time, owner and group of each file; the artifact then differs between machines
    #[arg(long)]
    pub(crate) preserve_metadata: bool,
    #[command(flatten)]
    pub(crate) extras: BuildExtras,
}

/// What a build in another dialect or with more files takes.
#[derive(Debug, Args)]
pub(crate) struct BuildExtras {
    /// The dialect of the artifact
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "modelpack")]
    pub(crate) format: Dialect,
    /// Add a licence (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) license: Vec<PathBuf>,
    /// Add a Jinja chat template
    #[arg(long, value_name = "FILE")]
    pub(crate) chat_template: Option<PathBuf>,
    /// Add a multimodal projector
    #[arg(long, value_name = "FILE")]
    pub(crate) mmproj: Option<PathBuf>,
    /// Add a LoRA adapter (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) adapter: Vec<PathBuf>,
    /// Add a draft model
    #[arg(long, value_name = "FILE")]
    pub(crate) draft_model: Option<PathBuf>,
    /// Write media types as ModelPack called them up to v0.0.6
    #[arg(long)]
    pub(crate) legacy_types: bool,
    /// How many tokens the model is loaded for
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) context_size: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The artifact
    pub(crate) reference: Reference,
    /// Also push it in the other dialect, with the same layers [default name: the tag with `-docker` or
    /// `-modelpack` at its end]
    #[arg(long, value_name = "REF", num_args = 0..=1, require_equals = true)]
    pub(crate) twin: Option<Option<Reference>>,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// The artifact
    pub(crate) reference: Reference,
    /// Also put its files into this directory: read-only links into the store, no second copy on disk
    #[arg(long, value_name = "DIR")]
    pub(crate) extract_dir: Option<PathBuf>,
    /// Of several variants, the one with this name or quantisation
    #[arg(long, value_name = "NAME", conflicts_with_all = ["max_size", "fit"])]
    pub(crate) variant: Option<String>,
    /// Of several variants, the largest one of at most this size, such as 8GiB
    #[arg(long, value_name = "SIZE", value_parser = crate::units::parse_bytes, conflicts_with = "fit")]
    pub(crate) max_size: Option<u64>,
    /// Of several variants, the largest one that fits into the free memory of this machine
    #[arg(long)]
    pub(crate) fit: bool,
    /// Put the files into the directory only, as files of their own, and leave the store alone
    #[arg(long, requires = "extract_dir")]
    pub(crate) extract_from_remote: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The artifact
    pub(crate) reference: Reference,
    /// Where the directory is made [default: inside the store]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Never ask the registry
    #[arg(long, conflicts_with = "always_pull")]
    pub(crate) no_pull: bool,
    /// Ask the registry where the tag points now, even when it is here
    #[arg(long)]
    pub(crate) always_pull: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Extract {
    /// The artifact
    pub(crate) reference: Reference,
    /// The directory
    #[arg(required_unless_present = "output")]
    pub(crate) directory: Option<PathBuf>,
    /// The directory, as a flag
    #[arg(long, value_name = "DIR", conflicts_with = "directory")]
    pub(crate) output: Option<PathBuf>,
    /// Files at the same time [default: 5]
    #[arg(long, value_name = "N", env = "MODELPACK_CONCURRENCY")]
    pub(crate) concurrency: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The artifact
    pub(crate) reference: Reference,
    /// Put it into the store of Docker Model Runner [default: $MODELS_PATH or ~/.docker/models]
    #[arg(long, value_name = "DIR", num_args = 0..=1, required_unless_present = "image")]
    pub(crate) to_dmr: Option<Option<PathBuf>>,
    /// Write it as an image with this name into the local store: files below /models, nothing to run
    #[arg(long, value_name = "REF", conflicts_with = "to_dmr")]
    pub(crate) image: Option<Reference>,
}

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

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The artifact
    pub(crate) reference: Reference,
    /// Ask the registry instead of the local store
    #[arg(long)]
    pub(crate) remote: bool,
    /// Print the config as it was received
    #[arg(long, conflicts_with_all = ["files", "tensors", "other"])]
    pub(crate) config: bool,
    /// List the files as a tree
    #[arg(long)]
    pub(crate) files: bool,
    /// List the tensors; of a remote artifact only the headers of its weights are fetched
    #[arg(long)]
    pub(crate) tensors: bool,
    /// Another artifact: say what differs
    #[arg(value_name = "OTHER", conflicts_with = "files")]
    pub(crate) other: Option<Reference>,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// Put artifacts of the local store behind one name
    Create(CreateIndex),
}

#[derive(Debug, Args)]
pub(crate) struct CreateIndex {
    /// Name of the index, with a tag
    pub(crate) reference: Reference,
    /// A variant: its name and the artifact (repeatable; the first is the default)
    #[arg(long, value_name = "NAME=REF", required = true, value_parser = parse_variant)]
    pub(crate) variant: Vec<(String, Reference)>,
}

fn parse_variant(text: &str) -> Result<(String, Reference), String> {
    let (name, reference) = text
        .split_once('=')
        .ok_or("write NAME=REF, such as Q4_K_M=ghcr.io/me/model:q4")?;
    let reference: Reference = reference.parse().map_err(|error| format!("{error}"))?;
    Ok((name.to_owned(), reference))
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

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The artifact
    pub(crate) reference: Reference,
    /// The dialect
    #[arg(long, value_enum, value_name = "DIALECT")]
    pub(crate) to: Dialect,
    /// Name of the result [default: the tag with `-docker` or `-modelpack` at its end]
    #[arg(short, long, value_name = "REF")]
    pub(crate) target: Option<Reference>,
    /// Convert in the registry, without the local store
    #[arg(long)]
    pub(crate) remote: bool,
    /// Write media types as ModelPack called them up to v0.0.6
    #[arg(long)]
    pub(crate) legacy_types: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// List the tags of this repository in its registry
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) remote: Option<Reference>,
    /// List downloads that are not finished
    #[arg(long, conflicts_with = "remote")]
    pub(crate) partial: bool,
    #[command(flatten)]
    pub(crate) network: Network,
}

#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// The artifact
    pub(crate) source: Reference,
    /// Its new name
    pub(crate) target: Reference,
}

#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The name; with a digest, every name of that artifact in the repository
    pub(crate) reference: Reference,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also remove downloads that nobody has continued for so many hours
    #[arg(long, value_name = "HOURS")]
    pub(crate) partials_older_than: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Modelfile {
    /// Write a Modelfile for a directory
    Generate(Generate),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// The directory that holds the model
    pub(crate) path: PathBuf,
    /// Name of the model [default: the name of the directory]
    #[arg(short, long)]
    pub(crate) name: Option<String>,
    /// Architecture
    #[arg(long)]
    pub(crate) arch: Option<String>,
    /// Family
    #[arg(long)]
    pub(crate) family: Option<String>,
    /// Format
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// Number of parameters
    #[arg(long)]
    pub(crate) param_size: Option<String>,
    /// Precision
    #[arg(long)]
    pub(crate) precision: Option<String>,
    /// Quantisation
    #[arg(long)]
    pub(crate) quantization: Option<String>,
    /// The directory that gets the Modelfile
    #[arg(short = 'O', long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Replace a Modelfile that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Take files that would be left out (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Leave files out (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
}
