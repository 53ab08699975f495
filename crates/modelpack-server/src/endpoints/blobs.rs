//! Reading, mounting and deleting blobs.

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, IF_RANGE, RANGE,
};
use http::{Response, StatusCode};
use modelpack_spec::distribution::{ByteRange, ContentRange, Endpoint, ErrorCode};
use modelpack_spec::{Digest, Repository};

use crate::access::Caller;
use crate::answer::{Answer, Head, Refusal, header_value};
use crate::storage::MountSource;
use crate::{Body, Registry};

impl Registry {
    pub(crate) async fn head_blob(&self, name: Repository, digest: Digest) -> Answer {
        let repository = name.clone();
        let size = self
            .storage(move |storage| storage.blob_size(&repository, &digest))
            .await?;
        let size = match size {
            Some(size) => Some(size),
            None => self.blob_size_from_upstream(&name, &digest).await?,
        };
        let size = size.ok_or_else(unknown)?;
        Ok(blob_head(StatusCode::OK, &digest)
            .header(CONTENT_LENGTH, size.into())
            .empty())
    }

    pub(crate) async fn get_blob(
        &self,
        name: Repository,
        digest: Digest,
        headers: &HeaderMap,
    ) -> Answer {
        let open = async || {
            let repository = name.clone();
            self.storage(move |storage| storage.open_blob(&repository, &digest))
                .await
        };
        let content = match open().await? {
            None if self.blob_from_upstream(&name, &digest).await? => open().await?,
            content => content,
        };
        let content = content.ok_or_else(unknown)?;
        let size = content.size();
        let Some(range) = requested_range(headers, &digest) else {
            let head = blob_head(StatusCode::OK, &digest);
            return Ok(head.body(Body::blob(content, 0..size)));
        };
        let Some(range) = range.resolve(size) else {
            let unsatisfied = ContentRange::Unsatisfied { total: size }.to_string();
            return Err(
                Refusal::new(ErrorCode::SizeInvalid, "the blob has no such bytes")
                    .status(StatusCode::RANGE_NOT_SATISFIABLE)
                    .header(CONTENT_RANGE, header_value(&unsatisfied)),
            );
        };
        Ok(blob_head(StatusCode::PARTIAL_CONTENT, &digest)
            .text(CONTENT_RANGE, &ContentRange::part(&range, size).to_string())
            .body(Body::blob(content, range)))
    }

    pub(crate) async fn delete_blob(&self, name: Repository, digest: Digest) -> Answer {
        let found = self
            .storage(move |storage| storage.delete_blob(&name, &digest))
            .await?;
        if found {
            Ok(Head::new(StatusCode::ACCEPTED).digest(&digest).empty())
        } else {
            Err(unknown())
        }
    }

    pub(crate) async fn mount_blob(
        &self,
        caller: &Caller,
        name: Repository,
        digest: Digest,
        from: Option<Repository>,
    ) -> Answer {
        let (registry, caller_there, target) = (self.clone(), caller.clone(), name.clone());
        let mounted = self
            .storage(move |storage| {
                let is_readable =
                    |repository: &Repository| registry.may_pull(&caller_there, repository);
                match &from {
                    // What the caller may not read is, for this caller, not there.
                    Some(from) if !is_readable(from) => Ok(false),
                    Some(from) => {
                        storage.mount_blob(&target, &digest, MountSource::Repository(from))
                    }
                    None => storage.mount_blob(&target, &digest, MountSource::Any(&is_readable)),
                }
            })
            .await?;
        if mounted {
            Ok(created(name, digest))
        } else {
            self.start_upload(caller, name, Some(digest.algorithm()))
                .await
        }
    }
}

/// 201 for a blob that is now in the repository.
pub(super) fn created(name: Repository, digest: Digest) -> Response<Body> {
    let location = Endpoint::GetBlob { name, digest }.path_and_query();
    Head::new(StatusCode::CREATED)
        .text(http::header::LOCATION, &location)
        .digest(&digest)
        .empty()
}

fn blob_head(status: StatusCode, digest: &Digest) -> Head {
    Head::new(status)
        .text(CONTENT_TYPE, "application/octet-stream")
        .text(ACCEPT_RANGES, "bytes")
        .text(ETAG, &etag(digest))
        .digest(digest)
}

fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// The range to answer with. A condition that does not hold asks for the whole body
/// (RFC 9110 section 13.1.5).
fn requested_range(headers: &HeaderMap, digest: &Digest) -> Option<ByteRange> {
    if let Some(condition) = headers.get(IF_RANGE)
        && condition.as_bytes() != etag(digest).as_bytes()
    {
        return None;
    }
    ByteRange::parse(headers.get(RANGE)?.to_str().ok()?)
}

fn unknown() -> Refusal {
    Refusal::new(ErrorCode::BlobUnknown, "the blob is not in this repository")
}
