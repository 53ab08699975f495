//! The arguments of `modelpack serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use modelpack::spec::Host;
use modelpack_server::Rule;

/// Serve the local store as a registry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct Serve {
    /// Address and port; port 0 takes any free one
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:5000",
        env = "MODELPACK_LISTEN"
    )]
    pub(crate) listen: SocketAddr,
    /// Name under which pushes are stored [default: localhost:PORT]
    ///
    /// Clients read what the store has as HOST/x under the name x. A repository of another host, such as
    /// ghcr.io/x, is read as ghcr.io/x, and as x too when no third host has an x; with --upstream only
    /// when it is the upstream's. --allow looks at the name that the client asks for, so a rule for x
    /// opens that one too.
    #[arg(long, value_name = "HOST")]
    pub(crate) name: Option<Host>,
    /// Answer under this name too (repeatable) [default: names of this machine, on its own addresses]
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<Host>,
    /// Certificate chain in PEM; the registry then speaks HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Fetch what is not here from this registry, check it and keep it
    ///
    /// A blob is handed on while it arrives, but for its end, which waits until all of it was checked: who gets
    /// the whole gets the right one. When it is wrong, the answers break off.
    #[cfg(feature = "upstream")]
    #[arg(long, value_name = "HOST", env = "MODELPACK_UPSTREAM")]
    pub(crate) upstream: Option<Host>,
    /// Ask there again where a tag points after so many seconds; one that was pushed here stays [default: 60]
    #[cfg(feature = "upstream")]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "upstream")]
    pub(crate) refresh: Option<Duration>,
    #[cfg(feature = "upstream")]
    #[command(flatten)]
    pub(crate) network: crate::flags::Network,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// Who may do what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// `WHO:ACTIONS` or `WHO:ACTIONS:REPOSITORIES`, such as `anonymous:pull` or `alice:pull,push:team/*` (repeatable)
    /// [default: everybody everything; with passwords, every user everything]
    #[arg(long, value_name = "RULE")]
    pub(crate) allow: Vec<Rule>,
    /// Users and bcrypt passwords, as `htpasswd -B` writes them
    #[arg(long, value_name = "FILE", conflicts_with = "token_key")]
    pub(crate) htpasswd: Option<PathBuf>,
    /// Public key, certificate or key set that signs tokens (repeatable)
    #[arg(long, value_name = "FILE", requires_all = ["token_realm", "token_service", "token_issuer"])]
    pub(crate) token_key: Vec<PathBuf>,
    /// Address of the token service
    #[arg(long, value_name = "URL", requires = "token_key")]
    pub(crate) token_realm: Option<String>,
    /// Audience of the tokens
    #[arg(long, value_name = "NAME", requires = "token_key")]
    pub(crate) token_service: Option<String>,
    /// Issuer of the tokens
    #[arg(long, value_name = "NAME", requires = "token_key")]
    pub(crate) token_issuer: Option<String>,
}

/// What is taken and kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Content")]
pub(crate) struct ContentArgs {
    /// Take manifests that name content which is not here
    #[arg(long)]
    pub(crate) sparse: bool,
    /// Delete nothing on request
    #[arg(long)]
    pub(crate) no_delete: bool,
    /// Free what nothing needs every so many hours, like `modelpack prune`
    #[arg(long, value_name = "HOURS")]
    pub(crate) gc_every: Option<u64>,
}

/// What clients may ask for. Sizes take K, M and G; times are seconds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Largest manifest [default: 4M]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_manifest: Option<u64>,
    /// Largest blob [default: none]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_blob: Option<u64>,
    /// Largest body of a blob that comes without a length; 0 takes none [default: none]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_unannounced: Option<u64>,
    /// Largest chunk of an upload [default: none]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_chunk: Option<u64>,
    /// Smallest chunk that clients are asked for [default: none]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) min_chunk: Option<u64>,
    /// Uploads at the same time [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) max_uploads: Option<usize>,
    /// How long an upload may lie idle [default: 3600]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) upload_idle: Option<Duration>,
    /// How long an upload may take in all [default: 86400]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) upload_age: Option<Duration>,
    /// Connections at the same time [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<u32>,
    /// Longest wait for the head of a request [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) header_timeout: Option<Duration>,
    /// Time in which at least a kibibyte of a body has to come [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) body_timeout: Option<Duration>,
    /// Longest time in which a client takes nothing of an answer [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) write_timeout: Option<Duration>,
    /// Requests per second of one client address; ten times as many may come at once [default: none]
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u32>,
    /// How long requests may go on after Ctrl-C [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) grace: Option<Duration>,
}

/// What is told about the service.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct WatchArgs {
    /// Answer /metrics in the text form of Prometheus
    #[arg(long)]
    pub(crate) metrics: bool,
    /// A text that clients show to their users (repeatable)
    #[arg(long = "warning", value_name = "TEXT")]
    pub(crate) warnings: Vec<String>,
    /// Write a line of JSON for each request; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_secs)
        .map_err(|_| "expected a number of seconds".to_owned())
}

/// `4096`, `64K`, `4M` or `10G`, in powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.strip_suffix(['K', 'M', 'G']) {
        None => (text, 1),
        Some(digits) if text.ends_with('K') => (digits, 1 << 10),
        Some(digits) if text.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1_u64 << 30),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "expected a number of bytes, such as 4096, 64K, 4M or 10G".to_owned())
}
