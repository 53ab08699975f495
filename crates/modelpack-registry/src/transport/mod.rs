//! The thin driver: sends the requests of exchanges over hyper, and obeys what pure code decides.

mod authorize;
mod body;
mod connect;
mod gate;
mod hosts;
mod mirrors;
mod reply;
mod resolve;
mod socket;
mod throttle;
#[cfg(feature = "tls")]
mod tls;

use std::error::Error as StdError;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, LOCATION, PROXY_AUTHORIZATION, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::sleep;
use url::Url;

use self::authorize::{Authorizer, Session};
use self::body::{Outgoing, Pulse};
use self::connect::{Party, Pools};
use self::gate::Gate;
use self::hosts::{HostLimits, HostTable};
pub use self::mirrors::MirrorFailure;
use self::mirrors::Mirrors;
pub(crate) use self::mirrors::OnMirrorFailure;
pub(crate) use self::reply::Reply;
use self::resolve::RefusedAddress;
use self::socket::Peer;
use self::throttle::Throttled;
use crate::auth::Scopes;
use crate::client::{ClientBuilder, PlainHttp};
use crate::error::{At, BoxError, Error};
use crate::exchange::{Exchange, Head, Payload, Request, Step, refused};
use crate::hosts::HostSettings;
use crate::name::Name;
use crate::policy::{Failure, Origin, Reach, Refusal, RetryPolicy, TransferPolicy, follow};
use crate::proxy::Proxy;
use crate::target::Target;

