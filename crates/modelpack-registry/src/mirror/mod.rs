//! Where content is asked for: the mirrors of a registry in their order, then the registry itself.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use modelpack_spec::{Host, Repository};

use crate::client::PlainHttp;
use crate::error::Error;
use crate::hosts::{HostSettings, Mirror};
use crate::name::Name;
use crate::policy::Origin;
use crate::target::Target;

/// How long a mirror that could not be reached is left alone, so that not every blob waits for it.
const REST: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Bytes that prove themselves.
    Digest,
    /// Where a tag points, which has to be believed.
    Tag,
}

/// All places that may have what a repository has, in the order in which they are asked. The last one is
/// the registry itself.
pub(crate) fn places(
    name: &Name,
    wanted: Wanted,
    settings: &HostSettings,
    plain_http: PlainHttp,
) -> Result<Vec<Target>, Error> {
    let upstream = Target::new(name, plain_http)?;
    let mut mirrors: Vec<&Mirror> = settings
        .mirrors
        .iter()
        .filter(|mirror| mirror.tags || wanted == Wanted::Digest)
        .collect();
    mirrors.sort_by_key(|mirror| mirror.priority);
    let mut places = Vec::with_capacity(mirrors.len() + 1);
    for mirror in mirrors {
        let Some(repository) = repository_at(mirror, upstream.repository()) else {
            continue;
        };
        let there = Name::new(mirror.url.host().clone(), repository);
        let ns = mirror.ns.then(|| namespace(&name.host));
        let place = Target::mirror(&there, mirror.url.is_https(), ns)?;
        // A registry that mirrors itself, or one mirror written twice, is asked once.
        let is_known = |known: &Target| {
            known.origin == place.origin && known.repository() == place.repository()
        };
        if !is_known(&upstream) && !places.iter().any(is_known) {
            places.push(place);
        }
    }
    places.push(upstream);
    Ok(places)
}

/// The repository as a mirror calls it; `None` when it would be too long to be one.
fn repository_at(mirror: &Mirror, repository: &Repository) -> Option<Repository> {
    match &mirror.path_prefix {
        None => Some(repository.clone()),
        Some(prefix) => format!("{prefix}/{repository}").parse().ok(),
    }
}

/// The name of a registry in `ns`: as references write it.
fn namespace(host: &Host) -> Host {
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => {
            "docker.io".parse().expect("Docker Hub has a host")
        }
        _ => host.clone(),
    }
}

/// Whether the next place can do better after this error of a mirror. It cannot when our own side failed.
pub(crate) fn gives_way(error: &Error) -> bool {
    !matches!(error, Error::Sink { .. } | Error::Source { .. })
}

/// Which mirrors are left alone.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    until: HashMap<Origin, Option<Instant>>,
}

impl Rests {
    /// Takes note of an error. A mirror that could not be reached rests for a while, one that sent wrong
    /// bytes for ever; one that merely does not have it, or refuses, does not.
    pub(crate) fn note(&mut self, mirror: &Origin, error: &Error, now: Instant) {
        if error.is_integrity() {
            self.distrust(mirror);
        } else if error.is_network() && self.until.get(mirror) != Some(&None) {
            self.until.insert(mirror.clone(), Some(now + REST));
        }
    }

    /// Never asks a mirror again.
    pub(crate) fn distrust(&mut self, mirror: &Origin) {
        self.until.insert(mirror.clone(), None);
    }

    pub(crate) fn is_resting(&self, mirror: &Origin, now: Instant) -> bool {
        match self.until.get(mirror) {
            None => false,
            Some(None) => true,
            Some(Some(until)) => now < *until,
        }
    }
}

#[cfg(test)]
mod tests;
