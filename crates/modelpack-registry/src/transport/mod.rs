//! The thin driver: sends the requests of exchanges over hyper, and obeys what pure code decides.

mod authorize;
mod body;
mod connect;
mod gate;
mod reply;
mod resolve;
#[cfg(feature = "tls")]
mod tls;

use std::error::Error as StdError;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, LOCATION, USER_AGENT};
use http::{HeaderValue, Method, StatusCode};
use hyper_util::client::legacy::connect::HttpInfo;
use tokio::time::sleep;
use url::Url;

use self::authorize::{Authorizer, Session};
use self::body::{Outgoing, Pulse};
use self::connect::Pools;
use self::gate::Gate;
pub(crate) use self::reply::Reply;
use self::resolve::RefusedAddress;
use crate::auth::Scopes;
use crate::client::{ClientBuilder, PlainHttp};
use crate::error::{At, BoxError, Error};
use crate::exchange::{Exchange, Head, Payload, Request, Step, refused};
use crate::name::Name;
use crate::policy::{Failure, Origin, Reach, Refusal, RetryPolicy, TransferPolicy, follow};
use crate::target::Target;

/// Sends requests.
pub(crate) struct Transport {
    pools: Pools,
    authorizer: Authorizer,
    gate: Gate,
    headers: Vec<(http::HeaderName, HeaderValue)>,
    user_agent: HeaderValue,
    plain_http: PlainHttp,
    pub(crate) retry: RetryPolicy,
    pub(crate) transfer: TransferPolicy,
    idle: Duration,
    commit: Duration,
}

/// A request that got no answer.
struct Unanswered {
    error: Error,
    is_repeatable: bool,
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_repeatable: false,
        }
    }
}

impl Transport {
    pub(crate) fn new(options: ClientBuilder) -> Result<Self, Error> {
        let user_agent =
            HeaderValue::try_from(&options.user_agent).map_err(|error| Error::Setup {
                reason: "the user agent has characters that no header can carry".to_owned(),
                source: Some(error.into()),
            })?;
        Ok(Self {
            pools: Pools::new(&options)?,
            authorizer: Authorizer::new(options.credentials, options.token_hosts),
            gate: Gate::default(),
            headers: options.headers,
            user_agent,
            plain_http: options.plain_http,
            retry: options.retry,
            transfer: options.transfer,
            idle: options.idle_timeout,
            commit: options.commit_timeout,
        })
    }

    pub(crate) fn target(&self, name: &Name) -> Result<Target, Error> {
        Target::new(name, self.plain_http)
    }

    /// Runs an exchange with a registry to its end.
    pub(crate) async fn run<E: Exchange>(
        &self,
        target: &Target,
        scopes: &Scopes,
        mut exchange: E,
    ) -> Result<E::Output, Error> {
        let mut request = exchange.start();
        loop {
            let reply = self.send(target, scopes, &request).await?;
            let answer = reply.collect(E::WHAT, E::MAX_BYTES).await?;
            match exchange.answer(answer)? {
                Step::Send(next) => request = next,
                Step::Done(output) => return Ok(output),
            }
        }
    }

    /// Sends a request to a registry: with credentials when it asks for them, again when that can help,
    /// along redirects as far as the request allows.
    pub(crate) async fn send(
        &self,
        target: &Target,
        scopes: &Scopes,
        request: &Request,
    ) -> Result<Reply, Error> {
        let mut session = Session::new(target, scopes);
        let mut made = 0;
        loop {
            let outcome = self.chain(request, &mut session).await;
            made += 1;
            self.hold_back(&outcome);
            match self.delay(request, made, &outcome) {
                Some(delay) => sleep(delay).await,
                None => return outcome.map_err(|unanswered| unanswered.error),
            }
        }
    }

    /// How long to wait before the request is sent once more; `None` when its outcome stands.
    fn delay(
        &self,
        request: &Request,
        made: u32,
        outcome: &Result<Reply, Unanswered>,
    ) -> Option<Duration> {
        let failure = match outcome {
            Ok(reply) => Failure::Status(reply.head.status.as_u16(), reply.head.retry_after()),
            Err(unanswered) if unanswered.is_repeatable => Failure::Connection,
            Err(_) => return None,
        };
        self.retry
            .delay(made, failure, random())
            .filter(|_| request.is_repeatable())
    }

    /// Lets nobody else ask before the time that an answer names, as far as it is worth waiting for.
    fn hold_back(&self, outcome: &Result<Reply, Unanswered>) {
        if let Ok(reply) = outcome
            && let (429 | 503, Some(wait)) = (reply.head.status.as_u16(), reply.head.retry_after())
            && wait <= self.retry.max_retry_after
            && let Some(origin) = Origin::of(&reply.head.url)
        {
            self.gate.close(&origin, wait);
        }
    }

    /// One attempt: the request, its authentication and its redirects.
    async fn chain(
        &self,
        request: &Request,
        session: &mut Session<'_>,
    ) -> Result<Reply, Unanswered> {
        let registry = &session.target.origin;
        let mut url = request.url.clone();
        // The user has named the registry; wherever an answer sends us is limited by who sent it.
        let mut reach = Reach::Local;
        let mut hops = 0;
        // Once an answer has led away from the registry, nothing of ours goes along, not even back.
        let mut is_at_home = Origin::of(&url).as_ref() == Some(registry);
        let mut authorization = self.authorizer.remembered(session).await;
        loop {
            let secret = authorization.clone().filter(|_| is_at_home);
            let mut reply = self
                .send_once(request, &url, secret, is_at_home, reach)
                .await?;
            let status = reply.head.status;
            if status == StatusCode::UNAUTHORIZED && is_at_home {
                let next = self.authorizer.respond(self, session, &reply).await?;
                if next.is_some() {
                    authorization = next;
                    // A kept connection has no body left on it.
                    reply.discard().await;
                    continue;
                }
            }
            let location = match status.as_u16() {
                301 | 302 | 303 | 307 | 308 => reply.head.text(LOCATION).map(str::to_owned),
                _ => None,
            };
            let Some(location) = location else {
                return Ok(reply);
            };
            let from = reply.peer.min(reach);
            match follow(&url, &location, registry, request.redirects, hops, from) {
                Ok(next) => {
                    if Origin::of(&next).as_ref() != Some(registry) {
                        reach = from;
                        is_at_home = false;
                    }
                    url = next;
                    hops += 1;
                }
                Err(Refusal::Policy(_)) if request.method == Method::HEAD => {
                    reply.head.is_redirected_away = true;
                    return Ok(reply);
                }
                Err(refusal) => return Err(reply.head.refused(refusal).into()),
            }
        }
    }

