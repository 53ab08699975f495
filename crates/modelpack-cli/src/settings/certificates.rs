//! Certificates from where other tools keep them: `SSL_CERT_FILE` and the `certs.d` directories.

use std::env;
use std::io;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use modelpack::registry::hosts::{ClientIdentity, HostSettings, Hosts};

use super::{absolute, config_home};
use crate::exit::UsageError;
use crate::printer::note;

/// Where Docker and the containers tools keep certificates for all users.
const SYSTEM: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/// A variable that names roots which cannot be read would leave none at all, and every server would seem
/// to have a bad certificate.
pub(super) fn check_environment() -> anyhow::Result<()> {
    if let Some(path) = env::var_os("SSL_CERT_FILE").map(PathBuf::from)
        && let Err(error) = std::fs::File::open(&path)
    {
        let path = path.display();
        return Err(UsageError(format!(
            "SSL_CERT_FILE is {path}, which cannot be read: {error}"
        ))
        .into());
    }
    Ok(())
}

/// Adds what the `certs.d` directories say to the settings of their hosts, which come first. Says whether
/// there was anything. What cannot be read is said and passed over: often only root may.
pub(super) fn add_directories(hosts: &mut Hosts) -> bool {
    let mut is_more = false;
    for directory in directories() {
        is_more |= add_directory(hosts, &directory, &mut |path, error| {
            note(&format!("warning: {} is not used: {error}", path.display()));
        });
    }
    is_more
}

/// The `certs.d` directories that are looked into, the first one first.
pub(super) fn directories() -> Vec<PathBuf> {
    let own = [
        config_home().map(|home| home.join("containers/certs.d")),
        config_home().map(|home| home.join("docker/certs.d")),
        absolute("DOCKER_CONFIG")
            .or_else(|| super::home().map(|home| home.join(".docker")))
            .map(|docker| docker.join("certs.d")),
    ];
    let system = SYSTEM.map(PathBuf::from);
    own.into_iter().flatten().chain(system).collect()
}

type Complain<'a> = &'a mut dyn FnMut(&Path, io::Error);

/// Adds a directory with one directory per host, named `host` or `host:port`.
fn add_directory(hosts: &mut Hosts, directory: &Path, complain: Complain<'_>) -> bool {
    let mut is_more = false;
    for entry in entries(directory, complain) {
        let name = entry.file_name().and_then(|name| name.to_str());
        let Some(host) = name.and_then(|name| name.to_ascii_lowercase().parse().ok()) else {
            continue;
        };
        is_more |= add_host(hosts.entry(host), &entry, complain);
    }
    is_more
}

/// `*.crt` are authorities; `NAME.cert` with `NAME.key` is what we show to the host.
fn add_host(settings: &mut HostSettings, directory: &Path, complain: Complain<'_>) -> bool {
    let mut read = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| complain(path, error))
            .ok()
    };
    let mut is_more = false;
    for path in entries(directory, &mut |_, _| {}) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => {
                if let Some(pem) = read(&path) {
                    settings.ca_pem.push(pem);
                    is_more = true;
                }
            }
            Some("cert") if settings.identity.is_none() => {
                if let (Some(cert), Some(key)) = (read(&path), read(&path.with_extension("key"))) {
                    settings.identity = Some(ClientIdentity::new(cert, key));
                    is_more = true;
                }
            }
            _ => {}
        }
    }
    is_more
}

/// What a directory holds, by name; nothing when there is no such directory.
fn entries(directory: &Path, complain: Complain<'_>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    match std::fs::read_dir(directory) {
        Ok(entries) => found.extend(entries.flatten().map(|entry| entry.path())),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {}
        Err(error) => complain(directory, error),
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests;
