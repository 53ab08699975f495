//! The file `hosts.toml`.

use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use modelpack::registry::hosts::Hosts;

use super::config_home;
use crate::exit::UsageError;
use crate::flags::Network;

/// `--hosts-file`, else `hosts.toml` in the configuration directory when it is there.
pub(super) fn read(network: &Network) -> anyhow::Result<Hosts> {
    let (path, is_wanted) = match &network.hosts_file {
        Some(path) => (path.clone(), true),
        None => match default_path() {
            Some(path) => (path, false),
            None => return Ok(Hosts::default()),
        },
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        // A user without a home often has `/dev/null` for one.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) && !is_wanted => {
            return Ok(Hosts::default());
        }
        Err(error) => {
            return Err(UsageError(format!("cannot read {}: {error}", path.display())).into());
        }
    };
    parse(&path, &text).map_err(|reason| UsageError(reason).into())
}

/// Where the file is when none is named.
pub(super) fn default_path() -> Option<PathBuf> {
    Some(config_home()?.join("modelpack/hosts.toml"))
}

/// Paths in the file are relative to it.
fn parse(path: &Path, text: &str) -> Result<Hosts, String> {
    let at = path.display();
    let mut hosts = Hosts::from_toml(text).map_err(|error| format!("{at}: {error}"))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    hosts
        .load_files(|file| std::fs::read(directory.join(file)))
        .map_err(|error| match std::error::Error::source(&error) {
            Some(cause) => format!("{at}: {error}: {cause}"),
            None => format!("{at}: {error}"),
        })?;
    Ok(hosts)
}

#[cfg(test)]
mod tests;
