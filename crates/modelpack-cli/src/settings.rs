//! Settings: flags, then `MODELPACK_*`, then defaults. The one place that reads the environment.

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;
use modelpack::registry::{Client, DockerConfig, PlainHttp};
use modelpack::{Store, Toolkit};

use crate::cli::{Global, Network};
use crate::exit::UsageError;
use crate::printer::note;

/// Opens the store and makes a client that talks to registries as the flags say.
pub(crate) fn toolkit(global: &Global, network: &Network) -> anyhow::Result<Toolkit> {
    let store = Store::create(storage_directory(global)?).map_err(modelpack::Error::from)?;
    let mut toolkit = Toolkit::new(store, client(network)?);
    if let Some(concurrency) = network.concurrency {
        let concurrency = NonZeroUsize::new(concurrency)
            .ok_or_else(|| UsageError("--concurrency must be at least 1".to_owned()))?;
        toolkit = toolkit.with_concurrency(concurrency);
    }
    Ok(toolkit)
}

/// Opens the store without any network.
pub(crate) fn local(global: &Global) -> anyhow::Result<Toolkit> {
    toolkit(global, &Network::default())
}

/// `--storage-dir`, `MODELPACK_STORAGE_DIR`, `$XDG_DATA_HOME/modelpack`, `~/.local/share/modelpack`.
pub(crate) fn storage_directory(global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(directory) = &global.storage_dir {
        return Ok(directory.clone());
    }
    if let Some(directory) = absolute("XDG_DATA_HOME") {
        return Ok(directory.join("modelpack"));
    }
    let home = env::home_dir().filter(|home| home.is_absolute());
    home.map(|home| home.join(".local/share/modelpack"))
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

fn client(network: &Network) -> anyhow::Result<Client> {
    let plain = if network.plain_http {
        PlainHttp::Always
    } else {
        PlainHttp::Never
    };
    let mut builder = Client::builder()
        .plain_http(plain)
        .danger_accept_invalid_certs(network.insecure)
        .user_agent(concat!("modelpack/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = docker_config()? {
        let content =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        match DockerConfig::parse(&content) {
            Ok(config) => builder = builder.credentials(config),
            Err(error) => note(&format!("warning: {} is not used: {error}", path.display())),
        }
    }
    Ok(builder.build().map_err(modelpack::Error::from)?)
}

/// `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`, when it is there.
fn docker_config() -> anyhow::Result<Option<PathBuf>> {
    let directory = match env::var_os("DOCKER_CONFIG") {
        Some(directory) => Some(PathBuf::from(directory)),
        None => env::home_dir().map(|home| home.join(".docker")),
    };
    Ok(directory
        .map(|directory| directory.join("config.json"))
        .filter(|path| path.is_file()))
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
