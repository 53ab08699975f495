//! From a request to the endpoint that answers it.

use std::sync::Arc;
use std::time::Instant;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, ORIGIN, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use modelpack_spec::distribution::{DOCKER_DISTRIBUTION_API_VERSION, Endpoint, ErrorCode};

use crate::access::Caller;
use crate::answer::{Answer, Head, Refusal, finish, warn};
use crate::metrics::{self, Metrics};
use crate::observe::{Crowded, Exchange, Peer};
use crate::rate::Buckets;
use crate::receive::Incoming;
use crate::session::{Lifetime, Sessions};
use crate::storage::{Garbage, Storage};
use crate::upstream::{Fetches, Refreshes};
use crate::{Body, Error, Options, blocking};

/// An OCI registry over a [`Storage`]. Clones share it, upload sessions included.
///
/// [`handle`](Self::handle) answers a request; where requests come from is up to the caller.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Arc<dyn Storage>,
    options: Options,
    sessions: Sessions,
    metrics: Arc<Metrics>,
    buckets: Buckets,
    fetches: Fetches,
    refreshes: Refreshes,
}

impl Registry {
    /// A registry over this storage.
    #[must_use]
    pub fn new(storage: impl Storage, options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                storage: Arc::new(storage),
                options,
                sessions: Sessions::default(),
                metrics: Arc::default(),
                buckets: Buckets::default(),
                fetches: Fetches::default(),
                refreshes: Refreshes::default(),
            }),
        }
    }

    /// Answers one request. Needs to be called within a tokio runtime that has time.
    ///
    /// The body of the request is read only as far as the answer needs it, and after a refusal for
    /// at most [`Options::drain_bytes`] more in the background. When the returned future is dropped,
    /// an upload keeps what it has received. The address of the client is taken from a
    /// [`Peer`](crate::Peer) among the extensions of the request.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let options = &self.inner.options;
        let mut body = Incoming::new(body, &head.headers, options);
        let mut caller = Caller::anonymous();
        let result = self.answer(&head, &mut body, &mut caller).await;
        let received = body.received();
        body.drain(options.drain_bytes);
        let (mut response, error) = match result {
            Ok(response) => (response, None),
            Err(mut refusal) => {
                let error = refusal.error.take();
                (refusal.into_response(), error)
            }
        };
        if head.uri.path().starts_with("/v2") {
            warn(response.headers_mut(), &options.warnings);
        }
        let is_head = head.method == Method::HEAD;
        let exchange = Exchange {
            metrics: Arc::clone(&self.inner.metrics),
            observer: options.observer.clone(),
            path: head.uri.path().into(),
            method: head.method,
            user: caller.name,
            peer: head.extensions.get::<Peer>().map(|Peer(address)| *address),
            began,
            status: response.status(),
            received,
            sent: 0,
            complete: false,
        };
        exchange.answered(error.as_deref());
        finish(response, is_head).map(|body| body.of_exchange(exchange))
    }

    /// Frees what nothing needs any more, see [`Storage::collect_garbage`].
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn collect_garbage(&self) -> Result<Garbage, Error> {
        self.storage(|storage| storage.collect_garbage()).await
    }

    /// Forgets upload sessions that lived too long, with what they hold. A listener of this crate does
    /// this by itself; a program without one calls it now and then.
    pub fn forget_old_uploads(&self) {
        self.inner.sessions.sweep(&self.lifetime());
    }

    async fn answer<B>(
        &self,
        head: &http::request::Parts,
        body: &mut Incoming<B>,
        who: &mut Caller,
    ) -> Answer
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        self.check_host(head)?;
        check_framing(&head.headers)?;
        if let Some(answer) = self.page(head).await {
            return answer;
        }
        if head.extensions.get::<Crowded>().is_some() {
            return Err(Refusal::too_many("too many connections"));
        }
        self.check_rate(head)?;
        let endpoint = Endpoint::parse(
            head.method.as_str(),
            head.uri.path(),
            head.uri.query().unwrap_or_default(),
        )?;
        self.check_delete(&endpoint)?;
        let headers = &head.headers;
        *who = self.identify(headers).await?;
        let caller = &*who;
        self.authorize(caller, &endpoint)?;
        match endpoint {
            Endpoint::Ping => Ok(ping()),
            Endpoint::HeadBlob { name, digest } => self.head_blob(name, digest).await,
            Endpoint::GetBlob { name, digest } => self.get_blob(name, digest, headers).await,
            Endpoint::DeleteBlob { name, digest } => self.delete_blob(name, digest).await,
            Endpoint::MountBlob { name, digest, from } => {
                self.mount_blob(caller, name, digest, from).await
            }
            Endpoint::StartUpload { name, algorithm } => {
                self.start_upload(caller, name, algorithm).await
            }
            Endpoint::UploadBlob { name, digest } => {
                self.upload_blob(caller, name, digest, body).await
            }
            Endpoint::PatchUpload { name, upload } => {
                self.patch_upload(caller, name, upload, headers, body).await
            }
            Endpoint::FinishUpload {
                name,
                upload,
                digest,
            } => {
                self.finish_upload(caller, name, upload, digest, headers, body)
                    .await
            }
            Endpoint::UploadStatus { name, upload } => self.upload_status(caller, &name, &upload),
            Endpoint::CancelUpload { name, upload } => self.cancel_upload(caller, &name, &upload),
            Endpoint::HeadManifest { name, reference }
            | Endpoint::GetManifest { name, reference } => self.get_manifest(name, reference).await,
            Endpoint::PutManifest {
                name,
                reference,
                tags,
            } => {
                self.put_manifest(name, reference, tags, headers, body)
                    .await
            }
            Endpoint::DeleteManifest { name, reference } => {
                self.delete_manifest(name, reference).await
            }
            Endpoint::ListTags { name, n, last } => self.list_tags(name, n, last).await,
            Endpoint::Referrers {
                name,
                digest,
                artifact_type,
            } => self.referrers(name, digest, artifact_type).await,
            _ => Err(Refusal::new(
                ErrorCode::Unsupported,
                "not offered by this registry",
            )),
        }
    }

    /// Refuses names that this registry does not have; see [`Hosts`](crate::Hosts).
    fn check_host(&self, head: &http::request::Parts) -> Result<(), Refusal> {
        let hosts = &self.inner.options.hosts;
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        // A request without both comes from a program that called us directly or speaks HTTP/1.0.
        // Browsers always send one.
        let allowed = host_values(&head.headers)
            .chain(authority.map(Some))
            .all(|value| value.is_some_and(|value| hosts.allows(value)));
        // A page elsewhere can send some requests to a name of this machine, too.
        let mut origins = head.headers.get_all(ORIGIN).iter();
        let from_here = origins.all(|value| {
            value
                .to_str()
                .is_ok_and(|origin| hosts.allows_origin(origin))
        });
        if allowed && from_here {
            Ok(())
        } else {
            Err(Refusal::new(
                ErrorCode::Denied,
                "this registry does not answer under that host name, nor to pages of other hosts",
            ))
        }
    }

    fn check_delete(&self, endpoint: &Endpoint) -> Result<(), Refusal> {
        if self.inner.options.allow_delete || endpoint.method() != "DELETE" {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::Unsupported,
            "this registry does not delete",
        ))
    }

    /// The pages that are no part of the specification.
    async fn page(&self, head: &http::request::Parts) -> Option<Answer> {
        let text = "text/plain; charset=utf-8";
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        match head.uri.path() {
            "/healthz" if is_read => {
                let health = self.storage(|storage| storage.check_health()).await;
                Some(match health {
                    Ok(()) => Ok(Head::new(StatusCode::OK).page(text, "ok\n".to_owned())),
                    Err(error) => {
                        let refusal = Refusal::from(error);
                        Err(refusal.status(StatusCode::SERVICE_UNAVAILABLE))
                    }
                })
            }
            "/metrics" if is_read && self.inner.options.metrics => {
                let page = self.inner.metrics.page(self.inner.sessions.len());
                Some(Ok(
                    Head::new(StatusCode::OK).page(metrics::CONTENT_TYPE, page)
                ))
            }
            _ => None,
        }
    }

    fn check_rate(&self, head: &http::request::Parts) -> Result<(), Refusal> {
        let Some(limit) = self.inner.options.rate_limit else {
            return Ok(());
        };
        let client = head.extensions.get::<Peer>().map(|Peer(from)| from.ip());
        let taken = self.inner.buckets.take(client, limit, Instant::now());
        taken.map_err(|seconds| Refusal::too_many_for("too many requests", seconds))
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn fetches(&self) -> &Fetches {
        &self.inner.fetches
    }

    pub(crate) fn refreshes(&self) -> &Refreshes {
        &self.inner.refreshes
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle: self.inner.options.upload_idle,
            age: self.inner.options.upload_age,
        }
    }

    /// Calls the storage where blocking is allowed.
    pub(crate) async fn storage<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Storage) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let storage = Arc::clone(&self.inner.storage);
        blocking::run(move || call(&*storage)).await
    }
}

/// Refuses a request that says twice how long its body is: a proxy in front may believe the other
/// one, and then read the rest of the body as a request of its own (RFC 9112 section 6.1).
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if !(headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::Unsupported,
        "content length and transfer encoding exclude each other",
    )
    .status(StatusCode::BAD_REQUEST)
    .header(CONNECTION, HeaderValue::from_static("close")))
}

/// The values of all `Host` headers; `None` for one that is no text.
fn host_values(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers
        .get_all(HOST)
        .iter()
        .map(|value| value.to_str().ok())
}

fn ping() -> Response<Body> {
    Head::new(StatusCode::OK)
        .text(
            http::HeaderName::from_static(DOCKER_DISTRIBUTION_API_VERSION),
            "registry/2.0",
        )
        .json(b"{}".to_vec())
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("storage", &self.inner.storage)
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}