/// Sends requests.
pub(crate) struct Transport {
    pools: Pools,
    authorizer: Authorizer,
    gate: Gate,
    headers: Vec<(http::HeaderName, HeaderValue)>,
    user_agent: HeaderValue,
    plain_http: PlainHttp,
    hosts: Arc<HostTable>,
    mirrors: Mirrors,
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
        options.hosts.check()?;
        let hosts = Arc::new(HostTable::new(&options));
        let mut token_hosts = options.token_hosts.clone();
        token_hosts.extend(options.hosts.token_hosts());
        Ok(Self {
            pools: Pools::new(&options, &hosts)?,
            hosts,
            mirrors: Mirrors::new(options.on_mirror_failure),
            authorizer: Authorizer::new(options.credentials, token_hosts),
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
        let settings = self.hosts.settings(&name.host);
        Target::new(name, self.plain_http_for(&settings))
    }

    pub(crate) fn settings(&self, host: &modelpack_spec::Host) -> HostSettings {
        self.hosts.settings(host)
    }

    /// The proxy on the way to an origin.
    pub(crate) fn proxy_of(&self, origin: &Origin) -> Option<Proxy> {
        self.hosts.at(origin).proxy.clone()
    }

    fn plain_http_for(&self, settings: &HostSettings) -> PlainHttp {
        match settings.plain_http {
            Some(true) => PlainHttp::Always,
            Some(false) => PlainHttp::Never,
            None => self.plain_http,
        }
    }

    /// How a blob is pulled from there: over no more connections than the host may have, and with one
    /// second try for a mirror, since after it others can be asked.
    pub(crate) fn policies(&self, target: &Target) -> (TransferPolicy, RetryPolicy) {
        let (mut transfer, mut retry) = (self.transfer.clone(), self.retry.clone());
        let allowed = self.hosts.at(&target.origin).most_connections;
        if let Some(allowed) = allowed.map(NonZeroUsize::from) {
            transfer.connections = transfer.connections.min(allowed);
            transfer.first_connections = transfer.first_connections.min(allowed);
        }
        if target.is_mirror() {
            retry.attempts = retry.attempts.min(2);
        }
        (transfer, retry)
    }

    /// What all transfers to and from an origin share. The permit for a connection is taken by
    /// [`Self::send`] and lives as long as its [`Reply`].
    pub(crate) fn host_limits(&self, origin: &Origin) -> HostLimits {
        self.hosts.at(origin).limits.clone()
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
        let connection = self.host_limits(&target.origin).connection().await;
        let mut made = 0;
        loop {
            let outcome = self.chain(request, &mut session).await;
            made += 1;
            // What a mirror asks for concerns the mirror, and others can be asked meanwhile.
            if !target.is_mirror() {
                self.hold_back(&outcome);
            }
            let delay = self.delay(request, made, &outcome);
            // After a mirror the next place is a better choice than the same one once more.
            match delay.filter(|_| !target.is_mirror()) {
                Some(delay) => sleep(delay).await,
                None => {
                    let mut reply = outcome.map_err(|unanswered| unanswered.error)?;
                    reply.connection = connection;
                    return Ok(reply);
                }
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
            let (ours, party) = if is_at_home {
                let ours = self.ours(session.target, authorization.clone());
                (ours, Party::home(session.target))
            } else {
                (HeaderMap::new(), Party::Named(reach))
            };
            let mut reply = self.send_once(request, &url, ours, party, registry).await?;
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

    /// What a registry gets from us, and no other place.
    fn ours(&self, target: &Target, authorization: Option<HeaderValue>) -> HeaderMap {
        let mut ours = HeaderMap::new();
        if !target.is_mirror() {
            ours.extend(self.headers.iter().cloned());
        }
        ours.extend(self.hosts.at(&target.origin).headers.iter().cloned());
        if let Some(authorization) = authorization {
            ours.insert(AUTHORIZATION, authorization);
        }
        ours
    }

    /// One request on one connection, for `registry`, whose limits it keeps wherever it goes.
    async fn send_once(
        &self,
        request: &Request,
        url: &Url,
        ours: HeaderMap,
        party: Party,
        registry: &Origin,
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
        let rules = self.hosts.at(registry);
        let pulse = Arc::new(Pulse::default());
        let body = Outgoing::new(&request.payload, &pulse);
        let body = Throttled::new(body, rules.limits.upload.clone(), &pulse);
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(url.as_str())
            .body(body)
            .map_err(|error| Error::InvalidReply {
                at: at(),
                reason: "a URL that cannot be requested".to_owned(),
                source: Some(error.into()),
            })?;
        let headers = message.headers_mut();
        headers.extend(request.headers.clone());
        let user_agent = rules.user_agent.as_ref().unwrap_or(&self.user_agent);
        headers.insert(USER_AGENT, user_agent.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
            let length = match &request.payload {
                Payload::Empty => 0,
                Payload::Bytes(bytes) => bytes.len() as u64,
                Payload::Blob(blob) => blob.size,
            };
            headers.insert(CONTENT_LENGTH, length.into());
        }
        headers.extend(ours);
        if let Some(authorization) = self.hosts.proxy_authorization(url) {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        let sent = self.pools.get(party).request(message);
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
                    .get::<Peer>()
                    .map_or(Reach::Public, |peer| peer.0);
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
                    throttle: rules.limits.download.clone(),
                    connection: None,
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

    /// Asks a token service of `registry`. `reach` says how near the address may be that its name has.
    async fn run_token<E: Exchange>(
        &self,
        registry: &Target,
        reach: Reach,
        mut exchange: E,
    ) -> Result<E::Output, Error> {
        let mut request = exchange.start();
        loop {
            let mut made = 0;
            let reply = loop {
                let outcome = self.send_token(registry, &request, reach).await;
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

    async fn send_token(
        &self,
        registry: &Target,
        request: &Request,
        reach: Reach,
    ) -> Result<Reply, Unanswered> {
        // A server that wants to see our certificate wants it from its token service as well.
        let party = if Origin::of(&request.url).as_ref() == Some(&registry.origin) {
            Party::home(registry)
        } else {
            Party::Named(reach)
        };
        let (ours, origin) = (HeaderMap::new(), &registry.origin);
        let reply = self
            .send_once(request, &request.url, ours, party, origin)
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
