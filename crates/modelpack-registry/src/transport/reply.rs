//! An answer whose body is read piece by piece, with limits on time and size.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::throttle::Throttle;
use crate::error::Error;
use crate::exchange::{Answer, Head, MAX_ERROR_BYTES};
use crate::policy::Reach;

/// An answer whose body is still to be read.
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(super) body: Incoming,
    pub(super) idle: Duration,
    pub(super) throttle: Option<Arc<Throttle>>,
    /// Held until the body is read or dropped.
    pub(super) connection: Option<OwnedSemaphorePermit>,
    /// How near the server is.
    pub(super) peer: Reach,
}

impl Reply {
    /// The next bytes of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match timeout(self.idle, self.body.frame()).await {
                Err(_) => {
                    return Err(Error::Timeout {
                        at: self.head.at(),
                        waited: self.idle,
                    });
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    return Err(Error::Network {
                        at: self.head.at(),
                        source: error.into(),
                    });
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        if let Some(throttle) = &self.throttle {
                            throttle.pass(data.len()).await;
                        }
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, with a limit. Of an error's body only the beginning is read.
    pub(crate) async fn collect(
        mut self,
        what: &'static str,
        max_bytes: u64,
    ) -> Result<Answer, Error> {
        if !self.head.status.is_success() {
            let body = self.read_error().await;
            return Ok(Answer {
                head: self.head,
                body,
            });
        }
        let too_large = |head: &Head| Error::TooLarge {
            at: head.at(),
            what,
            limit: max_bytes,
        };
        if self.head.method == Method::HEAD {
            let body = Bytes::new();
            return Ok(Answer {
                head: self.head,
                body,
            });
        }
        if self.head.length().is_some_and(|length| length > max_bytes) {
            return Err(too_large(&self.head));
        }
        let mut body = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if (body.len() + piece.len()) as u64 > max_bytes {
                return Err(too_large(&self.head));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer {
            head: self.head,
            body: body.freeze(),
        })
    }

    /// The beginning of an error's body; a body that breaks does not hide the status.
    pub(crate) async fn read_error(&mut self) -> Bytes {
        let mut body = BytesMut::new();
        while let Ok(Some(piece)) = self.next().await {
            let left = MAX_ERROR_BYTES as usize - body.len();
            body.extend_from_slice(&piece[..piece.len().min(left)]);
            if body.len() as u64 == MAX_ERROR_BYTES {
                break;
            }
        }
        body.freeze()
    }

    /// Reads the rest of a small body, so that its connection can be used again.
    pub(super) async fn discard(mut self) {
        self.read_error().await;
    }
}
