//! The body of a request, streamed from its source.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::content::{BlobSource, Progress};
use crate::exchange::Payload;

/// Size of one piece of a blob that is sent, in bytes: few enough calls, little enough memory.
const PIECE_BYTES: usize = 1024 * 1024;
/// Pieces that are read ahead, so that reading and sending overlap.
const PIECES_AHEAD: usize = 2;

/// Tells from outside whether a body moves, and why it stopped.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    moves: AtomicU64,
    is_sent: AtomicBool,
    failure: Mutex<Option<io::Error>>,
}

impl Pulse {
    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// Whether the last byte was handed over, so that only the answer is missing.
    pub(super) fn is_sent(&self) -> bool {
        self.is_sent.load(Ordering::Relaxed)
    }

    /// The error of the source, when it was the source that failed.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    pub(super) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of a request.
pub(super) enum Outgoing {
    Bytes(Option<Bytes>),
    Source(FromSource),
}

pub(super) struct FromSource {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
    /// Where the body ends in the blob.
    end: u64,
    progress: Progress,
    pulse: Arc<Pulse>,
}

impl Outgoing {
    /// Must be called inside of a tokio runtime: a source is read on its thread for blocking work.
    pub(super) fn new(payload: &Payload, pulse: &Arc<Pulse>) -> Self {
        match payload {
            Payload::Empty => Self::Bytes(None),
            Payload::Bytes(bytes) => Self::Bytes(Some(bytes.clone()).filter(|b| !b.is_empty())),
            Payload::Blob(blob) if blob.size == 0 => Self::Bytes(None),
            Payload::Blob(blob) => Self::Source(FromSource {
                pieces: read_ahead(Arc::clone(&blob.source), blob.offset, blob.size),
                left: blob.size,
                end: blob.offset + blob.size,
                progress: blob.progress.clone(),
                pulse: Arc::clone(pulse),
            }),
        }
    }
}

fn read_ahead(
    source: Arc<dyn BlobSource>,
    offset: u64,
    size: u64,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut left = size;
        let mut reader = match source.open(offset) {
            Ok(reader) => reader,
            Err(error) => {
                let _ = sender.blocking_send(Err(error));
                return;
            }
        };
        while left > 0 {
            let piece = read_piece(&mut reader, left);
            let done = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            // Nobody listens any more when the request was given up.
            if sender.blocking_send(piece).is_err() || done == 0 {
                return;
            }
            left -= done;
        }
    });
    receiver
}

/// Reads a full piece, or what is left of `left` bytes; never nothing.
fn read_piece(reader: &mut dyn Read, left: u64) -> io::Result<Bytes> {
    let wanted = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
    let mut piece = Vec::with_capacity(wanted);
    reader.take(wanted as u64).read_to_end(&mut piece)?;
    if piece.len() < wanted {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the source is shorter than the blob",
        ));
    }
    Ok(piece.into())
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Source(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_none(),
            Self::Source(body) => body.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Bytes(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::Source(body) => body.left,
        })
    }
}

impl FromSource {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // What was handed over before has been written by now.
        self.progress.report(self.end - self.left);
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match self.pieces.poll_recv(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(piece) => piece,
        };
        let piece =
            piece.unwrap_or_else(|| Err(io::Error::other("reading the source has stopped")));
        self.pulse.moved();
        match piece {
            Ok(piece) => {
                self.left -= piece.len() as u64;
                if self.left == 0 {
                    self.progress.report(self.end);
                    self.pulse.is_sent.store(true, Ordering::Relaxed);
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(error) => {
                let kind = error.kind();
                *self
                    .pulse
                    .failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(kind.into())))
            }
        }
    }
}
