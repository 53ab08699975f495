//! Blobs on their way from upstream, as those see them who wait for them.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use modelpack_spec::{Digest, Repository};
use tokio::sync::watch;

use crate::answer::Refusal;
use crate::storage::Content;
use crate::{Error, Registry};

/// Bytes at the end of a blob that nobody gets before all of it was verified and kept. Without them no answer is
/// complete. So many that connections cannot run together with the end what went before it; too few to be
/// waited for once they are verified.
pub(crate) const HELD_BACK: u64 = 64 * 1024;

/// How far a fetch is. It goes from each to one further down, and is told to all who watch.
#[derive(Clone)]
enum Stage {
    /// Nothing of the blob can be shown before it is over.
    Begun,
    /// It can be read up to what was written.
    Arriving { blob: Blob, written: u64 },
    /// It was verified, and is in the storage.
    Kept,
    /// Upstream does not have it.
    Absent,
    /// It could not be fetched, or it is not what it should be.
    Failed(Refusal),
}

/// A blob that can be read while it arrives.
#[derive(Clone)]
struct Blob {
    size: u64,
    content: Arc<dyn Content>,
}

impl Stage {
    fn is_over(&self) -> bool {
        matches!(self, Self::Kept | Self::Absent | Self::Failed(_))
    }

    /// Up to which byte of a blob of this size it may be sent; `None` when it will never be all of it.
    fn sendable(&self, size: u64) -> Option<u64> {
        match self {
            Self::Begun => Some(0),
            Self::Arriving { written, .. } => Some((*written).min(size.saturating_sub(HELD_BACK))),
            Self::Kept => Some(size),
            Self::Absent | Self::Failed(_) => None,
        }
    }

    /// Why what was begun cannot be sent to its end.
    fn broken(&self) -> io::Error {
        match self {
            Self::Failed(refusal) => match &refusal.error {
                Some(error) => io::Error::other(Arc::clone(error)),
                None => io::Error::other("the blob could not be fetched"),
            },
            _ => io::Error::other("the blob is not upstream any more"),
        }
    }
}

/// Tells how far a fetch is. Clones tell of the same one.
#[derive(Clone)]
pub(super) struct Stages(Arc<watch::Sender<Stage>>);

impl Stages {
    /// From now on the blob can be read while it arrives.
    pub(super) fn arriving(&self, size: u64, content: Arc<dyn Content>) {
        let blob = Blob { size, content };
        self.0.send_replace(Stage::Arriving { blob, written: 0 });
    }

    /// So many bytes more can be read.
    pub(super) fn wrote(&self, bytes: u64) {
        self.0.send_if_modified(|stage| match stage {
            Stage::Arriving { written, .. } => {
                *written += bytes;
                true
            }
            _ => false,
        });
    }

    /// Whether somebody may have got bytes of it already.
    pub(super) fn is_arriving(&self) -> bool {
        matches!(*self.0.borrow(), Stage::Arriving { .. })
    }
}

/// The fetches that are under way: one for each blob, however many want it.
#[derive(Default)]
pub(crate) struct Fetches {
    running: Mutex<HashMap<Digest, Fetch>>,
}

