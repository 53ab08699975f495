//! Getting, asking for and storing a manifest.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method, StatusCode};
use modelpack_spec::distribution::{
    DOCKER_CONTENT_DIGEST, Endpoint, OCI_SUBJECT, TagOrDigest, content_type,
};
use modelpack_spec::{Algorithm, AnyManifest, Digest, MediaType};

use super::{Answer, Exchange, Head, Payload, Request, Step};
use crate::client::{FetchedManifest, ManifestStat};
use crate::error::{At, Error};
use crate::target::Target;

/// Longest manifest that is read: twice what registries must at least accept (4 MiB, distribution
/// specification, pushing manifests).
const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// All document types that are understood. Without them a registry may convert, or refuse.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, */*;q=0.1";

pub(crate) struct GetManifest<'a> {
    pub(crate) target: &'a Target,
    pub(crate) reference: &'a TagOrDigest,
}

impl Exchange for GetManifest<'_> {
    type Output = FetchedManifest;
    const WHAT: &'static str = "manifest";
    const MAX_BYTES: u64 = MAX_MANIFEST_BYTES;

    fn start(&self) -> Request {
        let endpoint = Endpoint::GetManifest {
            name: self.target.repository().clone(),
            reference: self.reference.clone(),
        };
        Request::new(Method::GET, self.target.url(&endpoint))
            .header(ACCEPT, HeaderValue::from_static(ACCEPTED))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<FetchedManifest>, Error> {
        let Answer { head, body } = &answer;
        if head.status != StatusCode::OK {
            return Err(answer.failure());
        }
        head.expect_registry()?;
        let algorithm = match self.reference {
            TagOrDigest::Digest(wanted) => {
                compare(head, wanted, body)?;
                wanted.algorithm()
            }
            TagOrDigest::Tag(_) => Algorithm::Sha256,
        };
        if let Some(stated) = stated_digest(head) {
            compare(head, &stated, body)?;
        }
        let media_type = head.text(CONTENT_TYPE).map(content_type);
        let manifest = AnyManifest::parse(body.clone(), media_type.as_ref())
            .map_err(|error| head.invalid("it is no manifest", Some(error.into())))?;
        Ok(Step::Done(FetchedManifest {
            digest: Digest::of(algorithm, body),
            media_type: media_type.unwrap_or_else(|| manifest.descriptor().media_type),
            manifest,
        }))
    }
}

/// What `Docker-Content-Digest` states, when it can be verified. It is only a second opinion, so one
/// that cannot be read is as good as none.
fn stated_digest(head: &Head) -> Option<Digest> {
    head.text(DOCKER_CONTENT_DIGEST)?.trim().parse().ok()
}

fn compare(head: &Head, expected: &Digest, body: &[u8]) -> Result<(), Error> {
    let actual = Digest::of(expected.algorithm(), body);
    if actual == *expected {
        return Ok(());
    }
    Err(Error::DigestMismatch {
        at: head.at(),
        what: "manifest",
        expected: *expected,
        actual,
    })
}

pub(crate) struct HeadManifest<'a> {
    pub(crate) target: &'a Target,
    pub(crate) reference: &'a TagOrDigest,
}

impl Exchange for HeadManifest<'_> {
    type Output = Option<ManifestStat>;
    const WHAT: &'static str = "answer to HEAD";
    /// There is no body.
    const MAX_BYTES: u64 = 0;

    fn start(&self) -> Request {
        let endpoint = Endpoint::HeadManifest {
            name: self.target.repository().clone(),
            reference: self.reference.clone(),
        };
        Request::new(Method::HEAD, self.target.url(&endpoint))
            .header(ACCEPT, HeaderValue::from_static(ACCEPTED))
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<Self::Output>, Error> {
        let head = &answer.head;
        match head.status {
            StatusCode::OK => {
                head.expect_registry()?;
                Ok(Step::Done(Some(ManifestStat {
                    digest: stated_digest(head),
                    media_type: content_type(head.text(CONTENT_TYPE).unwrap_or_default()),
                    size: head.length(),
                })))
            }
            StatusCode::NOT_FOUND => Ok(Step::Done(None)),
            _ => Err(answer.failure()),
        }
    }
}

#[derive(Clone)]
pub(crate) struct PutManifest<'a> {
    target: &'a Target,
    reference: &'a TagOrDigest,
    media_type: HeaderValue,
    content: Bytes,
    digest: Digest,
    if_match: Option<HeaderValue>,
}

/// A manifest that a registry has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredManifest {
    pub(crate) digest: Digest,
    /// Whether the registry lists it at its subject by itself (`OCI-Subject`).
    pub(crate) is_listed: bool,
}

impl<'a> PutManifest<'a> {
    /// Refuses content that does not have the digest it would be stored under.
    pub(crate) fn new(
        target: &'a Target,
        reference: &'a TagOrDigest,
        media_type: &MediaType,
        content: Bytes,
    ) -> Result<Self, Error> {
        let endpoint = Self::endpoint(target, reference);
        let at = || At::new(Method::PUT, &target.url(&endpoint));
        let digest = match reference {
            TagOrDigest::Tag(_) => Digest::sha256(&content),
            TagOrDigest::Digest(expected) => {
                let actual = Digest::of(expected.algorithm(), &content);
                if actual != *expected {
                    return Err(Error::DigestMismatch {
                        at: at(),
                        what: "manifest",
                        expected: *expected,
                        actual,
                    });
                }
                actual
            }
        };
        let media_type =
            HeaderValue::try_from(media_type.to_string()).map_err(|_| Error::Unsupported {
                at: at(),
                reason: "a media type with characters that no header can carry",
            })?;
        Ok(Self {
            target,
            reference,
            media_type,
            content,
            digest,
            if_match: None,
        })
    }

    /// Digest of the content.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Only when what is there now still has this entity tag.
    pub(crate) fn if_match(mut self, tag: Option<HeaderValue>) -> Self {
        self.if_match = tag;
        self
    }

    fn endpoint(target: &Target, reference: &TagOrDigest) -> Endpoint {
        Endpoint::PutManifest {
            name: target.repository().clone(),
            reference: reference.clone(),
            tags: Vec::new(),
        }
    }
}

impl Exchange for PutManifest<'_> {
    type Output = StoredManifest;
    const WHAT: &'static str = "answer to a push";
    /// The body means nothing.
    const MAX_BYTES: u64 = 64 * 1024;

    fn start(&self) -> Request {
        let endpoint = Self::endpoint(self.target, self.reference);
        let mut request = Request::new(Method::PUT, self.target.url(&endpoint))
            .header(CONTENT_TYPE, self.media_type.clone());
        if let Some(tag) = &self.if_match {
            request = request.header(IF_MATCH, tag.clone());
        }
        // When the answer is lost somebody else may move the tag before this is sent again.
        request.payload(Payload::Bytes(self.content.clone())).once()
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<StoredManifest>, Error> {
        let head = &answer.head;
        // 201 by the specification; 200 and 202 are seen.
        if !matches!(head.status.as_u16(), 200..=202) {
            return Err(answer.failure());
        }
        head.expect_registry()?;
        if let Some(stated) = stated_digest(head) {
            let expected = Digest::of(stated.algorithm(), &self.content);
            if stated != expected {
                return Err(Error::DigestMismatch {
                    at: head.at(),
                    what: "manifest that the registry has stored",
                    expected,
                    actual: stated,
                });
            }
        }
        Ok(Step::Done(StoredManifest {
            digest: self.digest,
            is_listed: head.headers.contains_key(OCI_SUBJECT),
        }))
    }
}
