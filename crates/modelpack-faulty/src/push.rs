//! Answers to those who write: uploads, manifests, deletions.

use std::io::{self, Read as _};
use std::sync::Mutex;

use serde_json::Value;

use super::behaviour::Mount;
use super::contents::manifest_digest;
use super::digest::is_digest;
use super::fault::{Fault, Location};
use super::reply::Reply;
use super::route::Route;
use super::sessions::{Session, lock};
use super::state::State;
use super::wire::{Head, Incoming};

/// What an upload whose `Location` has a query must be asked with.
const STATE: &str = "%7B%22kept%22%3A+true%7D";

/// POST: a mount, a whole blob, or the start of an upload.
pub(super) fn start(
    state: &State,
    repository: &str,
    head: &Head,
    body: &mut Incoming<'_>,
    faults: &[Fault],
) -> io::Result<Reply> {
    if let Some(digest) = head.parameter("mount") {
        let from = match (head.parameter("from"), state.behaviour.mount) {
            (_, Mount::Never) => None,
            (Some(from), _) => Some(from),
            (None, Mount::Full) => state.contents.holder_of(&digest),
            (None, Mount::From) => None,
        };
        let from = from.filter(|from| state.may_pull(head, from));
        if from.is_some_and(|from| state.contents.mount(repository, &from, &digest)) {
            return Ok(created(repository, &digest));
        }
    }
    let location = faults.iter().find_map(|fault| match fault {
        Fault::Location { location } => Some(location.clone()),
        _ => None,
    });
    let min_chunk = faults.iter().find_map(|fault| match fault {
        Fault::MinChunk { bytes } => Some(*bytes),
        _ => None,
    });
    let (id, session) = state.sessions.start(
        repository,
        state.behaviour.uploads,
        location.unwrap_or(Location::Relative),
        min_chunk,
    );
    if let (Some(digest), true) = (head.parameter("digest"), state.behaviour.single_post) {
        receive(&session, body)?;
        return Ok(finish(state, repository, &id, &session, &digest));
    }
    let mut reply = progress(state, 202, repository, &id, &lock(&session), faults);
    if let Some(bytes) = min_chunk {
        reply.set("OCI-Chunk-Min-Length", bytes.to_string());
    }
    Ok(reply)
}

