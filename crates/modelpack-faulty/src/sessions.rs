//! Uploads that have begun.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use sha2::{Digest as _, Sha256};

use super::behaviour::Uploads;
use super::blob::Blob;
use super::digest::{Hasher, digest_like};
use super::fault::Location;

/// All uploads of one registry.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    started: u64,
    open: BTreeMap<String, Arc<Mutex<Session>>>,
}

/// One upload.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) repository: String,
    received: Received,
    /// The request that may write: a newer one takes over from one whose connection broke.
    writer: u64,
    pub(super) location: Location,
    pub(super) min_chunk: Option<u64>,
    /// A chunk was shorter than it may be, so it was the last.
    pub(super) short: bool,
}

#[derive(Debug)]
enum Received {
    Kept(Vec<u8>),
    Counted { len: u64, hasher: Option<Hasher> },
}

impl Sessions {
    pub(super) fn start(
        &self,
        repository: &str,
        uploads: Uploads,
        location: Location,
        min_chunk: Option<u64>,
    ) -> (String, Arc<Mutex<Session>>) {
        let received = match uploads {
            Uploads::Keep => Received::Kept(Vec::new()),
            Uploads::Hash => Received::Counted {
                len: 0,
                hasher: Some(Hasher::Sha256(Sha256::new())),
            },
            Uploads::Drop => Received::Counted {
                len: 0,
                hasher: None,
            },
        };
        let session = Arc::new(Mutex::new(Session {
            repository: repository.to_owned(),
            received,
            writer: 0,
            location,
            min_chunk,
            short: false,
        }));
        let mut inner = self.lock();
        inner.started += 1;
        let id = format!("upload-{}", inner.started);
        inner.open.insert(id.clone(), Arc::clone(&session));
        (id, session)
    }

    pub(super) fn find(&self, repository: &str, id: &str) -> Option<Arc<Mutex<Session>>> {
        let session = Arc::clone(self.lock().open.get(id)?);
        let here = lock(&session).repository == repository;
        here.then_some(session)
    }

    pub(super) fn remove(&self, id: &str) {
        self.lock().open.remove(id);
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nothing panics while it holds the uploads")
    }
}

pub(super) fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session
        .lock()
        .expect("nothing panics while it holds an upload")
}

impl Session {
    pub(super) fn len(&self) -> u64 {
        match &self.received {
            Received::Kept(bytes) => bytes.len() as u64,
            Received::Counted { len, .. } => *len,
        }
    }

    /// From now on only the caller writes.
    pub(super) fn take_over(&mut self) -> u64 {
        self.writer += 1;
        self.writer
    }

    /// False when another request has taken over.
    pub(super) fn append(&mut self, writer: u64, bytes: &[u8]) -> bool {
        if writer != self.writer {
            return false;
        }
        match &mut self.received {
            Received::Kept(kept) => kept.extend_from_slice(bytes),
            Received::Counted { len, hasher } => {
                *len += bytes.len() as u64;
                if let Some(hasher) = hasher {
                    hasher.update(bytes);
                }
            }
        }
        true
    }

    /// Loses the end. What was only counted can no longer be checked after that.
    pub(super) fn lose(&mut self, by: u64) {
        if by == 0 {
            return;
        }
        match &mut self.received {
            Received::Kept(bytes) => {
                let len = (bytes.len() as u64).saturating_sub(by);
                bytes.truncate(len as usize);
            }
            Received::Counted { len, hasher } => {
                *len = len.saturating_sub(by);
                *hasher = None;
            }
        }
    }

    /// The blob, if it has that digest.
    pub(super) fn finish(&mut self, digest: &str) -> Option<Blob> {
        match &mut self.received {
            Received::Kept(bytes) => {
                let bytes = std::mem::take(bytes);
                let right = digest_like(digest, &bytes)? == digest;
                right.then(|| Blob::Kept(bytes.into()))
            }
            Received::Counted { len, hasher } => {
                // Only sha256 runs along; another digest is believed.
                let right = match hasher.take() {
                    Some(hasher) if digest.starts_with("sha256:") => hasher.finish() == digest,
                    _ => true,
                };
                right.then_some(Blob::Dropped { len: *len })
            }
        }
    }
}
