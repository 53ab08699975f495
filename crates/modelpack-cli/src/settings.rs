//! Settings: flags, then `MODELPACK_*`, then files, then defaults. The one place that reads the environment.

mod certificates;
mod credentials;
mod hosts;
mod programs;
mod proxies;
mod survey;

use std::env;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use modelpack::registry::hosts::ClientIdentity;
use modelpack::registry::{Client, ClientBuilder, PlainHttp};
use modelpack::{Store, Toolkit};

pub(crate) use self::credentials::{login_elsewhere, login_file, login_in_file};
pub(crate) use self::programs::git;
pub(crate) use self::survey::survey;
use crate::exit::UsageError;
use crate::flags::{Global, Network};
use crate::printer::note;

/// Opens the store and makes a client that talks to registries as the flags say.
pub(crate) fn toolkit(global: &Global, network: &Network) -> anyhow::Result<Toolkit> {
    let store = Store::create(storage_directory(global)?).map_err(modelpack::Error::from)?;
    let mut toolkit = Toolkit::new(store, client(global, network)?);
    if let Some(concurrency) = network.concurrency {
        let concurrency = NonZeroUsize::new(concurrency)
            .ok_or_else(|| UsageError("--concurrency must be at least 1".to_owned()))?;
        toolkit = toolkit.with_concurrency(concurrency);
    }
    Ok(toolkit)
}

/// Opens the store without any network, so that no setting of it can be in the way.
pub(crate) fn local(global: &Global) -> anyhow::Result<Toolkit> {
    let store = Store::create(storage_directory(global)?).map_err(modelpack::Error::from)?;
    let client = Client::builder().build().map_err(modelpack::Error::from)?;
    Ok(Toolkit::new(store, client))
}

/// `--storage-dir`, `MODELPACK_STORAGE_DIR`, `$XDG_DATA_HOME/modelpack`, `~/.local/share/modelpack`.
pub(crate) fn storage_directory(global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(directory) = &global.storage_dir {
        return Ok(directory.clone());
    }
    if let Some(directory) = absolute("XDG_DATA_HOME") {
        return Ok(directory.join("modelpack"));
    }
    home()
        .map(|home| home.join(".local/share/modelpack"))
        .ok_or_else(|| {
            UsageError(
                "there is no home directory; say where the store is with --storage-dir".to_owned(),
            )
            .into()
        })
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// A client that talks to registries as the files, variables and flags say, with the credentials of this machine.
pub(crate) fn client(global: &Global, network: &Network) -> anyhow::Result<Client> {
    let builder = options(global, network)?.credentials(credentials::sources(network)?);
    let Hosts { own, all, is_more } = hosts(network)?;
    let built = match builder.clone().hosts(all).build() {
        // Those directories belong to other programs; a mistake in one must not stop this one.
        Err(error) if is_more => {
            note(&format!("warning: no certs.d directory is used: {error}"));
            builder.hosts(own).build()
        }
        built => built,
    };
    Ok(built.map_err(modelpack::Error::from)?)
}

/// The options of a client that tries a login, without any credentials.
pub(crate) fn login_client(global: &Global, network: &Network) -> anyhow::Result<ClientBuilder> {
    let builder = options(global, network)?;
    let Hosts { own, all, is_more } = hosts(network)?;
    let full = builder.clone().hosts(all);
    match full.clone().build() {
        Err(error) if is_more => {
            note(&format!("warning: no certs.d directory is used: {error}"));
            Ok(builder.hosts(own))
        }
        _ => Ok(full),
    }
}

/// Settings of single hosts, without and with those of other programs' directories.
struct Hosts {
    own: modelpack::registry::hosts::Hosts,
    all: modelpack::registry::hosts::Hosts,
    is_more: bool,
}

fn hosts(network: &Network) -> anyhow::Result<Hosts> {
    let mut own = hosts::read(network)?;
    if network.proxy.is_some() {
        proxies::leave_to_flag(&mut own);
    }
    let mut all = own.clone();
    let is_more = certificates::add_directories(&mut all);
    Ok(Hosts { own, all, is_more })
}

fn options(global: &Global, network: &Network) -> anyhow::Result<ClientBuilder> {
    let plain = if network.plain_http {
        PlainHttp::Always
    } else {
        PlainHttp::Never
    };
    certificates::check_environment()?;
    let mut builder = Client::builder()
        .plain_http(plain)
        .danger_accept_invalid_certs(network.insecure)
        .user_agent(concat!("modelpack/", env!("CARGO_PKG_VERSION")))
        .proxies(proxies::given(network.proxy.as_deref())?);
    for path in &network.ca_file {
        builder = builder.add_ca_pem(read(path)?);
    }
    if let (Some(cert), Some(key)) = (&network.client_cert, &network.client_key) {
        builder = builder.client_identity(ClientIdentity::new(read(cert)?, read(key)?));
    }
    if !global.quiet {
        builder = builder.on_mirror_failure(|failure| {
            let error = failure.error;
            note(&format!(
                "warning: the mirror {} is passed over: {error}",
                failure.mirror
            ));
        });
    }
    Ok(builder)
}

/// A file that a flag names.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| UsageError(format!("cannot read {}: {error}", path.display())).into())
}

/// `$XDG_CONFIG_HOME`, else `~/.config`.
fn config_home() -> Option<PathBuf> {
    absolute("XDG_CONFIG_HOME").or_else(|| home().map(|home| home.join(".config")))
}

fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}

/// `SOURCE_DATE_EPOCH` as a time, when it is set.
pub(crate) fn source_date_epoch() -> anyhow::Result<Option<jiff::Timestamp>> {
    let Some(text) = env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    let seconds = text
        .parse::<i64>()
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    seconds.map(Some).ok_or_else(|| {
        UsageError(format!(
            "SOURCE_DATE_EPOCH is `{text}`, expected seconds since 1970"
        ))
        .into()
    })
}

/// Memory that programs can still take, in bytes.
pub(crate) fn free_memory() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes
        .map(|kibibytes| kibibytes.saturating_mul(1024))
        .ok_or_else(|| {
            anyhow::anyhow!("this system does not say how much memory is free; use --max-size")
        })
}

/// The store of Docker Model Runner: the one that was given, or where that program looks unless it was told
/// otherwise. `flag` is how one is given.
pub(crate) fn dmr_directory(given: Option<PathBuf>, flag: &str) -> anyhow::Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    given
        .or_else(|| variable("MODELS_PATH").map(PathBuf::from))
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".docker/models")))
        .ok_or_else(|| UsageError(format!("say where the store is: `{flag}`")).into())
}