/// PATCH, PUT, GET and DELETE of an upload.
pub(super) fn session(
    state: &State,
    (repository, id): (&str, &str),
    head: &Head,
    body: &mut Incoming<'_>,
    faults: &[Fault],
) -> io::Result<Reply> {
    if faults.contains(&Fault::ForgetSession) {
        state.sessions.remove(id);
    }
    let Some(session) = state.sessions.find(repository, id) else {
        return Ok(Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload"));
    };
    if lock(&session).location == Location::Query && !head.target.contains(STATE) {
        let message = "the query of the Location did not come back";
        return Ok(Reply::error(400, "BLOB_UPLOAD_INVALID", message));
    }
    let lost = faults.iter().map(|fault| match fault {
        Fault::LoseTail { by } => *by,
        _ => 0,
    });
    let lost = lost.sum();
    match head.method.as_str() {
        "GET" => {
            lock(&session).lose(lost);
            let session = lock(&session);
            Ok(progress(state, 204, repository, id, &session, faults))
        }
        "DELETE" => {
            state.sessions.remove(id);
            Ok(Reply::new(204))
        }
        "PATCH" => {
            if let Some(refusal) = refused(state, repository, id, &session, head, faults) {
                return Ok(refusal);
            }
            receive(&session, body)?;
            let mut session = lock(&session);
            session.short |= session.min_chunk.is_some_and(|least| body.taken < least);
            session.lose(lost);
            Ok(progress(state, 202, repository, id, &session, faults))
        }
        "PUT" => {
            let Some(digest) = head.parameter("digest") else {
                let message = "the digest is missing";
                return Ok(Reply::error(400, "DIGEST_INVALID", message));
            };
            if let Some(refusal) = refused(state, repository, id, &session, head, faults) {
                return Ok(refusal);
            }
            receive(&session, body)?;
            Ok(finish(state, repository, id, &session, &digest))
        }
        _ => Ok(Reply::error(405, "UNSUPPORTED", "not for an upload")),
    }
}

/// Why a chunk is not taken.
fn refused(
    state: &State,
    repository: &str,
    id: &str,
    session: &Mutex<Session>,
    head: &Head,
    faults: &[Fault],
) -> Option<Reply> {
    let session = lock(session);
    let start = head
        .header("content-range")
        .map(|value| value.split('-').next().and_then(|start| start.parse().ok()));
    let wrong_place = start.is_some_and(|start: Option<u64>| start != Some(session.len()));
    let too_late = session.short && head.method == "PATCH";
    if !wrong_place && !too_late {
        return None;
    }
    // The session goes on, so the answer says where.
    let mut reply = progress(state, 416, repository, id, &session, faults);
    let message = if wrong_place {
        "the chunk begins at another place"
    } else {
        "only the last chunk may be shorter than the least length"
    };
    let error = Reply::error(416, "BLOB_UPLOAD_INVALID", message);
    reply.body = error.body;
    reply.headers.extend(error.headers);
    Some(reply)
}

/// Takes the body in. What came before an error stays.
fn receive(session: &Mutex<Session>, body: &mut Incoming<'_>) -> io::Result<()> {
    let writer = lock(session).take_over();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = body.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        if !lock(session).append(writer, &buffer[..count]) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

fn finish(
    state: &State,
    repository: &str,
    id: &str,
    session: &Mutex<Session>,
    digest: &str,
) -> Reply {
    state.sessions.remove(id);
    let blob = is_digest(digest)
        .then(|| lock(session).finish(digest))
        .flatten();
    match blob {
        Some(blob) => {
            state.contents.store(repository, digest, blob);
            created(repository, digest)
        }
        None => Reply::error(400, "DIGEST_INVALID", "the bytes have another digest"),
    }
}

fn created(repository: &str, digest: &str) -> Reply {
    Reply::new(201)
        .with("Location", format!("/v2/{repository}/blobs/{digest}"))
        .with("Docker-Content-Digest", digest)
}

/// An answer that says how far an upload is.
fn progress(
    state: &State,
    status: u16,
    repository: &str,
    id: &str,
    session: &Session,
    faults: &[Fault],
) -> Reply {
    let path = format!("/v2/{repository}/blobs/uploads/{id}");
    let own = faults.iter().find_map(|fault| match fault {
        Fault::Location { location } => Some(location),
        _ => None,
    });
    let location = match own.unwrap_or(&session.location) {
        Location::Relative => Some(path),
        Location::Absolute => Some(state.expand("{registry}{target}", &path)),
        Location::Query => Some(format!("{path}?_state={STATE}&x=a%2Fb")),
        Location::Elsewhere => Some(state.expand("{elsewhere}{target}", &path)),
        Location::Missing => None,
        Location::Url(url) => Some(state.expand(url, &path)),
    };
    // The header cannot say that nothing has come; `0-0` is what the reference implementation writes.
    let last = session.len().saturating_sub(1);
    let mut reply = Reply::new(status).with("Range", format!("0-{last}"));
    if let Some(location) = location {
        reply.set("Location", location);
    }
    reply.set("Docker-Upload-UUID", id);
    reply
}

/// PUT of a manifest.
pub(super) fn manifest(
    state: &State,
    (repository, reference): (&str, &str),
    head: &Head,
    body: &mut Incoming<'_>,
) -> io::Result<Reply> {
    let invalid = |message: &str| Ok(Reply::error(400, "MANIFEST_INVALID", message));
    let Some(bytes) = body.collect(state.behaviour.max_manifest)? else {
        return Ok(Reply::error(
            413,
            "SIZE_INVALID",
            "the manifest is too long",
        ));
    };
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
        return invalid("this is not JSON");
    };
    let media_type = head.header("content-type").unwrap_or_default().to_owned();
    if document["mediaType"]
        .as_str()
        .is_some_and(|own| own != media_type)
    {
        return invalid("the media type is not the one in the document");
    }
    if reference.contains(':') && !is_digest(reference) {
        return Ok(Reply::error(400, "DIGEST_INVALID", "not a digest"));
    }
    let digest = manifest_digest(reference, &bytes);
    if reference.contains(':') && digest != reference {
        return Ok(Reply::error(
            400,
            "DIGEST_INVALID",
            "the bytes have another digest",
        ));
    }
    if let Some(missing) = missing(state, repository, &document) {
        let message = format!("{missing} is not here");
        return Ok(Reply::error(404, "MANIFEST_BLOB_UNKNOWN", &message));
    }
    let contents = &state.contents;
    contents.store_manifest(repository, &digest, &media_type, bytes);
    let mut reply = Reply::new(201)
        .with("Location", format!("/v2/{repository}/manifests/{digest}"))
        .with("Docker-Content-Digest", digest.as_str());
    if !reference.contains(':') {
        contents.tag(repository, reference, &digest);
    } else if state.behaviour.tag_parameters {
        let query = head.query().into_iter();
        for (_, tag) in query.filter(|(key, _)| key == "tag") {
            contents.tag(repository, &tag, &digest);
            reply = reply.with("OCI-Tag", tag);
        }
    }
    if let (true, Some(subject)) = (
        state.behaviour.referrers,
        document["subject"]["digest"].as_str(),
    ) {
        reply.set("OCI-Subject", subject);
    }
    Ok(reply)
}

/// The first thing that a manifest names and that is not here.
fn missing(state: &State, repository: &str, document: &Value) -> Option<String> {
    if !state.behaviour.checks_references {
        return None;
    }
    let list = |name: &str| document[name].as_array().cloned().unwrap_or_default();
    let mut blobs = list("layers");
    blobs.extend(document.get("config").cloned());
    let digest = |descriptor: &Value| descriptor["digest"].as_str().map(str::to_owned);
    let blob = blobs
        .iter()
        .filter_map(digest)
        .find(|digest| !state.contents.has_blob(repository, digest));
    blob.or_else(|| {
        let manifests = list("manifests");
        let mut digests = manifests.iter().filter_map(digest);
        digests.find(|digest| state.contents.find_manifest(repository, digest).is_none())
    })
}

/// DELETE of a blob, a manifest or a tag.
pub(super) fn delete(state: &State, route: &Route) -> Reply {
    if !state.behaviour.deletes {
        return Reply::error(405, "UNSUPPORTED", "nothing is deleted here");
    }
    let (there, code) = match route {
        Route::Blob { repository, digest } => (
            state.contents.remove_blob(repository, digest),
            "BLOB_UNKNOWN",
        ),
        Route::Manifest {
            repository,
            reference,
        } => (
            state.contents.remove_manifest(repository, reference),
            "MANIFEST_UNKNOWN",
        ),
        _ => return Reply::error(405, "UNSUPPORTED", "this is not to be deleted"),
    };
    if there {
        Reply::new(202)
    } else {
        Reply::error(404, code, "it is not here")
    }
}
