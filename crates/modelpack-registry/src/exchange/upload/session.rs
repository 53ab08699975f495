//! An upload session: opening it, what its answers say, giving it up.

use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderValue, Method, StatusCode};
use modelpack_spec::distribution::{DOCKER_CONTENT_DIGEST, Endpoint, UploadRange};
use modelpack_spec::{Algorithm, Digest, Host, Repository};
use url::Url;

use crate::client::{Mount, Upload};
use crate::error::Error;
use crate::exchange::{Answer, BlobPayload, Exchange, Head, Payload, Request, Step};
use crate::policy::continuation_among;
use crate::target::Target;

/// Opens an upload, or mounts the blob from elsewhere.
pub(crate) struct StartUpload<'a> {
    pub(crate) target: &'a Target,
    pub(crate) digest: Digest,
    pub(crate) mount: Option<MountFrom>,
    /// Other hosts on which an upload may go on.
    pub(crate) allowed: &'a [Host],
}

/// Where a blob is mounted from.
#[derive(Debug, Clone, PartialEq, Eq)]
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
                check_stored(head, &self.digest)?;
                Ok(Step::Done(Mount::Mounted))
            }
            StatusCode::ACCEPTED => {
                let location = location(head, self.allowed)?
                    .ok_or_else(|| head.invalid("the upload has no Location", None))?;
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

/// Gives an upload up.
pub(crate) struct CancelUpload(pub(crate) Url);

impl Exchange for CancelUpload {
    type Output = ();
    const WHAT: &'static str = "answer to the end of an upload";
    /// The body means nothing.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        Request::new(Method::DELETE, self.0.clone())
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<()>, Error> {
        if answer.head.status.is_success() {
            return Ok(Step::Done(()));
        }
        Err(answer.failure())
    }
}

/// Where the upload goes on, when the answer says so.
pub(super) fn location(head: &Head, allowed: &[Host]) -> Result<Option<Url>, Error> {
    head.text(LOCATION)
        .map(|text| {
            continuation_among(&head.url, text, allowed).map_err(|refusal| head.refused(refusal))
        })
        .transpose()
}

/// What `Docker-Content-Digest` says was stored must be what was sent.
pub(super) fn check_stored(head: &Head, expected: &Digest) -> Result<(), Error> {
    let stated: Option<Digest> = head
        .text(DOCKER_CONTENT_DIGEST)
        .and_then(|text| text.trim().parse().ok());
    match stated {
        Some(actual) if actual.algorithm() == expected.algorithm() && actual != *expected => {
            Err(Error::DigestMismatch {
                at: head.at(),
                what: "blob that the registry has stored",
                expected: *expected,
                actual,
            })
        }
        _ => Ok(()),
    }
}

/// How many bytes a session says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Bytes(u64),
    /// `0-0`: the form cannot say "nothing", so it is said like this by most.
    NoneOrOne,
}

/// Reads the `Range` of an answer about a session.
pub(super) fn received(head: &Head) -> Option<Received> {
    let text = head.text(RANGE)?.trim();
    if text == "0--1" {
        return Some(Received::Bytes(0));
    }
    let range: UploadRange = text.parse().ok().filter(|r: &UploadRange| r.first == 0)?;
    Some(match range.length() {
        1 => Received::NoneOrOne,
        bytes => Received::Bytes(bytes),
    })
}

/// Asks how many bytes a session has.
pub(super) fn query(location: &Url) -> Request {
    Request::new(Method::GET, location.clone())
}

/// A part of the blob that goes over in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) length: u64,
    /// Whether it ends the upload.
    pub(super) closes: bool,
}

impl Part {
    pub(super) fn end(&self) -> u64 {
        self.start + self.length
    }
}

/// Sends a part. `says_range` is for a session whose state is not beyond doubt: a registry that has another
/// one can say so before it takes the bytes.
pub(super) fn send(location: &Url, blob: &BlobPayload, part: Part, says_range: bool) -> Request {
    let mut url = location.clone();
    let method = if part.closes {
        // The location's own query is the registry's and stays.
        url.query_pairs_mut()
            .append_pair("digest", &blob.digest.to_string());
        Method::PUT
    } else {
        Method::PATCH
    };
    let mut request = Request::new(method, url).header(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    let is_whole = part.closes && part.start == 0;
    if part.length > 0 && (!is_whole || says_range) {
        let range = UploadRange {
            first: part.start,
            last: part.end() - 1,
        };
        if let Ok(value) = HeaderValue::try_from(range.to_string()) {
            request = request.header(CONTENT_RANGE, value);
        }
    }
    request.payload(Payload::Blob(BlobPayload {
        offset: part.start,
        size: part.length,
        ..blob.clone()
    }))
}
