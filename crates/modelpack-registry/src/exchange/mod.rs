//! Exchanges: each operation as a state machine that gives requests out and takes answers in.
//!
//! Nothing here waits, connects or reads a clock; the transport drives it.

mod blob;
mod delete;
mod manifest;
mod ping;
mod referrers;
mod tags;
mod token;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use modelpack_spec::Digest;
use modelpack_spec::distribution::{ErrorBody, ErrorCode};
use url::Url;

pub(crate) use blob::{Body, GetBlob, HeadBlob};
pub(crate) use delete::Delete;
pub(crate) use manifest::{GetManifest, HeadManifest, PutManifest, StoredManifest};
pub(crate) use ping::Ping;
pub(crate) use referrers::{FallbackList, GetFallbackList, Referrer};
pub(crate) use tags::ListTags;
pub(crate) use token::{GetToken, basic, sensitive};
pub(crate) use upload::{
    Action, Begin, CancelUpload, Limits, MountFrom, Order, PushBlob, StartUpload,
};

use crate::content::{BlobSource, Progress};
use crate::error::{At, BoxError, Error};
use crate::policy::{Redirects, Refusal, retry_after};

/// Longest error body that is read, in bytes; what follows is not needed for a message.
pub(crate) const MAX_ERROR_BYTES: u64 = 64 * 1024;

/// A request, ready but for its credentials.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) redirects: Redirects,
    is_once: bool,
}

/// The body of a request.
#[derive(Clone)]
pub(crate) enum Payload {
    Empty,
    Bytes(Bytes),
    Blob(BlobPayload),
}

/// A blob, or a part of it, as the body of a request.
#[derive(Clone)]
pub(crate) struct BlobPayload {
    pub(crate) source: Arc<dyn BlobSource>,
    /// Of the whole blob.
    pub(crate) digest: Digest,
    /// Where the body begins.
    pub(crate) offset: u64,
    /// Size of the body in bytes.
    pub(crate) size: u64,
    /// Is told how far the whole blob is.
    pub(crate) progress: Progress,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            redirects: Redirects::SameOrigin,
            is_once: false,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    pub(crate) fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }

    /// The same request, not to be sent again before it is known what became of it.
    pub(crate) fn once(mut self) -> Self {
        self.is_once = true;
        self
    }

    /// Whether the same request can be sent again. After a blob was sent, only the session knows.
    pub(crate) fn is_repeatable(&self) -> bool {
        !self.is_once && !matches!(self.payload, Payload::Blob(_))
    }
}

/// An answer without its body.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Where the answer came from, after redirects.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Set when the request was to be redirected to another origin and the rule of the request stops there.
    pub(crate) is_redirected_away: bool,
}

impl Head {
    pub(crate) fn at(&self) -> Box<At> {
        let mut at = At::new(self.method.clone(), &self.url);
        at.status = Some(self.status.as_u16());
        at
    }

    pub(crate) fn text(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The number in `Content-Length`.
    pub(crate) fn length(&self) -> Option<u64> {
        self.text(http::header::CONTENT_LENGTH)?.trim().parse().ok()
    }

    fn is_web_page(&self) -> bool {
        self.text(CONTENT_TYPE).is_some_and(|value| {
            value
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("text/html")
        })
    }

    /// Refuses a web page where a registry should have answered.
    pub(crate) fn expect_registry(&self) -> Result<(), Error> {
        if self.is_web_page() {
            return Err(Error::NotARegistry {
                at: self.at(),
                reason: "a web page".to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>, source: Option<BoxError>) -> Error {
        Error::InvalidReply {
            at: self.at(),
            reason: reason.into(),
            source,
        }
    }

    pub(crate) fn refused(&self, refusal: Refusal) -> Error {
        refused(self.at(), refusal)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(self.text(RETRY_AFTER)?, self.text(DATE))
    }

    /// The error for an answer that is no success; `body` is what was read of it.
    pub(crate) fn failure(&self, body: &[u8]) -> Error {
        let errors = ErrorBody::parse(body);
        let code = errors.code().cloned();
        let status = self.status.as_u16();
        let mut at = self.at().with_reply(status, errors.errors);
        at.is_web_page = self.is_web_page();
        match (status, code) {
            (401, _) => Error::Unauthorized { at },
            (403, _) => Error::Denied { at },
            (404 | 410, _) => Error::NotFound { at },
            (429, _) => Error::RateLimited {
                at,
                retry_after: self.retry_after(),
            },
            (413, _) => Error::RefusedSize { at },
            (405 | 501, _) | (400, Some(ErrorCode::Unsupported)) => Error::Unsupported {
                at,
                reason: "the registry does not offer this",
            },
            (500.., _) => Error::Server { at },
            (400.., _) => Error::Rejected { at },
            _ => Error::InvalidReply {
                at,
                reason: format!("unexpected status {status}"),
                source: None,
            },
        }
    }
}

pub(crate) fn refused(at: Box<At>, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Policy(reason) => Error::Policy { at, reason },
        Refusal::Invalid(reason) => Error::InvalidReply {
            at,
            reason,
            source: None,
        },
    }
}

/// An answer with its body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn failure(&self) -> Error {
        self.head.failure(&self.body)
    }
}

/// What comes after an answer.
pub(crate) enum Step<T> {
    Send(Request),
    Done(T),
}

/// An operation whose answers are small enough to be held in memory.
pub(crate) trait Exchange {
    /// What the operation gives.
    type Output;
    /// What the body of a good answer is called.
    const WHAT: &'static str;
    /// Longest body of a good answer that is read, in bytes.
    const MAX_BYTES: u64;

    /// The first request.
    fn start(&self) -> Request;

    /// Takes the answer to the last request, whatever its status.
    fn answer(&mut self, answer: Answer) -> Result<Step<Self::Output>, Error>;
}

#[cfg(test)]
mod tests;
