//! Keeping a rate: waits for a token bucket, and a request body that does.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::body::Pulse;
use crate::limit::TokenBucket;

/// Largest piece of a limited body, in bytes, so that it flows instead of coming in jerks.
const PIECE_BYTES: usize = 64 * 1024;

/// A rate that all bodies to or from one host share.
#[derive(Debug)]
pub(crate) struct Throttle {
    bucket: Mutex<TokenBucket>,
    piece: usize,
}

impl Throttle {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        // A quarter of a second's worth: no wait is longer, whatever the rate.
        let piece = usize::try_from(bytes_per_second / 4).unwrap_or(PIECE_BYTES);
        Self {
            bucket: Mutex::new(TokenBucket::new(bytes_per_second, now())),
            piece: piece.clamp(256, PIECE_BYTES),
        }
    }

    /// Takes `bytes` and waits until the rate allows more.
    pub(crate) async fn pass(&self, bytes: usize) {
        let wait = self.take(bytes);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    fn take(&self, bytes: usize) -> Duration {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(bytes as u64, now())
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A body that is sent no faster than a throttle allows; without one it is the body itself.
pub(super) struct Throttled<B> {
    body: B,
    limit: Option<Limit>,
}

struct Limit {
    throttle: Arc<Throttle>,
    pulse: Arc<Pulse>,
    /// What the body gave and was not handed on yet.
    rest: Bytes,
    wait: Option<Pin<Box<Sleep>>>,
}

impl<B> Throttled<B> {
    pub(super) fn new(body: B, throttle: Option<Arc<Throttle>>, pulse: &Arc<Pulse>) -> Self {
        let limit = throttle.map(|throttle| Limit {
            throttle,
            pulse: Arc::clone(pulse),
            rest: Bytes::new(),
            wait: None,
        });
        Self { body, limit }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Throttled<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Self { body, limit } = self.get_mut();
        let Some(limit) = limit else {
            return Pin::new(body).poll_frame(context);
        };
        if let Some(wait) = &mut limit.wait {
            ready!(wait.as_mut().poll(context));
            limit.wait = None;
            // A body that waits for its rate does not stand still.
            limit.pulse.moved();
        }
        if limit.rest.is_empty() {
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => limit.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = limit
            .rest
            .split_to(limit.rest.len().min(limit.throttle.piece));
        let wait = limit.throttle.take(piece.len());
        if !wait.is_zero() {
            limit.wait = Some(Box::pin(sleep(wait)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let is_handed_on = self
            .limit
            .as_ref()
            .is_none_or(|limit| limit.rest.is_empty());
        is_handed_on && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.size_hint();
        match (&self.limit, hint.exact()) {
            (Some(limit), Some(size)) => SizeHint::with_exact(size + limit.rest.len() as u64),
            _ => hint,
        }
    }
}

#[cfg(test)]
mod tests;
