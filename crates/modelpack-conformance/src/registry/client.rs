//! The suite's own HTTP client: it judges registries, so it shares no code with a registry client.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::wire::{AnswerBody, Answered, Opened, RequestBody, Transport, TransportError};

/// Longest time for one request; the largest body of the suite has some mebibytes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of an answer that is read whole: several times the largest body of the suite.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// HTTP/1.1 over sockets, with TLS where the address says so. Needs a tokio runtime.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: Client<HttpsConnector<HttpConnector>, RequestBody>,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificates of this system")]
pub struct ClientError {
    #[source]
    source: std::io::Error,
}

impl HttpTransport {
    /// A client that trusts the certificates of this system.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new() -> Result<Self, ClientError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|source| ClientError { source })?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client })
    }

    async fn exchange(
        &self,
        request: Request<RequestBody>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(TransportError::new)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(TransportError::new)?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<RequestBody>) -> Answered<'_> {
        Box::pin(async move {
            tokio::time::timeout(TIMEOUT, self.exchange(request))
                .await
                .map_err(TransportError::new)?
        })
    }

    fn open(&self, request: Request<RequestBody>) -> Opened<'_> {
        Box::pin(async move {
            let answer = tokio::time::timeout(TIMEOUT, self.client.request(request)).await;
            let answer = answer.map_err(TransportError::new)?;
            let answer = answer.map_err(TransportError::new)?;
            Ok(answer.map(AnswerBody::new))
        })
    }
}
