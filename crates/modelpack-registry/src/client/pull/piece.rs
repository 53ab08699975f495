//! One connection that brings one piece of a blob.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use modelpack_spec::Descriptor;
use tokio::sync::mpsc;

use crate::client::pull_scope;
use crate::content::BlobSink;
use crate::error::Error;
use crate::exchange::{Body, GetBlob, Head};
use crate::policy::Origin;
use crate::target::Target;
use crate::transport::{Reply, Transport};

/// What all pieces of a blob share.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) transport: Arc<Transport>,
    pub(super) target: Arc<Target>,
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) sink: Arc<dyn BlobSink>,
    /// End of what the sink wants; the size of the blob, unless only a part of it is wanted.
    pub(super) until: u64,
}

/// A piece that is to be fetched.
pub(super) struct Piece {
    pub(super) id: u64,
    pub(super) range: Range<u64>,
    /// Ask for the whole blob and use this part of it.
    pub(super) is_plain: bool,
    /// The first byte that is not written yet.
    pub(super) position: Arc<AtomicU64>,
    /// Where it says what the registry has answered.
    pub(super) answers: mpsc::UnboundedSender<(u64, Body)>,
}

/// Why a piece ended early.
pub(super) enum Failure {
    /// Nothing helps.
    Final(Error),
    /// The same again may help.
    Cut(Error),
    /// Too many at once, perhaps.
    Refused(Error),
    /// Not the answer to this request; to ask in another way may help.
    Lie(Error),
}

impl Source {
    /// The request for some bytes.
    pub(super) fn request(&self, range: Range<u64>) -> GetBlob<'_> {
        GetBlob {
            target: &self.target,
            digest: self.descriptor.digest,
            size: self.descriptor.size,
            range,
        }
    }

    /// Fetches a piece into the sink.
    pub(super) async fn fetch(self, piece: Piece) -> Result<(), Failure> {
        let asked = if piece.is_plain {
            0..self.descriptor.size
        } else {
            piece.range.clone()
        };
        let exchange = self.request(asked.clone());
        let request = exchange.start();
        let mut reply = self
            .transport
            .send(&self.target, &pull_scope(&self.target), &request)
            .await
            .map_err(Failure::of)?;
        if !reply.head.status.is_success() {
            let is_elsewhere = Origin::of(&reply.head.url).as_ref() != Some(&self.target.origin);
            let body = reply.read_error().await;
            let error = reply.head.failure(&body);
            return Err(match reply.head.status.as_u16() {
                416 => Failure::Lie(error),
                // A signed address that the registry has redirected to, and that has run out since.
                400 | 403 | 404 | 410 if is_elsewhere => Failure::Cut(error),
                429 | 500.. => Failure::Refused(error),
                _ => Failure::Final(error),
            });
        }
        let mut body = exchange.accept(&reply.head).map_err(Failure::lie)?;
        if piece.is_plain {
            body = Body::Whole;
        }
        // Nobody listens any more when the pull is over.
        let _ = piece.answers.send((piece.id, body));
        self.stream(&piece, &asked, &mut reply, body).await
    }

    async fn stream(
        &self,
        piece: &Piece,
        asked: &Range<u64>,
        reply: &mut Reply,
        body: Body,
    ) -> Result<(), Failure> {
        let size = self.descriptor.size;
        // Of a whole blob the beginning, which is there, is passed over.
        let (mut at, end) = match body {
            Body::Wanted => (asked.start, asked.end),
            Body::Whole => (0, size),
        };
        let mut position = piece.range.start;
        while let Some(mut bytes) = reply.next().await.map_err(Failure::of)? {
            let until = at + bytes.len() as u64;
            if until > end {
                return Err(self.too_long(&reply.head, asked, until));
            }
            let known = position.saturating_sub(at);
            at = until;
            if until <= position {
                continue;
            }
            let mut bytes = bytes.split_off(usize::try_from(known).unwrap_or(bytes.len()));
            let wanted = self.until.saturating_sub(position);
            bytes.truncate(usize::try_from(wanted).unwrap_or(bytes.len()));
            let until = position + bytes.len() as u64;
            self.sink
                .write_at(position, bytes)
                .await
                .map_err(|source| {
                    Failure::Final(Error::Sink {
                        digest: self.descriptor.digest,
                        source,
                    })
                })?;
            position = until;
            piece.position.store(position, Ordering::Relaxed);
            if position == self.until && self.until < size {
                return Ok(());
            }
        }
        if at == end {
            return Ok(());
        }
        Err(Failure::Cut(Error::Truncated {
            at: reply.head.at(),
            expected: size,
            actual: at,
        }))
    }

    fn too_long(&self, head: &Head, asked: &Range<u64>, position: u64) -> Failure {
        if asked.end < self.descriptor.size {
            let reason = "more bytes were sent than the range has";
            return Failure::Lie(head.invalid(reason, None));
        }
        Failure::lie(Error::SizeMismatch {
            at: head.at(),
            expected: self.descriptor.size,
            actual: position,
        })
    }
}

impl Failure {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Final(error) | Self::Cut(error) | Self::Refused(error) | Self::Lie(error) => {
                error
            }
        }
    }

    /// Of a request that got no answer, or whose answer broke.
    fn of(error: Error) -> Self {
        match error {
            Error::Network { .. } | Error::Truncated { .. } | Error::Timeout { .. } => {
                Self::Cut(error)
            }
            Error::RateLimited { .. } | Error::Server { .. } => Self::Refused(error),
            _ => Self::Final(error),
        }
    }

    /// Of an answer that is not the one to the request.
    fn lie(error: Error) -> Self {
        match error {
            Error::InvalidReply { .. } | Error::SizeMismatch { .. } => Self::Lie(error),
            _ => Self::Final(error),
        }
    }
}
