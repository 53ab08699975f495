//! Keeping for a while what clients were told is there.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use modelpack_spec::Digest;
use modelpack_store::{Lease, Store};

use super::failed;
use crate::Error;

/// Least time for which a blob is protected. A client pushes its manifest right after its last blob,
/// and the largest blobs take minutes.
pub(super) const GRACE: Duration = Duration::from_secs(30 * 60);
/// Most digests under one lease: bounds the memory, and the file that a prune has to read.
const MAX_NOTED: usize = 100_000;

/// Protects blobs from prune by two leases. The newer one takes everything; when it is as old as the
/// grace time it becomes the older one, and the older one ends. So nothing is kept for ever by a
/// registry that runs for months, and only two files are open.
#[derive(Debug)]
pub(super) struct Grace {
    store: Store,
    time: Duration,
    leases: Mutex<Leases>,
}

#[derive(Debug)]
struct Leases {
    newer: Lease,
    since: Instant,
    noted: HashSet<Digest>,
    _older: Option<Lease>,
}

impl Grace {
    pub(super) fn new(store: Store, time: Duration) -> Result<Self, Error> {
        let newer = begin(&store)?;
        Ok(Self {
            store,
            time,
            leases: Mutex::new(Leases {
                newer,
                since: Instant::now(),
                noted: HashSet::new(),
                _older: None,
            }),
        })
    }

    /// The lease for something new. What is written under it holds it until it is done.
    pub(super) fn lease(&self) -> Result<Lease, Error> {
        self.with_fresh(|leases| Ok(leases.newer.clone()))
    }

    /// Protects a blob and says its size, if it is there.
    pub(super) fn protect(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let action = || format!("look for blob {digest}");
        self.with_fresh(|leases| {
            if leases.noted.contains(digest) {
                return self
                    .store
                    .blob_size(digest)
                    .map_err(|error| failed(action(), error));
            }
            let size = leases
                .newer
                .protect(digest)
                .map_err(|error| failed(action(), error))?;
            leases.noted.insert(*digest);
            Ok(size)
        })
    }

    fn with_fresh<T>(&self, act: impl FnOnce(&mut Leases) -> Result<T, Error>) -> Result<T, Error> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.since.elapsed() > self.time || leases.noted.len() >= MAX_NOTED {
            let fresh = begin(&self.store)?;
            leases._older = Some(std::mem::replace(&mut leases.newer, fresh));
            leases.since = Instant::now();
            leases.noted.clear();
        }
        act(&mut leases)
    }
}

fn begin(store: &Store) -> Result<Lease, Error> {
    store
        .lease()
        .map_err(|error| failed("begin a lease of the store", error))
}