impl Fetches {
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Fetch>> {
        // No code that can panic runs under this lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that somebody waits for.
#[derive(Clone)]
pub(super) struct Fetch {
    /// For which repository upstream was asked.
    pub(super) repository: Repository,
    stage: watch::Receiver<Stage>,
}

/// What a fetch has become as soon as that can be answered.
pub(crate) enum Begun {
    /// The blob is in the storage.
    Kept,
    /// Upstream does not have it.
    Absent,
    /// Its bytes arrive.
    Arriving(Arriving),
}

impl Fetch {
    /// Waits until the blob can be read, or until it is over.
    pub(super) async fn begun(&mut self) -> Result<Begun, Refusal> {
        let has_begun = |stage: &Stage| !matches!(stage, Stage::Begun);
        let stage = match self.stage.wait_for(has_begun).await {
            Ok(stage) => stage.clone(),
            Err(_) => Stage::Failed(stopped()),
        };
        match stage {
            Stage::Arriving { blob, .. } => Ok(Begun::Arriving(Arriving {
                size: blob.size,
                content: blob.content,
                stage: self.stage.clone(),
            })),
            Stage::Begun | Stage::Absent => Ok(Begun::Absent),
            Stage::Kept => Ok(Begun::Kept),
            Stage::Failed(refusal) => Err(refusal),
        }
    }
}

/// A blob that is on its way.
#[derive(Clone)]
pub(crate) struct Arriving {
    /// Its size in bytes, as upstream has promised it.
    pub(crate) size: u64,
    pub(crate) content: Arc<dyn Content>,
    stage: watch::Receiver<Stage>,
}

impl Arriving {
    /// Whether a byte can only be sent when the whole blob was verified.
    pub(crate) fn is_held_back(&self, offset: u64) -> bool {
        offset >= self.size.saturating_sub(HELD_BACK)
    }

    /// Waits until it is over. `false` when upstream does not have it after all.
    pub(crate) async fn kept(mut self) -> Result<bool, Refusal> {
        match self.stage.wait_for(Stage::is_over).await.as_deref() {
            Ok(Stage::Kept) => Ok(true),
            Ok(Stage::Failed(refusal)) => Err(refusal.clone()),
            Ok(_) => Ok(false),
            Err(_) => Err(stopped()),
        }
    }

    /// Tells an answer how far it may go.
    pub(crate) fn frontier(self) -> Frontier {
        Frontier {
            size: self.size,
            stage: self.stage,
            waiting: None,
        }
    }
}

/// How far a blob may be sent that is on its way.
pub(crate) struct Frontier {
    size: u64,
    stage: watch::Receiver<Stage>,
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = io::Result<u64>> + Send + Sync>>;

impl Frontier {
    /// Where what may be sent ends now.
    pub(crate) fn now(&self) -> Option<u64> {
        self.stage.borrow().sendable(self.size)
    }

    /// Where it ends, as soon as that is beyond this byte.
    ///
    /// # Errors
    /// When it will never be all of it.
    pub(crate) fn poll_beyond(
        &mut self,
        sent: u64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        loop {
            let (size, stage) = (self.size, &self.stage);
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(beyond(stage.clone(), size, sent)));
            let end = ready!(waiting.as_mut().poll(context));
            self.waiting = None;
            // What was waited for may have been an earlier byte, which was sent meanwhile.
            if end.as_ref().map_or(true, |end| *end > sent) {
                return Poll::Ready(end);
            }
        }
    }
}

async fn beyond(mut stage: watch::Receiver<Stage>, size: u64, sent: u64) -> io::Result<u64> {
    let is_beyond = |stage: &Stage| stage.sendable(size).is_none_or(|end| end > sent);
    let stage = stage.wait_for(is_beyond).await;
    let stage = stage.map_err(|_| io::Error::other("the fetch was stopped"))?;
    stage.sendable(size).ok_or_else(|| stage.broken())
}

/// A fetch that is to be carried out, as the task sees it that does so. However that task ends, a panic
/// included, those who wait are told.
pub(super) struct Running {
    registry: Registry,
    digest: Digest,
    stages: Stages,
}

impl Running {
    pub(super) fn stages(&self) -> &Stages {
        &self.stages
    }

    pub(super) fn end(self, result: Result<bool, Refusal>) {
        self.over(match result {
            Ok(true) => Stage::Kept,
            Ok(false) => Stage::Absent,
            Err(refusal) => Stage::Failed(refusal),
        });
    }

    fn over(&self, stage: Stage) {
        // Forgotten before it is over: whoever waited for the end and comes again gets another one.
        self.registry.fetches().lock().remove(&self.digest);
        self.stages.0.send_replace(stage);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let is_over = self.stages.0.borrow().is_over();
        if !is_over {
            self.over(Stage::Failed(stopped()));
        }
    }
}

impl Registry {
    /// The fetch of a blob, and the right to carry it out when it is a new one.
    pub(super) fn fetch_of(&self, name: &Repository, digest: &Digest) -> (Fetch, Option<Running>) {
        let mut running = self.fetches().lock();
        if let Some(fetch) = running.get(digest) {
            return (fetch.clone(), None);
        }
        let (sender, stage) = watch::channel(Stage::Begun);
        let fetch = Fetch {
            repository: name.clone(),
            stage,
        };
        running.insert(*digest, fetch.clone());
        let new = Running {
            registry: self.clone(),
            digest: *digest,
            stages: Stages(Arc::new(sender)),
        };
        (fetch, Some(new))
    }
}

fn stopped() -> Refusal {
    Error::Stopped {
        source: "the fetch of a blob has ended before its time".into(),
    }
    .into()
}
