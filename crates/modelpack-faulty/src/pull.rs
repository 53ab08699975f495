//! Answers to those who read: blobs with ranges, manifests.

use std::ops::Range;

use super::blob::Blob;
use super::contents::Contents;
use super::digest::is_digest;
use super::reply::{Reply, Segment};
use super::wire::Head;

/// A blob of a repository, or the part of it that was asked for.
pub(super) fn blob(contents: &Contents, repository: &str, digest: &str, head: &Head) -> Reply {
    if !is_digest(digest) {
        return Reply::error(400, "DIGEST_INVALID", "not a digest");
    }
    match contents.find_blob(repository, digest) {
        Some(blob) => blob_found(digest, blob, head),
        None => Reply::error(404, "BLOB_UNKNOWN", "no such blob"),
    }
}

/// A blob that is there.
pub(super) fn blob_found(digest: &str, blob: Blob, head: &Head) -> Reply {
    let total = blob.len();
    if head.method == "GET" && matches!(blob, Blob::Dropped { .. }) {
        return Reply::error(404, "BLOB_UNKNOWN", "its bytes were thrown away");
    }
    let base = |status| {
        Reply::new(status)
            .with("Content-Type", "application/octet-stream")
            .with("Accept-Ranges", "bytes")
            .with("Docker-Content-Digest", digest)
    };
    let whole = |range: Range<u64>| {
        vec![Segment::Blob {
            digest: digest.to_owned(),
            blob: blob.clone(),
            range,
        }]
    };
    // A range is defined for GET alone.
    let asked = head.header("range").filter(|_| head.method == "GET");
    match asked.map(|value| range(value, total)) {
        None | Some(Asked::Ignored) => {
            let mut reply = base(200);
            reply.body = whole(0..total);
            reply
        }
        Some(Asked::Bytes(part)) => {
            let told = content_range(&part, total);
            let mut reply = base(206).with("Content-Range", told);
            reply.body = whole(part);
            reply
        }
        Some(Asked::Unsatisfiable) => unsatisfiable(total),
    }
}

/// 416 with the length that there is.
pub(super) fn unsatisfiable(total: u64) -> Reply {
    Reply::error(416, "SIZE_INVALID", "the blob has no such bytes")
        .with("Content-Range", format!("bytes */{total}"))
}

/// The value of `Content-Range`.
pub(super) fn content_range(range: &Range<u64>, total: u64) -> String {
    format!(
        "bytes {}-{}/{total}",
        range.start,
        range.end.saturating_sub(1)
    )
}

/// What a `Range` header wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Bytes(Range<u64>),
    /// Several ranges, another unit, or no range at all: the whole is a legal answer.
    Ignored,
    Unsatisfiable,
}

/// Reads a `Range` header, RFC 9110 section 14.1.
pub(super) fn range(value: &str, total: u64) -> Asked {
    let Some((first, last)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Asked::Ignored;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, end) = match (number(first), number(last)) {
        (Some(start), Some(last)) if last < start => return Asked::Unsatisfiable,
        (Some(start), Some(last)) => (start, last.saturating_add(1).min(total)),
        (Some(start), None) if last.is_empty() => (start, total),
        (None, Some(count)) if first.is_empty() => (total.saturating_sub(count), total),
        _ => return Asked::Ignored,
    };
    if start < end {
        Asked::Bytes(start..end)
    } else {
        Asked::Unsatisfiable
    }
}

/// A manifest by tag or digest.
pub(super) fn manifest(contents: &Contents, repository: &str, reference: &str) -> Reply {
    match contents.find_manifest(repository, reference) {
        Some((digest, manifest)) => {
            let mut reply = Reply::new(200)
                .with("Content-Type", manifest.media_type)
                .with("Docker-Content-Digest", digest);
            reply.body = vec![Segment::Bytes(manifest.bytes)];
            reply
        }
        None => Reply::error(404, "MANIFEST_UNKNOWN", "no such manifest"),
    }
}

#[cfg(test)]
mod tests;
