//! Reading, storing and deleting manifests.

use http::StatusCode;
use http::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LOCATION};
use http_body::Body as HttpBody;
use modelpack_spec::distribution::{
    Endpoint, ErrorCode, OCI_SUBJECT, OCI_TAG, TagOrDigest, content_type,
};
use modelpack_spec::{Digest, Repository, Tag};

use crate::answer::{Answer, Head, Refusal};
use crate::document::Summary;
use crate::receive::Incoming;
use crate::storage::{Storage, StoredManifest};
use crate::{Body, Error, Registry};

impl Registry {
    pub(crate) async fn get_manifest(&self, name: Repository, reference: TagOrDigest) -> Answer {
        if let TagOrDigest::Tag(tag) = &reference {
            self.refresh_tag(&name, tag).await?;
        }
        let (repository, wanted) = (name.clone(), reference.clone());
        let manifest = self
            .storage(move |storage| storage.manifest(&repository, &wanted))
            .await?;
        let manifest = match manifest {
            Some(manifest) => Some(manifest),
            None => self.manifest_from_upstream(&name, &reference).await?,
        };
        let manifest = manifest.ok_or_else(unknown)?;
        Ok(Head::new(StatusCode::OK)
            .text(CONTENT_TYPE, &manifest.media_type.to_string())
            .text(ETAG, &format!("\"{}\"", manifest.digest))
            .digest(&manifest.digest)
            .body(Body::full(manifest.bytes)))
    }

    pub(crate) async fn put_manifest<B>(
        &self,
        name: Repository,
        reference: TagOrDigest,
        mut tags: Vec<Tag>,
        headers: &HeaderMap,
        body: &mut Incoming<B>,
    ) -> Answer
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let bytes = body.collect(self.options().max_manifest_bytes).await?;
        let digest = match &reference {
            TagOrDigest::Tag(_) => Digest::sha256(&bytes),
            TagOrDigest::Digest(expected) => {
                let actual = Digest::of(expected.algorithm(), &bytes);
                if actual != *expected {
                    let expected = *expected;
                    return Err(Error::DigestMismatch { expected, actual }.into());
                }
                actual
            }
        };
        let media_type = headers
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().map(content_type))
            .transpose()
            .map_err(|_| invalid("the content type is no text".to_owned()))?;
        let summary = Summary::parse(&bytes, media_type.as_ref()).map_err(invalid)?;
        let manifest = StoredManifest::new(summary.media_type.clone(), digest, bytes);
        let subject = summary.subject;

        let also = tags.clone();
        if let TagOrDigest::Tag(tag) = reference {
            tags.push(tag);
        }
        let allow_sparse = self.options().allow_sparse;
        let repository = name.clone();
        let missing = self
            .storage(move |storage| {
                let missing = if allow_sparse {
                    None
                } else {
                    find_missing(storage, &repository, &summary)?
                };
                if missing.is_none() {
                    storage.put_manifest(&repository, &manifest, &tags)?;
                }
                Ok(missing)
            })
            .await?;
        if let Some(missing) = missing {
            return Err(missing.into_refusal());
        }

        let location = Endpoint::GetManifest {
            name,
            reference: digest.into(),
        };
        let mut head = Head::new(StatusCode::CREATED)
            .text(LOCATION, &location.path_and_query())
            .digest(&digest);
        if let Some(subject) = subject {
            head = head.text(HeaderName::from_static(OCI_SUBJECT), &subject.to_string());
        }
        for tag in also {
            head = head.text(HeaderName::from_static(OCI_TAG), tag.as_str());
        }
        Ok(head.empty())
    }

    pub(crate) async fn delete_manifest(&self, name: Repository, reference: TagOrDigest) -> Answer {
        let found = self
            .storage(move |storage| match reference {
                TagOrDigest::Tag(tag) => storage.delete_tag(&name, &tag),
                TagOrDigest::Digest(digest) => storage.delete_manifest(&name, &digest),
            })
            .await?;
        if found {
            Ok(Head::new(StatusCode::ACCEPTED).empty())
        } else {
            Err(unknown())
        }
    }
}

/// Something that a manifest names and that cannot be used.
enum Missing {
    Absent(Digest),
    WrongSize {
        digest: Digest,
        actual: u64,
        promised: u64,
    },
}

impl Missing {
    fn into_refusal(self) -> Refusal {
        match self {
            Self::Absent(digest) => Refusal::new(
                ErrorCode::ManifestBlobUnknown,
                format!("the manifest names {digest}, which is not in this repository"),
            ),
            Self::WrongSize {
                digest,
                actual,
                promised,
            } => invalid(format!(
                "the manifest promises {promised} bytes for {digest}, which has {actual}"
            )),
        }
    }
}

fn find_missing(
    storage: &dyn Storage,
    repository: &Repository,
    summary: &Summary,
) -> Result<Option<Missing>, Error> {
    for blob in &summary.blobs {
        let digest = blob.digest;
        match storage.blob_size(repository, &digest)? {
            None => return Ok(Some(Missing::Absent(digest))),
            Some(actual) if actual != blob.size => {
                let promised = blob.size;
                return Ok(Some(Missing::WrongSize {
                    digest,
                    actual,
                    promised,
                }));
            }
            Some(_) => {}
        }
    }
    for manifest in &summary.manifests {
        let reference = TagOrDigest::Digest(manifest.digest);
        if storage.manifest(repository, &reference)?.is_none() {
            return Ok(Some(Missing::Absent(manifest.digest)));
        }
    }
    Ok(None)
}

fn unknown() -> Refusal {
    Refusal::new(
        ErrorCode::ManifestUnknown,
        "the manifest is not in this repository",
    )
}

fn invalid(message: String) -> Refusal {
    Refusal::new(ErrorCode::ManifestInvalid, message)
}
