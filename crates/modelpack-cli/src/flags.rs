//! Flags that commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::exit::UsageError;
use crate::{modctl, units};

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

/// A dialect of model artifacts.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// CNCF ModelPack
    #[value(name = "modelpack")]
    ModelPack,
    /// Docker's dialect, which Docker Model Runner and llama.cpp read
    Docker,
}

impl Dialect {
    /// The old media types are those of ModelPack; Docker's dialect has none.
    pub(crate) fn check_legacy(self, legacy_types: bool) -> Result<(), UsageError> {
        match self {
            Self::Docker if legacy_types => Err(UsageError(
                "--legacy-types is for ModelPack; Docker's dialect has no older types".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
