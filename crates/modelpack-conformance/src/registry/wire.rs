//! One request and its answer, whatever carries them.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;

/// What a transport gives back, later.
pub type Answered<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// What a transport gives back as soon as the head of an answer is there.
pub type Opened<'a> =
    Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, TransportError>> + Send + 'a>>;

/// Carries requests to a registry: over a socket, or by a call where the registry is in the same
/// process.
pub trait Transport: Send + Sync {
    /// Sends a request with an absolute address and reads the whole answer. Follows no redirects.
    fn send(&self, request: Request<RequestBody>) -> Answered<'_>;

    /// Sends a request whose answer is read piece by piece, since it may be larger than memory.
    /// A transport that does not say how reads it whole.
    fn open(&self, request: Request<RequestBody>) -> Opened<'_> {
        Box::pin(async move { Ok(self.send(request).await?.map(AnswerBody::from)) })
    }
}

/// The body of an answer that is read piece by piece.
pub struct AnswerBody(Pieces);

enum Pieces {
    Whole(Bytes),
    Stream(BoxBody<Bytes, TransportError>),
}

impl AnswerBody {
    /// A body that is still on its way.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self(Pieces::Stream(body.map_err(TransportError::new).boxed()))
    }

    /// The next piece, which is never empty; `None` at the end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, TransportError> {
        match &mut self.0 {
            Pieces::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
            }
            Pieces::Stream(body) => loop {
                let Some(frame) = body.frame().await.transpose()? else {
                    return Ok(None);
                };
                match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                    _ => {}
                }
            },
        }
    }
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> Self {
        Self(Pieces::Whole(bytes))
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerBody")
    }
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