    /// One request on one connection.
    async fn send_once(
        &self,
        request: &Request,
        url: &Url,
        authorization: Option<HeaderValue>,
        is_at_home: bool,
        reach: Reach,
    ) -> Result<Reply, Unanswered> {
        let at = || At::new(request.method.clone(), url);
        if cfg!(not(feature = "tls")) && url.scheme() == "https" {
            return Err(Error::Unsupported {
                at: at(),
                reason: "this build has no TLS",
            }
            .into());
        }
        if let Some(origin) = Origin::of(url) {
            self.gate.pass(&origin).await;
        }
        let pulse = Arc::new(Pulse::default());
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(url.as_str())
            .body(Outgoing::new(&request.payload, &pulse))
            .map_err(|error| Error::InvalidReply {
                at: at(),
                reason: "a URL that cannot be requested".to_owned(),
                source: Some(error.into()),
            })?;
        let headers = message.headers_mut();
        headers.extend(request.headers.clone());
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
            let length = match &request.payload {
                Payload::Empty => 0,
                Payload::Bytes(bytes) => bytes.len() as u64,
                Payload::Blob(blob) => blob.size,
            };
            headers.insert(CONTENT_LENGTH, length.into());
        }
        if is_at_home {
            headers.extend(self.headers.iter().cloned());
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        let sent = self.pools.get(reach).request(message);
        let response = tokio::select! {
            response = sent => response,
            waited = self.watch(&pulse) => {
                return Err(Error::Timeout { at: at(), waited }.into());
            }
        };
        match response {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                // Without an address the server counts as the farthest, which allows the least.
                let peer = parts
                    .extensions
                    .get::<HttpInfo>()
                    .map_or(Reach::Public, |info| Reach::of(info.remote_addr().ip()));
                Ok(Reply {
                    head: Head {
                        method: request.method.clone(),
                        url: url.clone(),
                        status: parts.status,
                        headers: parts.headers,
                        is_redirected_away: false,
                    },
                    body,
                    idle: self.idle,
                    peer,
                })
            }
            Err(error) => Err(unanswered(at(), error, &request.payload, &pulse)),
        }
    }

    /// Ends when nothing has moved for too long.
    async fn watch(&self, pulse: &Pulse) -> Duration {
        loop {
            let before = (pulse.moves(), pulse.is_sent());
            let limit = if before.1 { self.commit } else { self.idle };
            sleep(limit).await;
            if (pulse.moves(), pulse.is_sent()) == before {
                return limit;
            }
        }
    }

    /// Asks a token service. `reach` says how near the address may be that its name has.
    async fn run_token<E: Exchange>(
        &self,
        reach: Reach,
        mut exchange: E,
    ) -> Result<E::Output, Error> {
        let mut request = exchange.start();
        loop {
            let mut made = 0;
            let reply = loop {
                let outcome = self.send_token(&request, reach).await;
                made += 1;
                self.hold_back(&outcome);
                match self.delay(&request, made, &outcome) {
                    Some(delay) => sleep(delay).await,
                    None => break outcome.map_err(|unanswered| unanswered.error)?,
                }
            };
            let answer = reply.collect(E::WHAT, E::MAX_BYTES).await?;
            match exchange.answer(answer)? {
                Step::Send(next) => request = next,
                Step::Done(output) => return Ok(output),
            }
        }
    }

    async fn send_token(&self, request: &Request, reach: Reach) -> Result<Reply, Unanswered> {
        let reply = self
            .send_once(request, &request.url, None, false, reach)
            .await?;
        if reply.head.status.is_redirection() {
            let reason = "a redirect of the token service".to_owned();
            return Err(refused(reply.head.at(), Refusal::Policy(reason)).into());
        }
        Ok(reply)
    }
}

/// What became of a request that got no answer.
fn unanswered(
    at: Box<At>,
    error: hyper_util::client::legacy::Error,
    payload: &Payload,
    pulse: &Pulse,
) -> Unanswered {
    if let (Payload::Blob(blob), Some(source)) = (payload, pulse.take_failure()) {
        let digest = blob.digest;
        return Error::Source { digest, source }.into();
    }
    if let Some(refused) = find::<RefusedAddress>(&error) {
        let reason = refused.to_string();
        return Error::Policy { at, reason }.into();
    }
    // A connection that was never made because nobody listens, the name is unknown or the certificate is
    // wrong will not be better at once; one that broke can be.
    let is_repeatable = if error.is_connect() {
        find::<io::Error>(&error).is_some_and(|error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            )
        })
    } else {
        true
    };
    Unanswered {
        error: Error::Network {
            at,
            source: BoxError::from(error),
        },
        is_repeatable,
    }
}

/// The first error of a type in a chain of causes, also inside of `io::Error`.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// A number that nobody can guess well enough to matter; every `RandomState` has keys of its own.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}
