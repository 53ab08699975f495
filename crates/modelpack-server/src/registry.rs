//! From a request to the endpoint that answers it.

use std::sync::Arc;

use http::header::{HOST, HeaderMap};
use http::{Method, Request, Response};
use http_body::Body as HttpBody;
use modelpack_spec::distribution::{DOCKER_DISTRIBUTION_API_VERSION, Endpoint, ErrorCode};

use crate::answer::{Answer, Head, Refusal, finish};
use crate::receive::Incoming;
use crate::session::Sessions;
use crate::storage::Storage;
use crate::{Answered, Body, Error, Options, blocking};

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
            }),
        }
    }

    /// Answers one request. Needs to be called within a tokio runtime.
    ///
    /// The body of the request is read only as far as the answer needs it, and after a refusal for
    /// at most [`Options::drain_bytes`] more in the background. When the returned future is dropped,
    /// an upload keeps what it has received.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let (head, body) = request.into_parts();
        let mut body = Incoming::new(body, &head.headers);
        let result = self.answer(&head, &mut body).await;
        body.drain(self.inner.options.drain_bytes);
        let (response, error) = match result {
            Ok(response) => (response, None),
            Err(mut refusal) => {
                let error = refusal.error.take();
                (refusal.into_response(), error)
            }
        };
        if let Some(observer) = &self.inner.options.observer {
            observer.answered(&Answered::new(
                &head.method,
                head.uri.path(),
                response.status(),
                error.as_deref(),
            ));
        }
        finish(response, head.method == Method::HEAD)
    }

    async fn answer<B>(&self, head: &http::request::Parts, body: &mut Incoming<B>) -> Answer
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        self.check_host(head)?;
        let endpoint = Endpoint::parse(
            head.method.as_str(),
            head.uri.path(),
            head.uri.query().unwrap_or_default(),
        )?;
        self.check_delete(&endpoint)?;
        let headers = &head.headers;
        match endpoint {
            Endpoint::Ping => Ok(ping()),
            Endpoint::HeadBlob { name, digest } => self.head_blob(name, digest).await,
            Endpoint::GetBlob { name, digest } => self.get_blob(name, digest, headers).await,
            Endpoint::DeleteBlob { name, digest } => self.delete_blob(name, digest).await,
            Endpoint::MountBlob { name, digest, from } => self.mount_blob(name, digest, from).await,
            Endpoint::StartUpload { name, .. } => self.start_upload(name).await,
            Endpoint::UploadBlob { name, digest } => self.upload_blob(name, digest, body).await,
            Endpoint::PatchUpload { name, upload } => {
                self.patch_upload(name, upload, headers, body).await
            }
            Endpoint::FinishUpload {
                name,
                upload,
                digest,
            } => {
                self.finish_upload(name, upload, digest, headers, body)
                    .await
            }
            Endpoint::UploadStatus { name, upload } => self.upload_status(&name, &upload),
            Endpoint::CancelUpload { name, upload } => self.cancel_upload(&name, &upload),
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
        if allowed {
            Ok(())
        } else {
            Err(Refusal::new(
                ErrorCode::Denied,
                "this registry does not answer under that host name",
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

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
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

/// The values of all `Host` headers; `None` for one that is no text.
fn host_values(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers
        .get_all(HOST)
        .iter()
        .map(|value| value.to_str().ok())
}

fn ping() -> Response<Body> {
    Head::new(http::StatusCode::OK)
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
