//! Opening, filling and giving up an upload.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use modelpack_spec::distribution::{DOCKER_CONTENT_DIGEST, Endpoint};
use modelpack_spec::{Algorithm, Digest, Repository};

use super::{Answer, BlobPayload, Exchange, Payload, Request, Step};
use crate::client::{Mount, Upload};
use crate::content::{BlobSource, Progress};
use crate::error::Error;
use crate::policy::continuation;
use crate::target::Target;

/// Opens an upload, or mounts the blob from elsewhere.
pub(crate) struct StartUpload<'a> {
    pub(crate) target: &'a Target,
    pub(crate) digest: Digest,
    pub(crate) mount: Option<MountFrom>,
}

/// Where a blob is mounted from.
pub(crate) enum MountFrom {
    Repository(Repository),
    Anywhere,
}

impl Exchange for StartUpload<'_> {
    type Output = Mount;
    const WHAT: &'static str = "answer to the start of an upload";
    /// The body means nothing.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        let name = self.target.repository().clone();
        let digest = self.digest;
        let endpoint = match &self.mount {
            Some(MountFrom::Repository(from)) => Endpoint::MountBlob {
                name,
                digest,
                from: Some(from.clone()),
            },
            Some(MountFrom::Anywhere) => Endpoint::MountBlob {
                name,
                digest,
                from: None,
            },
            // SHA-256 is what registries expect without being told, and old ones know no parameter.
            None => Endpoint::StartUpload {
                name,
                algorithm: Some(digest.algorithm())
                    .filter(|algorithm| *algorithm != Algorithm::Sha256),
            },
        };
        Request::new(Method::POST, self.target.url(&endpoint))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<Mount>, Error> {
        let head = &answer.head;
        match head.status {
            StatusCode::CREATED if self.mount.is_some() => {
                head.expect_registry()?;
                Ok(Step::Done(Mount::Mounted))
            }
            StatusCode::ACCEPTED => {
                let location = head
                    .text(LOCATION)
                    .ok_or_else(|| head.invalid("the upload has no Location", None))?;
                let location =
                    continuation(&head.url, location).map_err(|refusal| head.refused(refusal))?;
                Ok(Step::Done(Mount::Upload(Upload {
                    name: self.target.name.clone(),
                    digest: self.digest,
                    location,
                })))
            }
            status if status.is_success() => {
                head.expect_registry()?;
                Err(head.invalid(format!("unexpected status {status}"), None))
            }
            _ => Err(answer.failure()),
        }
    }
}

/// Sends the whole blob and closes the upload.
pub(crate) struct FinishUpload<'a> {
    pub(crate) upload: &'a Upload,
    pub(crate) size: u64,
    pub(crate) source: Arc<dyn BlobSource>,
    pub(crate) progress: Progress,
}

impl Exchange for FinishUpload<'_> {
    type Output = ();
    const WHAT: &'static str = "answer to an upload";
    /// The body means nothing.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        // The location's own query is the registry's and stays.
        let mut url = self.upload.location.clone();
        url.query_pairs_mut()
            .append_pair("digest", &self.upload.digest.to_string());
        Request::new(Method::PUT, url)
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            )
            .payload(Payload::Blob(BlobPayload {
                source: Arc::clone(&self.source),
                digest: self.upload.digest,
                size: self.size,
                progress: self.progress.clone(),
            }))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<()>, Error> {
        let head = &answer.head;
        // 201 by the specification; 200, 202 and 204 are seen.
        if !matches!(head.status.as_u16(), 200..=202 | 204) {
            return Err(answer.failure());
        }
        head.expect_registry()?;
        if let Some(stated) = head.text(DOCKER_CONTENT_DIGEST)
            && let Ok(actual) = stated.trim().parse::<Digest>()
            && actual.algorithm() == self.upload.digest.algorithm()
            && actual != self.upload.digest
        {
            return Err(Error::DigestMismatch {
                at: head.at(),
                what: "blob that the registry has stored",
                expected: self.upload.digest,
                actual,
            });
        }
        Ok(Step::Done(()))
    }
}

/// Gives an upload up.
pub(crate) struct CancelUpload<'a>(pub(crate) &'a Upload);

impl Exchange for CancelUpload<'_> {
    type Output = ();
    const WHAT: &'static str = "answer to the end of an upload";
    /// The body means nothing.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        Request::new(Method::DELETE, self.0.location.clone())
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<()>, Error> {
        if answer.head.status.is_success() {
            return Ok(Step::Done(()));
        }
        Err(answer.failure())
    }
}
