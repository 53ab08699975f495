//! Upload sessions: what was received so far, between the requests of a client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use modelpack_spec::distribution::{ErrorCode, UploadId};
use modelpack_spec::{Digest, Repository};
use tokio::sync::OwnedMutexGuard;

use crate::Error;
use crate::answer::Refusal;
use crate::storage::Upload;

/// Random bytes of an id: it cannot be guessed, and never meets another one.
const ID_BYTES: usize = 16;

/// The sessions of a registry.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<UploadId, Arc<Session>>>,
}

/// An upload session. It belongs to one repository and one caller, and serves one request at a time.
pub(crate) struct Session {
    repository: Repository,
    /// Name of the caller that opened it, where callers have names.
    owner: Option<Box<str>>,
    began: Instant,
    received: Arc<AtomicU64>,
    last_used: Mutex<Instant>,
    upload: Arc<tokio::sync::Mutex<State>>,
}

struct State {
    /// Taken when the session ends.
    upload: Option<Box<dyn Upload>>,
    received: Arc<AtomicU64>,
}

/// The right to add to an upload. It can move to a blocking task; when it is dropped, the next
/// request finds the session with everything that was added.
pub(crate) struct UploadGuard(OwnedMutexGuard<State>);

impl UploadGuard {
    /// Adds the next bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let state = &mut *self.0;
        if let Some(upload) = &mut state.upload {
            upload.append(bytes)?;
            state
                .received
                .fetch_add(bytes.len() as u64, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Ends the upload by giving its blob a name.
    pub(crate) fn commit(mut self, digest: &Digest) -> Result<(), Error> {
        match self.0.upload.take() {
            Some(upload) => upload.commit(digest),
            None => Ok(()),
        }
    }

    /// Ends the upload and forgets it.
    pub(crate) fn discard(mut self) {
        self.0.upload = None;
    }

    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Acquire)
    }
}

impl Session {
    /// An upload that lasts for one request only.
    pub(crate) fn single(
        repository: Repository,
        owner: Option<Box<str>>,
        upload: Box<dyn Upload>,
    ) -> Self {
        let received = Arc::new(AtomicU64::new(0));
        Self {
            repository,
            owner,
            began: Instant::now(),
            received: Arc::clone(&received),
            last_used: Mutex::new(Instant::now()),
            upload: Arc::new(tokio::sync::Mutex::new(State {
                upload: Some(upload),
                received,
            })),
        }
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    /// Takes the session for one request; `None` while another request has it.
    pub(crate) fn take(&self) -> Result<Option<UploadGuard>, Refusal> {
        *lock(&self.last_used) = Instant::now();
        match Arc::clone(&self.upload).try_lock_owned() {
            Ok(state) if state.upload.is_some() => Ok(Some(UploadGuard(state))),
            Ok(_) => Err(unknown()),
            Err(_) => Ok(None),
        }
    }

    /// Whether it may be forgotten: nobody came for too long, or it has been going on for too long.
    /// A request that is adding to it keeps it.
    fn is_over(&self, lifetime: &Lifetime) -> bool {
        let is_old =
            lock(&self.last_used).elapsed() > lifetime.idle || self.began.elapsed() > lifetime.age;
        is_old && self.upload.try_lock().is_ok()
    }
}

/// How long a session lasts.
pub(crate) struct Lifetime {
    pub(crate) idle: Duration,
    pub(crate) age: Duration,
}

impl Sessions {
    /// Opens a session, forgetting those that are over.
    pub(crate) fn open(
        &self,
        session: Session,
        most: usize,
        lifetime: &Lifetime,
    ) -> Result<UploadId, Refusal> {
        let id = new_id()?;
        let mut open = lock(&self.open);
        open.retain(|_, session| !session.is_over(lifetime));
        if open.len() >= most {
            return Err(Refusal::too_many("too many uploads at once"));
        }
        open.insert(id.clone(), Arc::new(session));
        Ok(id)
    }

    /// A session of this repository and this caller. One of another is as unknown as one that ended.
    pub(crate) fn get(
        &self,
        repository: &Repository,
        owner: Option<&str>,
        id: &UploadId,
        lifetime: &Lifetime,
    ) -> Result<Arc<Session>, Refusal> {
        let mut open = lock(&self.open);
        let session = open
            .get(id)
            .filter(|session| session.repository == *repository)
            .filter(|session| session.owner.as_deref() == owner)
            .ok_or_else(unknown)?;
        if session.is_over(lifetime) {
            open.remove(id);
            return Err(unknown());
        }
        Ok(Arc::clone(session))
    }

    /// Forgets the sessions that are over, with what they hold.
    pub(crate) fn sweep(&self, lifetime: &Lifetime) {
        let over: Vec<_> = {
            let mut open = lock(&self.open);
            let ids: Vec<_> = open
                .iter()
                .filter(|(_, session)| session.is_over(lifetime))
                .map(|(id, _)| id.clone())
                .collect();
            ids.iter().filter_map(|id| open.remove(id)).collect()
        };
        // Their files are removed without the lock.
        drop(over);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }

    /// Forgets a session that has ended.
    pub(crate) fn close(&self, id: &UploadId) {
        lock(&self.open).remove(id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unknown() -> Refusal {
    Refusal::new(ErrorCode::BlobUploadUnknown, "no such upload session")
}

fn new_id() -> Result<UploadId, Refusal> {
    let mut random = [0; ID_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| Error::storage("make an id for an upload", error.to_string()))?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(text.parse().expect("32 hex digits are an id"))
}
