//! Bodies of answers: a text in memory, or a blob that is read while it is sent.

use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::observe::Exchange;
use crate::storage::Content;
use crate::upstream::{Arriving, Frontier};

/// Blobs are read in pieces of this size: large enough that the switch to a blocking thread does not
/// count, small enough to stay in the cache of a core.
const PIECE: u64 = 256 * 1024;

/// Body of an answer. While one piece of a blob is sent the next one is read, so a body holds at most
/// two pieces of 256 KiB.
///
/// An error while reading ends the body before its announced length, which every client notices. So does the
/// end of a blob that arrives from upstream and turns out to be wrong.
pub struct Body {
    kind: Kind,
    /// Is told what was sent, and of the end.
    exchange: Option<Box<Exchange>>,
}

enum Kind {
    Full(Option<Bytes>),
    Blob(BlobBody),
}

struct BlobBody {
    content: Arc<dyn Content>,
    /// How far it may be read, while it arrives from upstream.
    frontier: Option<Frontier>,
    /// What has not been asked for yet.
    unread: Range<u64>,
    /// What has not been handed out yet, in bytes.
    unsent: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    /// The piece that was handed out last. When the connection is done with it, the one after the next
    /// is read into its memory: fresh memory costs almost as much as the read.
    last: Option<Bytes>,
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            exchange: None,
        }
    }

    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::of(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// The body of an exchange, which ends with it.
    pub(crate) fn of_exchange(mut self, mut exchange: Exchange) -> Self {
        exchange.complete = self.len() == 0;
        self.exchange = Some(Box::new(exchange));
        self
    }

    pub(crate) fn without_content(self) -> Self {
        Self::empty()
    }

    pub(crate) fn blob(content: Box<dyn Content>, range: Range<u64>) -> Self {
        Self::read(content.into(), None, range)
    }

    /// Some bytes of a blob that is on its way, sent as they arrive.
    pub(crate) fn arriving(blob: Arriving, range: Range<u64>) -> Self {
        let content = Arc::clone(&blob.content);
        Self::read(content, Some(blob.frontier()), range)
    }

    fn read(content: Arc<dyn Content>, frontier: Option<Frontier>, range: Range<u64>) -> Self {
        Self::of(Kind::Blob(BlobBody {
            content,
            frontier,
            unsent: range.end - range.start,
            unread: range,
            reading: None,
            last: None,
        }))
    }

    /// Bytes still to come.
    pub(crate) fn len(&self) -> u64 {
        match &self.kind {
            Kind::Full(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Kind::Blob(blob) => blob.unsent,
        }
    }
}

impl BlobBody {
    /// Begins to read the next piece, as far as it is there.
    fn start_reading(&mut self) {
        let there = match &self.frontier {
            Some(frontier) => frontier.now().unwrap_or(0),
            None => self.unread.end,
        };
        self.start_reading_to(there);
    }

    fn start_reading_to(&mut self, there: u64) {
        let end = there.min(self.unread.end).min(self.unread.start + PIECE);
        if self.reading.is_some() || end <= self.unread.start {
            return;
        }
        let piece = self.unread.start..end;
        self.unread.start = piece.end;
        let content = Arc::clone(&self.content);
        let buffer = self.last.take().and_then(|last| last.try_into_mut().ok());
        self.reading = Some(tokio::task::spawn_blocking(move || {
            read_exactly(&*content, piece, buffer.unwrap_or_default())
        }));
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.start_reading();
        if self.reading.is_none()
            && !self.unread.is_empty()
            && let Some(frontier) = &mut self.frontier
        {
            match ready!(frontier.poll_beyond(self.unread.start, context)) {
                // What it says now counts: asked again, it may say that there will be no more, and that must
                // not look like the end.
                Ok(there) => self.start_reading_to(there),
                Err(error) => {
                    self.give_up();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let result = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let piece = result.map_err(io::Error::other).flatten();
        match &piece {
            Ok(bytes) => {
                self.unsent -= bytes.len() as u64;
                self.start_reading();
                self.last = Some(bytes.clone());
            }
            Err(_) => self.give_up(),
        }
        Poll::Ready(Some(piece))
    }

    fn give_up(&mut self) {
        self.unread = 0..0;
        self.unsent = 0;
    }
}

fn read_exactly(
    content: &dyn Content,
    range: Range<u64>,
    mut buffer: BytesMut,
) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    buffer.resize(length, 0);
    let mut filled = 0;
    while filled < length {
        match content.read_at(range.start + filled as u64, &mut buffer[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.freeze())
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.kind {
            Kind::Full(bytes) => bytes.take().map(Ok),
            Kind::Blob(blob) => ready!(blob.poll_piece(context)),
        };
        let is_all = matches!(&piece, Some(Ok(_)) | None) && self.len() == 0;
        if let Some(exchange) = &mut self.exchange {
            exchange.sent += piece
                .as_ref()
                .and_then(|piece| piece.as_ref().ok())
                .map_or(0, |bytes| bytes.len() as u64);
            exchange.complete |= is_all;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("bytes", &self.len())
            .finish_non_exhaustive()
    }
}
