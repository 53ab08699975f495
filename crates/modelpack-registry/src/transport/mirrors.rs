//! Going from mirror to mirror, and to the registry when none of them can do it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Transport;
use crate::error::Error;
use crate::mirror::{Rests, Wanted, gives_way, places};
use crate::name::Name;
use crate::target::Target;

/// A mirror did not give what it was asked for, so the next place is asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct MirrorFailure<'a> {
    /// The mirror: scheme, host and port.
    pub mirror: &'a str,
    /// What was asked for, as the registry calls it.
    pub name: &'a Name,
    /// What the mirror did. [`Error::is_integrity`] means that it sent wrong bytes; it is not asked
    /// again then.
    pub error: &'a Error,
}

/// Who is told about mirrors that fail.
pub(crate) type OnMirrorFailure = Arc<dyn Fn(&MirrorFailure<'_>) + Send + Sync>;

/// What is known about mirrors.
#[derive(Default)]
pub(super) struct Mirrors {
    rests: Mutex<Rests>,
    on_failure: Option<OnMirrorFailure>,
}

impl Mirrors {
    pub(super) fn new(on_failure: Option<OnMirrorFailure>) -> Self {
        Self {
            rests: Mutex::default(),
            on_failure,
        }
    }

    fn rests(&self) -> MutexGuard<'_, Rests> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mirrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirrors").finish_non_exhaustive()
    }
}

/// The places that are asked for one thing, one after the other.
pub(crate) struct Places<'a> {
    transport: &'a Transport,
    name: &'a Name,
    targets: std::vec::IntoIter<Target>,
}

impl Transport {
    /// The places that may have what is wanted, mirrors that rest left out. The last is the registry.
    pub(crate) fn places<'a>(
        &'a self,
        name: &'a Name,
        wanted: Wanted,
    ) -> Result<Places<'a>, Error> {
        let settings = self.hosts.settings(&name.host);
        let plain_http = self.plain_http_for(&settings);
        let mut targets = places(name, wanted, &settings, plain_http)?;
        let (rests, now) = (self.mirrors.rests(), Instant::now().into_std());
        targets.retain(|place| !place.is_mirror() || !rests.is_resting(&place.origin, now));
        drop(rests);
        Ok(Places {
            transport: self,
            name,
            targets: targets.into_iter(),
        })
    }

    /// Never asks the mirrors of a registry again; says whether it has any.
    pub(crate) fn distrust_mirrors(&self, name: &Name) -> bool {
        let settings = self.hosts.settings(&name.host);
        let places = places(
            name,
            Wanted::Digest,
            &settings,
            self.plain_http_for(&settings),
        );
        let mut rests = self.mirrors.rests();
        let mirrors = places.into_iter().flatten().filter(Target::is_mirror);
        mirrors.map(|place| rests.distrust(&place.origin)).count() > 0
    }
}

impl Places<'_> {
    /// The place to ask now.
    pub(crate) fn next(&mut self) -> Target {
        self.targets
            .next()
            .expect("the registry comes last, and after it nobody asks for more")
    }

    /// Whether another place is to be asked after this outcome. A mirror that failed is reported.
    pub(crate) fn go_on<T>(&self, place: &Target, outcome: &Result<T, Error>) -> bool {
        match outcome {
            Err(error) if place.is_mirror() && gives_way(error) => {
                let mirrors = &self.transport.mirrors;
                mirrors
                    .rests()
                    .note(&place.origin, error, Instant::now().into_std());
                if let Some(on_failure) = &mirrors.on_failure {
                    on_failure(&MirrorFailure {
                        mirror: &place.origin.to_string(),
                        name: self.name,
                        error,
                    });
                }
                true
            }
            _ => false,
        }
    }
}
