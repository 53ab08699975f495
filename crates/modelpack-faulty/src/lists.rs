//! Answers that list: tags, referrers.

use serde_json::{Value, json};

use super::contents::Contents;
use super::digest::is_digest;
use super::reply::Reply;
use super::wire::Head;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The tags of a repository, a page of them.
pub(super) fn tags(
    contents: &Contents,
    repository: &str,
    head: &Head,
    page: Option<usize>,
) -> Reply {
    let Some(mut tags) = contents.tags(repository) else {
        return Reply::error(404, "NAME_UNKNOWN", "no such repository");
    };
    if let Some(last) = head.parameter("last") {
        tags.retain(|tag| *tag > last);
    }
    let asked = match head.parameter("n").map(|n| n.parse::<usize>()) {
        Some(Err(_)) => return Reply::error(400, "UNSUPPORTED", "n is no number"),
        Some(Ok(n)) => Some(n),
        None => None,
    };
    let size = [asked, page].into_iter().flatten().min();
    let more = size.is_some_and(|size| size < tags.len());
    tags.truncate(size.unwrap_or(tags.len()));
    let mut reply = Reply::json(200, &json!({"name": repository, "tags": tags}));
    if let (true, Some(last), Some(size)) = (more, tags.last(), size) {
        let next = format!("/v2/{repository}/tags/list?n={size}&last={last}");
        reply.set("Link", format!("<{next}>; rel=\"next\""));
    }
    reply
}

/// The manifests that name a digest as their subject.
pub(super) fn referrers(contents: &Contents, repository: &str, digest: &str, head: &Head) -> Reply {
    if !is_digest(digest) {
        return Reply::error(400, "DIGEST_INVALID", "not a digest");
    }
    let wanted = head.parameter("artifactType");
    let found = contents.referrers(repository, digest).into_iter();
    let entries = found.filter_map(|(digest, manifest, document)| {
        let own = document["artifactType"].as_str();
        let config = document["config"]["mediaType"].as_str();
        let kind = own.or(config);
        if wanted.is_some() && wanted.as_deref() != kind {
            return None;
        }
        let mut entry = json!({
            "mediaType": manifest.media_type,
            "digest": digest,
            "size": manifest.bytes.len(),
        });
        if let Some(kind) = kind {
            entry["artifactType"] = kind.into();
        }
        if document["annotations"].is_object() {
            entry["annotations"] = document["annotations"].clone();
        }
        Some(entry)
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": entries.collect::<Vec<Value>>(),
    });
    let mut reply = Reply::json(200, &index);
    reply.set("Content-Type", INDEX);
    if wanted.is_some() {
        reply.set("OCI-Filters-Applied", "artifactType");
    }
    reply
}
