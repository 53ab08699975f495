//! Reading, mounting and deleting blobs.

use std::ops::Range;

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, IF_RANGE, RANGE,
};
use http::{Response, StatusCode};
use modelpack_spec::distribution::{ByteRange, ContentRange, Endpoint, ErrorCode};
use modelpack_spec::{Digest, Repository};

use crate::access::Caller;
use crate::answer::{Answer, Head, Refusal, header_value};
use crate::storage::MountSource;
use crate::upstream::Begun;
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
        let mut was_kept = false;
        let content = loop {
            let repository = name.clone();
            let here = self
                .storage(move |storage| storage.open_blob(&repository, &digest))
                .await?;
            if let Some(content) = here {
                break content;
            }
            match self.blob_from_upstream(&name, &digest).await? {
                Begun::Absent => return Err(unknown()),
                // A storage that does not show what it keeps is not asked for ever.
                Begun::Kept if was_kept => return Err(unknown()),
                Begun::Kept => was_kept = true,
                Begun::Arriving(blob) => {
                    let (head, range) = part_on_its_way(headers, &digest, blob.size)?;
                    if !blob.is_held_back(range.start) {
                        return Ok(head.body(Body::arriving(blob, range)));
                    }
                    // Nothing of it could be sent before it is known how it ends, so the answer can say that.
                    if !blob.kept().await? {
                        return Err(unknown());
                    }
                }
            }
        };
        let (head, range) = part(headers, &digest, content.size())?;
        Ok(head.body(Body::blob(content, range)))
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

/// The bytes to answer with, and the head of that answer.
fn part(headers: &HeaderMap, digest: &Digest, size: u64) -> Result<(Head, Range<u64>), Refusal> {
    let Some(range) = requested_range(headers, digest) else {
        return Ok((blob_head(StatusCode::OK, digest), 0..size));
    };
    let Some(range) = range.resolve(size) else {
        let unsatisfied = ContentRange::Unsatisfied { total: size }.to_string();
        return Err(
            Refusal::new(ErrorCode::SizeInvalid, "the blob has no such bytes")
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .header(CONTENT_RANGE, header_value(&unsatisfied)),
        );
    };
    let head = blob_head(StatusCode::PARTIAL_CONTENT, digest)
        .text(CONTENT_RANGE, &ContentRange::part(&range, size).to_string());
    Ok((head, range))
}

/// As [`part`], for a blob that still arrives. A part that ends before the blob does would be complete, and
/// unverified; the whole blob is answered instead, as every client has to expect (RFC 9110 section 14.2).
///
/// The other way would be to wait until all of it is there, without a head for minutes: whoever gives up then
/// asks again. One who fetches parts in parallel sees from the first answer that there is only this one, and
/// takes it; what he has already is read from here and costs upstream nothing.
fn part_on_its_way(
    headers: &HeaderMap,
    digest: &Digest,
    size: u64,
) -> Result<(Head, Range<u64>), Refusal> {
    let (head, range) = part(headers, digest, size)?;
    if range.end < size {
        return Ok((blob_head(StatusCode::OK, digest), 0..size));
    }
    Ok((head, range))
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
