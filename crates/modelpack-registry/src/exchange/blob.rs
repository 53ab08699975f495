//! Asking for a blob, and deciding what the answer's body is.

use std::ops::Range;

use http::header::{CONTENT_ENCODING, CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};
use modelpack_spec::Digest;
use modelpack_spec::distribution::{ByteRange, ContentRange, Endpoint};

use super::{Answer, Exchange, Head, Request, Step};
use crate::client::BlobStat;
use crate::error::Error;
use crate::policy::Redirects;
use crate::target::Target;

pub(crate) struct HeadBlob<'a> {
    pub(crate) target: &'a Target,
    pub(crate) digest: Digest,
}

impl Exchange for HeadBlob<'_> {
    type Output = Option<BlobStat>;
    const WHAT: &'static str = "answer to HEAD";
    /// There is no body.
    const MAX_BYTES: u64 = 0;

    fn start(&self) -> Request {
        let endpoint = Endpoint::HeadBlob {
            name: self.target.repository().clone(),
            digest: self.digest,
        };
        Request::new(Method::HEAD, self.target.url(&endpoint))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<Self::Output>, Error> {
        let head = &answer.head;
        // Registries redirect only to what is there. The target is not asked: its URL is often signed for
        // GET alone.
        if head.is_redirected_away {
            return Ok(Step::Done(Some(BlobStat { size: None })));
        }
        match head.status {
            StatusCode::OK => {
                head.expect_registry()?;
                Ok(Step::Done(Some(BlobStat {
                    size: head.length(),
                })))
            }
            StatusCode::NOT_FOUND => Ok(Step::Done(None)),
            _ => Err(answer.failure()),
        }
    }
}

/// A GET of some or all bytes of a blob. Its body is streamed, so this is no [`Exchange`]: the transport
/// asks for the request and shows the head of the answer.
pub(crate) struct GetBlob<'a> {
    pub(crate) target: &'a Target,
    pub(crate) digest: Digest,
    /// Size of the whole blob in bytes.
    pub(crate) size: u64,
    /// The bytes that are wanted.
    pub(crate) range: Range<u64>,
}

/// What the body of a good answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// Exactly the bytes that were asked for.
    Wanted,
    /// The whole blob, though only a part was asked for.
    Whole,
}

impl GetBlob<'_> {
    pub(crate) fn start(&self) -> Request {
        let endpoint = Endpoint::GetBlob {
            name: self.target.repository().clone(),
            digest: self.digest,
        };
        let request =
            Request::new(Method::GET, self.target.url(&endpoint)).redirects(Redirects::Anywhere);
        if self.is_whole() {
            return request;
        }
        // Always closed: there are servers that refuse a range without its end.
        let range = ByteRange::Closed {
            first: self.range.start,
            last: self.range.end - 1,
        };
        let range = HeaderValue::try_from(range.to_string())
            .expect("digits, letters and punctuation are a header value");
        request.header(RANGE, range)
    }

    fn is_whole(&self) -> bool {
        self.range == (0..self.size)
    }

    /// Decides what the body of a 2xx answer is. Other answers are the caller's.
    pub(crate) fn accept(&self, head: &Head) -> Result<Body, Error> {
        head.expect_registry()?;
        // `identity` was asked for; anything else has other bytes than those that the digest names.
        if let Some(encoding) = head.text(CONTENT_ENCODING)
            && !encoding.trim().eq_ignore_ascii_case("identity")
        {
            return Err(head.invalid("the blob was sent with a content encoding", None));
        }
        let (body, length) = match head.status {
            StatusCode::OK if self.is_whole() => (Body::Wanted, self.size),
            StatusCode::OK => (Body::Whole, self.size),
            StatusCode::PARTIAL_CONTENT if !self.is_whole() => {
                self.check_range(head)?;
                (Body::Wanted, self.range.end - self.range.start)
            }
            StatusCode::PARTIAL_CONTENT => {
                return Err(head.invalid("a part of the blob was sent unasked", None));
            }
            status => return Err(head.invalid(format!("unexpected status {status}"), None)),
        };
        match head.length() {
            Some(actual) if actual != length => Err(match body {
                Body::Wanted if !self.is_whole() => head.invalid(
                    format!("a range of {length} bytes was sent as {actual} bytes"),
                    None,
                ),
                _ => Error::SizeMismatch {
                    at: head.at(),
                    expected: self.size,
                    actual,
                },
            }),
            _ => Ok(body),
        }
    }

    fn check_range(&self, head: &Head) -> Result<(), Error> {
        let text = head.text(CONTENT_RANGE).unwrap_or_default();
        match ContentRange::parse(text) {
            Some(ContentRange::Part { first, last, total })
                if first == self.range.start && last == self.range.end - 1 =>
            {
                match total {
                    Some(actual) if actual != self.size => Err(Error::SizeMismatch {
                        at: head.at(),
                        expected: self.size,
                        actual,
                    }),
                    _ => Ok(()),
                }
            }
            _ => Err(head.invalid(
                format!(
                    "bytes {}-{} were asked for, the answer is for `{}`",
                    self.range.start,
                    self.range.end - 1,
                    crate::error::clean_text(text)
                ),
                None,
            )),
        }
    }
}
