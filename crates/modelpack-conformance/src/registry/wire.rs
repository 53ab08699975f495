//! One request and its answer, whatever carries them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};

/// What a transport gives back, later.
pub type Answered<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// Carries requests to a registry: over a socket, or by a call where the registry is in the same
/// process.
pub trait Transport: Send + Sync {
    /// Sends a request with an absolute address and reads the whole answer. Follows no redirects.
    fn send(&self, request: Request<RequestBody>) -> Answered<'_>;
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the registry")]
pub struct TransportError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl TransportError {
    /// With its cause.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

/// The body of a request, whose length is announced or not.
#[derive(Debug, Clone, Default)]
pub struct RequestBody {
    content: Option<Bytes>,
    is_announced: bool,
}

impl RequestBody {
    /// A body with `Content-Length`.
    #[must_use]
    pub fn sized(content: impl Into<Bytes>) -> Self {
        Self {
            content: Some(content.into()),
            is_announced: true,
        }
    }

    /// A body without `Content-Length`: HTTP/1.1 sends it chunked.
    #[must_use]
    pub fn streamed(content: impl Into<Bytes>) -> Self {
        Self {
            content: Some(content.into()),
            is_announced: false,
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let content = self.content.take().filter(|content| !content.is_empty());
        Poll::Ready(content.map(|content| Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.content
            .as_ref()
            .is_none_or(|content| content.is_empty() && self.is_announced)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Some(content) if self.is_announced => SizeHint::with_exact(content.len() as u64),
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}
