//! Progress and cancellation, which every operation takes as an argument.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use modelpack_spec::Digest;
use tokio::sync::Notify;

use crate::Error;

/// What an operation reports to and how it is stopped.
///
/// The default reports to nobody and never stops. Dropping the future of an operation stops it as
/// well; a token also reaches work that runs on blocking threads.
#[derive(Clone, Default)]
pub struct Control {
    progress: Option<Arc<dyn Progress>>,
    cancel: CancelToken,
}

impl Control {
    /// A control that reports to `progress`.
    #[must_use]
    pub fn with_progress(progress: Arc<dyn Progress>) -> Self {
        Self {
            progress: Some(progress),
            cancel: CancelToken::default(),
        }
    }

    /// The same control, stopped by `cancel`.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// The token that stops the operation.
    #[must_use]
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// The same control for parts of the operation on threads of their own, which nobody waits for when
    /// another part fails.
    pub(crate) fn part(&self) -> Part {
        Part(Self {
            progress: self.progress.clone(),
            cancel: self.cancel.child(),
        })
    }

    pub(crate) fn report(&self, event: Event<'_>) {
        if let Some(progress) = &self.progress {
            progress.event(event);
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Runs `operation` until it ends or the token is cancelled.
    pub(crate) async fn stop_early<T>(
        &self,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Cancelled),
            result = operation => result,
        }
    }
}

impl Control {
    /// Runs `operation` until it ends or its time is over.
    pub(crate) async fn within<T>(
        &self,
        deadline: Option<Duration>,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match deadline {
            None => operation.await,
            Some(limit) => tokio::time::timeout(limit, operation)
                .await
                .unwrap_or(Err(Error::Deadline { limit })),
        }
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("progress", &self.progress.is_some())
            .field("cancelled", &self.cancel.is_cancelled())
            .finish()
    }
}

/// Receives events while an operation runs. Called from any thread; must return quickly.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Something that happened while an operation ran.
///
/// Every item that is started is finished, unless the operation fails. The sum of `bytes` over the
/// [`Event::Advanced`] of an item never exceeds its size.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The work is known: so many items, so many bytes.
    Planned {
        /// Number of items.
        items: usize,
        /// Bytes of all items.
        bytes: u64,
    },
    /// Work on an item begins.
    Started(&'a Item),
    /// An earlier transfer of an item is gone on with.
    Resumed {
        /// The item.
        item: &'a Item,
        /// Bytes that are there; they come as [`Event::Advanced`] too.
        bytes: u64,
    },
    /// Another process transfers the item; its result is waited for.
    Waiting(&'a Item),
    /// More bytes of an item are done.
    Advanced {
        /// The item.
        item: &'a Item,
        /// Bytes since the last event of this item.
        bytes: u64,
    },
    /// An item is done.
    Finished {
        /// The item.
        item: &'a Item,
        /// How.
        outcome: Outcome,
    },
    /// Something that the user should know, but that stops nothing.
    Warning(&'a str),
}

/// A blob or file on which an operation works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// File path, or `config` or `manifest`.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest, where it is known before the work begins.
    pub digest: Option<Digest>,
}

impl Item {
    /// An item.
    #[must_use]
    pub fn new(name: impl Into<String>, size: u64, digest: Option<Digest>) -> Self {
        Self {
            name: name.into(),
            size,
            digest,
        }
    }
}

/// How work on an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// It was there already.
    Exists,
    /// All of its bytes were transferred and verified.
    Transferred,
    /// An earlier, broken transfer was continued.
    Resumed,
    /// The registry linked it from another repository.
    Mounted,
    /// It was hashed and copied.
    Copied,
    /// It shares its bytes with the source: a hard link or reflink.
    Linked,
    /// It was hashed where it is; the report says whether it is right.
    Hashed,
}

/// Stops operations. Clones share one state.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    cancelled: AtomicBool,
    wake: Notify,
    /// Stops this one as well.
    parent: Option<CancelToken>,
}

impl CancelToken {
    /// Stops everything that holds a clone of this token. There is no way back.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.0.wake.notify_waiters();
    }

    /// Whether [`Self::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let parent = self.0.parent.as_ref();
        self.0.cancelled.load(Ordering::SeqCst) || parent.is_some_and(Self::is_cancelled)
    }

    /// Returns once [`Self::cancel`] was called.
    pub async fn cancelled(&self) {
        // Registering before looking makes a cancellation between the two impossible to miss.
        let wake = self.0.wake.notified();
        tokio::pin!(wake);
        wake.as_mut().enable();
        if self.is_cancelled() {
            return;
        }
        match &self.0.parent {
            None => wake.await,
            Some(parent) => tokio::select! {
                () = wake => {}
                () = Box::pin(parent.cancelled()) => {}
            },
        }
    }

    /// A token that this one stops, and that can be stopped alone.
    fn child(&self) -> Self {
        Self(Arc::new(CancelState {
            parent: Some(self.clone()),
            ..CancelState::default()
        }))
    }
}

/// Stops parts of an operation when the whole of it ends, however that is.
pub(crate) struct Part(pub(crate) Control);

impl Drop for Part {
    fn drop(&mut self) {
        self.0.cancel.cancel();
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CancelToken({})",
            if self.is_cancelled() {
                "cancelled"
            } else {
                "running"
            }
        )
    }
}

#[cfg(test)]
mod tests;
