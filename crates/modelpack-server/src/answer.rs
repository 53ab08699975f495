//! Answers: heads with the headers that the specification asks for, and errors as OCI JSON.

use std::sync::Arc;

use http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WARNING,
};
use http::{Response, StatusCode};
use modelpack_spec::Digest;
use modelpack_spec::distribution::{
    DOCKER_CONTENT_DIGEST, ErrorBody, ErrorCode, ErrorEntry, Rejection,
};

use crate::{Body, Error};

/// What clients are asked to wait, in seconds, when the registry has too much to do.
const RETRY_AFTER_SECONDS: u64 = 5;

/// A request that is not answered by what it asked for.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    entry: ErrorEntry,
    headers: Vec<(HeaderName, HeaderValue)>,
    ends_upload: bool,
    /// Set where the fault is the registry's.
    pub(crate) error: Option<Arc<Error>>,
}

impl Refusal {
    /// A refusal with the usual status of its code.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST),
            entry: ErrorEntry::new(code, message),
            headers: Vec::new(),
            ends_upload: false,
            error: None,
        }
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Marks that what was uploaded so far can never become a blob.
    pub(crate) fn ending_upload(mut self) -> Self {
        self.ends_upload = true;
        self
    }

    pub(crate) fn ends_upload(&self) -> bool {
        self.ends_upload
    }

    pub(crate) fn too_many(message: impl Into<String>) -> Self {
        Self::too_many_for(message, RETRY_AFTER_SECONDS)
    }

    /// 429 with the seconds to wait.
    pub(crate) fn too_many_for(message: impl Into<String>, seconds: u64) -> Self {
        Self::new(ErrorCode::TooManyRequests, message).header(RETRY_AFTER, seconds.into())
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::full(ErrorBody::new(self.entry).to_json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(self.headers);
        response
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let refusal = Self::new(rejection.code(), rejection.to_string()).status(status);
        match rejection {
            Rejection::MethodNotAllowed { allow, .. } => {
                refusal.header(ALLOW, HeaderValue::from_static(allow))
            }
            _ => refusal,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let internal = |status| {
            // The cause names paths of this machine, which are none of the client's business.
            Self::new(ErrorCode::from("UNKNOWN"), "the registry failed").status(status)
        };
        let mut refusal = match &error {
            Error::DigestMismatch { .. } => {
                return Self::new(ErrorCode::DigestInvalid, error.to_string());
            }
            Error::ReadOnly { .. } => return Self::new(ErrorCode::Unsupported, error.to_string()),
            Error::NameTooLong { .. } => {
                return Self::new(ErrorCode::NameInvalid, error.to_string());
            }
            Error::NoSpace { .. } => internal(StatusCode::INSUFFICIENT_STORAGE),
            _ => internal(StatusCode::INTERNAL_SERVER_ERROR),
        };
        refusal.error = Some(Arc::new(error));
        refusal
    }
}

/// Either the answer that was asked for or a refusal.
pub(crate) type Answer = Result<Response<Body>, Refusal>;

/// Builds the head of an answer.
pub(crate) struct Head(Response<()>);

impl Head {
    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(());
        *response.status_mut() = status;
        Self(response)
    }

    pub(crate) fn header(mut self, name: impl Into<HeaderName>, value: HeaderValue) -> Self {
        self.0.headers_mut().append(name.into(), value);
        self
    }

    /// A header whose value is made of checked names and numbers.
    pub(crate) fn text(self, name: impl Into<HeaderName>, value: &str) -> Self {
        self.header(name, header_value(value))
    }

    pub(crate) fn digest(self, digest: &Digest) -> Self {
        self.text(
            HeaderName::from_static(DOCKER_CONTENT_DIGEST),
            &digest.to_string(),
        )
    }

    pub(crate) fn body(self, body: Body) -> Response<Body> {
        self.0.map(|()| body)
    }

    /// A text for people and tools, such as the page of metrics.
    pub(crate) fn page(self, content_type: &str, text: String) -> Response<Body> {
        self.text(CONTENT_TYPE, content_type).body(Body::full(text))
    }

    pub(crate) fn json(self, json: Vec<u8>) -> Response<Body> {
        self.text(CONTENT_TYPE, "application/json")
            .body(Body::full(json))
    }

    pub(crate) fn empty(self) -> Response<Body> {
        self.body(Body::empty())
    }
}

/// Digests, names, numbers and percent-encoded paths are always valid header values; media types are
/// what a client wrote, so a value that is none becomes empty rather than splitting the answer.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Most bytes of all warnings of an answer together.
const MAX_WARNING_BYTES: usize = 4096;

/// Adds warnings: code 299, no agent, a quoted text, no date.
pub(crate) fn warn(headers: &mut HeaderMap, warnings: &[String]) {
    let mut left = MAX_WARNING_BYTES;
    for text in warnings {
        let mut quoted = String::from("299 - \"");
        for character in text.chars().filter(|it| (' '..='~').contains(it)) {
            if matches!(character, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        quoted.push('"');
        if quoted.len() <= left {
            left -= quoted.len();
            headers.append(WARNING, header_value(&quoted));
        }
    }
}

/// Gives an answer its `Content-Length`; an answer to HEAD then loses its body. The length is set
/// by hand because an empty body would otherwise be announced as such.
pub(crate) fn finish(response: Response<Body>, is_head: bool) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if parts.status != StatusCode::NO_CONTENT && !parts.headers.contains_key(CONTENT_LENGTH) {
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let body = if is_head {
        body.without_content()
    } else {
        body
    };
    Response::from_parts(parts, body)
}
