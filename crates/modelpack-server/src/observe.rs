//! What an observer is told of, for logs and metrics.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use modelpack_spec::{Digest, Repository, Tag};

use crate::Error;
use crate::metrics::Metrics;

/// Is told of what a registry does. Calls must not block.
pub trait Observer: Send + Sync + 'static {
    /// An answer is ready; its body is still to be sent.
    fn answered(&self, answer: &Answered<'_>) {
        let _ = answer;
    }

    /// A tag that came from upstream is answered as it was kept, because upstream could not say where
    /// it points now.
    fn not_refreshed(&self, tag: &NotRefreshed<'_>) {
        let _ = tag;
    }

    /// A blob whose bytes were handed on while they arrived from upstream has turned out to be wrong or
    /// incomplete. Its answers were broken off.
    fn not_fetched(&self, blob: &NotFetched<'_>) {
        let _ = blob;
    }

    /// The body of an answer was sent, or its client is gone.
    fn finished(&self, finished: &Finished<'_>) {
        let _ = finished;
    }
}

/// The address of the client of a request. A listener of this crate puts it into the extensions of
/// the request; a program that embeds the registry can do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Marks a request that came over a connection too many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowded;

/// One answer, as an [`Observer`] sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Answered<'a> {
    /// Method of the request.
    pub method: &'a Method,
    /// Path of the request, as it was received.
    pub path: &'a str,
    /// Status of the answer.
    pub status: StatusCode,
    /// What failed, where the fault is not the client's. Clients only see that something did.
    pub error: Option<&'a Error>,
}

/// A tag that may have moved upstream, as an [`Observer`] sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NotRefreshed<'a> {
    /// Its repository.
    pub repository: &'a Repository,
    /// The tag.
    pub tag: &'a Tag,
    /// Why upstream could not say.
    pub error: &'a Error,
}

/// A blob that did not come from upstream as it should, as an [`Observer`] sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NotFetched<'a> {
    /// Its repository.
    pub repository: &'a Repository,
    /// Its digest.
    pub digest: &'a Digest,
    /// Why it cannot be had.
    pub error: &'a Error,
}

/// The end of an exchange, as an [`Observer`] sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Finished<'a> {
    /// Method of the request.
    pub method: &'a Method,
    /// Path of the request, as it was received.
    pub path: &'a str,
    /// Status of the answer.
    pub status: StatusCode,
    /// Who asked, where the policy knows the caller by name.
    pub user: Option<&'a str>,
    /// From where, where that is known.
    pub peer: Option<SocketAddr>,
    /// Bytes of the request body that were read for the answer.
    pub received: u64,
    /// Bytes of the answer body that were handed to the connection.
    pub sent: u64,
    /// Whether that was all of the body.
    pub complete: bool,
    /// Time since the head of the request was there.
    pub elapsed: Duration,
}

/// An exchange that is going on. It reports its end when it is dropped.
pub(crate) struct Exchange {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) method: Method,
    pub(crate) path: Box<str>,
    pub(crate) user: Option<Box<str>>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) began: Instant,
    pub(crate) status: StatusCode,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) complete: bool,
}

impl Exchange {
    /// The head of the answer is ready.
    pub(crate) fn answered(&self, error: Option<&Error>) {
        let after = self.began.elapsed();
        self.metrics.answered(&self.method, self.status, after);
        if let Some(observer) = &self.observer {
            observer.answered(&Answered {
                method: &self.method,
                path: &self.path,
                status: self.status,
                error,
            });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.metrics.finished(self.received, self.sent);
        if let Some(observer) = &self.observer {
            observer.finished(&Finished {
                method: &self.method,
                path: &self.path,
                status: self.status,
                user: self.user.as_deref(),
                peer: self.peer,
                received: self.received,
                sent: self.sent,
                complete: self.complete,
                elapsed: self.began.elapsed(),
            });
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
