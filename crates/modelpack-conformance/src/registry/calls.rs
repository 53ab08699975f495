//! Requests of the suite, and what their answers have to be.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, LOCATION};
use http::{Method, Request};
use modelpack_spec::Digest;
use url::Url;

use super::auth;
use super::wire::{AnswerBody, RequestBody, Transport, TransportError};

/// Most redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Most of an answer that a message quotes.
const QUOTED_CHARS: usize = 200;

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The registry does not offer what was tried, and says so as the specification wants it.
    Unsupported(String),
    /// The registry did something else than the specification wants.
    Wrong(String),
    /// There was no answer.
    NoAnswer(String),
}

pub(crate) type Outcome<T = ()> = Result<T, Problem>;

pub(super) fn wrong(message: impl Into<String>) -> Problem {
    Problem::Wrong(message.into())
}

pub(super) fn unsupported(message: impl Into<String>) -> Problem {
    Problem::Unsupported(message.into())
}

/// Fails with this message unless it holds.
pub(super) fn hold(holds: bool, message: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(wrong(message())) }
}

/// A request that is being put together.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: RequestBody,
}

impl Call {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: RequestBody::default(),
        }
    }

    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(super) fn head(url: Url) -> Self {
        Self::new(Method::HEAD, url)
    }

    pub(super) fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    pub(super) fn put(url: Url) -> Self {
        Self::new(Method::PUT, url)
    }

    pub(super) fn patch(url: Url) -> Self {
        Self::new(Method::PATCH, url)
    }

    pub(super) fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = value
            .parse()
            .expect("the suite writes header values itself");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    pub(super) fn body(mut self, content: impl Into<Bytes>) -> Self {
        self.body = RequestBody::sized(content);
        self
    }

    pub(super) fn stream(mut self, content: impl Into<Bytes>) -> Self {
        self.body = RequestBody::streamed(content);
        self
    }

    fn request(&self) -> Outcome<Request<RequestBody>> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self
            .url
            .as_str()
            .parse()
            .map_err(|error| wrong(format!("`{}` is no address: {error}", self.url)))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    fn reply<B>(&self, answer: http::Response<B>) -> Reply<B> {
        let (head, body) = answer.into_parts();
        Reply {
            url: self.url.clone(),
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    fn no_answer(&self, error: &TransportError) -> Problem {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        let (method, path) = (&self.method, self.url.path());
        let cause = cause.unwrap_or_default();
        Problem::NoAnswer(format!("{method} {path}: {error}{cause}"))
    }

    /// Bytes of a blob.
    pub(super) fn octets(self, content: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/octet-stream")
            .body(content)
    }
}

/// An answer, and the address that gave it.
#[derive(Debug)]
pub(crate) struct Reply<B = Bytes> {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: B,
}

impl<B> Reply<B> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address that the answer points to.
    pub(super) fn location(&self) -> Outcome<Url> {
        let location = self
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| wrong(format!("{}: there is no location", self.url.path())))?;
        self.url
            .join(location)
            .map_err(|error| wrong(format!("the location `{location}` is no address: {error}")))
    }
}

impl Reply {
    pub(super) fn expect(&self, statuses: &[u16]) -> Outcome<&Self> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let said: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(QUOTED_CHARS)
            .collect();
        Err(wrong(format!(
            "{}: expected status {statuses:?}, got {} {said}",
            self.url.path(),
            self.status
        )))
    }

    pub(super) fn expect_header(&self, name: &str, value: &str) -> Outcome<&Self> {
        match self.header(name) {
            Some(found) if found == value => Ok(self),
            found => Err(wrong(format!(
                "{}: expected header {name}: {value}, got {}",
                self.url.path(),
                found.unwrap_or("none")
            ))),
        }
    }

    pub(super) fn expect_body(&self, content: &[u8]) -> Outcome<&Self> {
        hold(self.body == content, || {
            format!(
                "{}: the body has {} bytes that are not the {} expected ones",
                self.url.path(),
                self.body.len(),
                content.len()
            )
        })?;
        Ok(self)
    }

    /// The digest header, which the specification requires, names this digest.
    pub(super) fn expect_digest(&self, digest: &Digest) -> Outcome<&Self> {
        self.expect_header("docker-content-digest", &digest.to_string())
    }

    /// The range of an upload session: the last byte that it has.
    pub(super) fn last_received(&self) -> Outcome<u64> {
        let range = self.header("range").unwrap_or_default();
        range
            .strip_prefix("0-")
            .and_then(|last| last.parse().ok())
            .ok_or_else(|| wrong(format!("the range of an upload is `{range}`, not `0-LAST`")))
    }
}

/// The registry that is judged.
pub(crate) struct Subject<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) base: Url,
    pub(crate) login: Option<(String, String)>,
}

impl Subject<'_> {
    /// An address below `/v2/`.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/v2/{path}"));
        url
    }

    /// An address whose path is sent as it stands, percent signs included.
    pub(super) fn raw_url(&self, path: &str) -> Option<Url> {
        let base = self.base.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/v2/{path}")).ok()
    }

    /// Sends a request, logs in where that is asked for, and follows redirects of reads.
    pub(super) async fn send(&self, call: Call) -> Outcome<Reply> {
        self.follow(call, async |call| self.exchange(call).await)
            .await
    }

    /// The same, with an answer that is read piece by piece.
    pub(crate) async fn open(&self, call: Call) -> Outcome<Reply<AnswerBody>> {
        self.follow(call, async |call| self.begin(call).await).await
    }

    async fn follow<B>(
        &self,
        mut call: Call,
        exchange: impl AsyncFn(&Call) -> Outcome<Reply<B>>,
    ) -> Outcome<Reply<B>> {
        for _ in 0..MAX_REDIRECTS {
            let mut reply = exchange(&call).await?;
            if reply.status == 401 {
                // Whoever a redirect leads to is not the registry that the login is for.
                let is_registry = call.url.origin() == self.base.origin();
                let login = self.login.as_ref().filter(|_| is_registry);
                let authorization =
                    auth::answer(self.transport, &call.url, &reply.headers, login).await;
                if let Some(value) = authorization.and_then(|text| text.parse().ok()) {
                    call.headers.insert(AUTHORIZATION, value);
                    reply = exchange(&call).await?;
                }
            }
            let is_read = matches!(call.method, Method::GET | Method::HEAD);
            if !is_read || !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(reply);
            }
            let next = reply.location()?;
            if next.origin() != call.url.origin() {
                call.headers.remove(AUTHORIZATION);
            }
            call.url = next;
        }
        Err(wrong(format!("{}: redirects never end", call.url.path())))
    }

    async fn exchange(&self, call: &Call) -> Outcome<Reply> {
        let answer = self.transport.send(call.request()?).await;
        Ok(call.reply(answer.map_err(|error| call.no_answer(&error))?))
    }

    async fn begin(&self, call: &Call) -> Outcome<Reply<AnswerBody>> {
        let answer = self.transport.open(call.request()?).await;
        Ok(call.reply(answer.map_err(|error| call.no_answer(&error))?))
    }
}

#[cfg(test)]
mod tests;
