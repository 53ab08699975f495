//! Reading the bodies of requests: into memory up to a limit, or into an upload.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use http::header::{CONNECTION, EXPECT, HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use modelpack_spec::distribution::ErrorCode;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::answer::Refusal;
use crate::blocking::joined;
use crate::session::UploadGuard;
use crate::{Error, Options};

/// Bytes of an upload that are collected before they are handed to the storage. While one batch is
/// written the next one arrives, so an upload holds at most about two batches.
const BATCH: usize = 512 * 1024;

/// A request whose body may not have been read to its end.
pub(crate) struct Incoming<B> {
    body: B,
    /// Whether everything that will ever come was read.
    is_done: bool,
    /// Whether the client sends its body only when it is asked to. Reading asks.
    is_waiting: bool,
    /// Bytes that were read.
    received: u64,
    pace: Pace,
}

/// How fast a client has to send. Only the time that is spent waiting for it counts.
struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    came: u64,
}

impl Pace {
    /// Something came, or nothing did, after this time. `false` when the client is too slow.
    fn count(&mut self, waited: Duration, came: u64) -> bool {
        self.waited += waited;
        self.came += came;
        if self.waited < self.window {
            return true;
        }
        let is_fast_enough = self.came >= self.least;
        self.waited = Duration::ZERO;
        self.came = 0;
        is_fast_enough
    }

    fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }
}

impl<B> Incoming<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
{
    pub(crate) fn new(body: B, headers: &HeaderMap, options: &Options) -> Self {
        Self {
            is_done: body.is_end_stream(),
            is_waiting: headers.contains_key(EXPECT),
            body,
            received: 0,
            pace: Pace {
                window: options.body_timeout,
                least: options.min_body_bytes,
                waited: Duration::ZERO,
                came: 0,
            },
        }
    }

    /// Bytes of the body that were read so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Length of the body in bytes, when the client announced it.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<B::Data>, Refusal> {
        self.is_waiting = false;
        while !self.is_done {
            match self.frame().await? {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received += data.remaining() as u64;
                        return Ok(Some(data));
                    }
                }
                // The client is gone, or what it sends is no HTTP: nobody may ever read the answer.
                Some(Err(_)) => {
                    self.is_done = true;
                    return Err(Refusal::new(
                        ErrorCode::SizeInvalid,
                        "the body ended before its time",
                    ));
                }
                None => self.is_done = true,
            }
        }
        Ok(None)
    }

    /// The next frame, unless the client is too slow.
    async fn frame(&mut self) -> Result<Option<Result<Frame<B::Data>, B::Error>>, Refusal> {
        let body = &mut self.body;
        // What is there already needs no clock.
        let ready = poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(frame) => Some(frame),
                Poll::Pending => None,
            })
        });
        if let Some(frame) = ready.await {
            self.pace.count(Duration::ZERO, length_of(frame.as_ref()));
            return Ok(frame);
        }
        loop {
            let began = Instant::now();
            let frame = tokio::time::timeout(self.pace.left(), self.body.frame()).await;
            let came = frame.as_ref().map_or(0, |frame| length_of(frame.as_ref()));
            if !self.pace.count(began.elapsed(), came) {
                self.is_done = true;
                return Err(
                    Refusal::new(ErrorCode::SizeInvalid, "the body comes too slowly")
                        .status(StatusCode::REQUEST_TIMEOUT)
                        .header(CONNECTION, HeaderValue::from_static("close")),
                );
            }
            if let Ok(frame) = frame {
                return Ok(frame);
            }
        }
    }

    /// Reads a whole body into memory, up to `limit` bytes.
    pub(crate) async fn collect(&mut self, limit: u64) -> Result<Bytes, Refusal> {
        let too_large = || {
            Refusal::new(
                ErrorCode::ManifestInvalid,
                format!("the manifest is larger than {limit} bytes"),
            )
            .status(StatusCode::PAYLOAD_TOO_LARGE)
        };
        if self.body.size_hint().lower() > limit {
            return Err(too_large());
        }
        let mut content = Vec::new();
        while let Some(mut data) = self.next().await? {
            if content.len() as u64 + data.remaining() as u64 > limit {
                return Err(too_large());
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                content.extend_from_slice(chunk);
                let length = chunk.len();
                data.advance(length);
            }
        }
        Ok(content.into())
    }

    /// Appends the body to an upload. Whatever arrived stays in the upload, also when the body breaks
    /// off or this future is dropped: the client can ask how far it came and go on there.
    ///
    /// At most `allowed` bytes are taken; a longer body is refused as `over`.
    pub(crate) async fn append_to(
        &mut self,
        upload: UploadGuard,
        allowed: u64,
        over: impl Fn() -> Refusal,
    ) -> Result<UploadGuard, Refusal> {
        let mut writer = Writer::Idle(upload);
        let mut left = allowed;
        loop {
            let (batch, end) = self.batch(&mut left, &over).await;
            let upload = writer.idle().await?;
            writer = if batch.is_empty() {
                Writer::Idle(upload)
            } else {
                Writer::start(upload, batch)
            };
            if let Some(end) = end {
                let upload = writer.idle().await?;
                return end.map(|()| upload);
            }
        }
    }

    /// Collects about [`BATCH`] bytes. The second value says how the body ended, if it did.
    async fn batch(
        &mut self,
        left: &mut u64,
        over: &impl Fn() -> Refusal,
    ) -> (Vec<Bytes>, Option<Result<(), Refusal>>) {
        let mut batch = Vec::new();
        let mut size = 0;
        while size < BATCH {
            let mut data = match self.next().await {
                Ok(Some(data)) => data,
                Ok(None) => return (batch, Some(Ok(()))),
                Err(refusal) => return (batch, Some(Err(refusal))),
            };
            let length = data.remaining();
            if length as u64 > *left {
                return (batch, Some(Err(over())));
            }
            *left -= length as u64;
            size += length;
            batch.push(data.copy_to_bytes(length));
        }
        (batch, None)
    }

    /// Reads on in the background for at most `limit` bytes, so that a client that is still sending
    /// gets to read its answer before the connection closes. A client that waits to be asked for its
    /// body is not asked any more.
    pub(crate) fn drain(mut self, limit: u64) {
        if self.is_done || self.is_waiting {
            return;
        }
        tokio::spawn(async move {
            let mut left = limit;
            while let Ok(Some(data)) = self.next().await {
                let length = data.remaining() as u64;
                if length > left {
                    return;
                }
                left -= length;
            }
        });
    }
}

fn length_of<D: Buf, E>(frame: Option<&Result<Frame<D>, E>>) -> u64 {
    frame
        .and_then(|frame| frame.as_ref().ok()?.data_ref())
        .map_or(0, |data| data.remaining() as u64)
}

/// An upload of which at most one batch is being written, so that the order is kept.
enum Writer {
    Idle(UploadGuard),
    Busy(JoinHandle<(UploadGuard, Result<(), Error>)>),
}

impl Writer {
    fn start(mut upload: UploadGuard, batch: Vec<Bytes>) -> Self {
        Self::Busy(tokio::task::spawn_blocking(move || {
            let written = batch.iter().try_for_each(|bytes| upload.append(bytes));
            (upload, written)
        }))
    }

    async fn idle(self) -> Result<UploadGuard, Refusal> {
        match self {
            Self::Idle(upload) => Ok(upload),
            Self::Busy(writing) => {
                let (upload, written) = joined(writing.await)?;
                written?;
                Ok(upload)
            }
        }
    }
}
