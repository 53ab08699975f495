//! Uploads: whole blobs in one request, and sessions that take several.

use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderMap, HeaderName, LOCATION, RANGE};
use http_body::Body as HttpBody;
use modelpack_spec::distribution::{
    Endpoint, ErrorCode, OCI_CHUNK_MIN_LENGTH, UploadId, UploadRange,
};
use modelpack_spec::{Algorithm, Digest, Repository};

use super::blobs::created;
use crate::access::Caller;
use crate::answer::{Answer, Head, Refusal, header_value};
use crate::receive::Incoming;
use crate::session::{Session, UploadGuard};
use crate::{Registry, blocking};

impl Registry {
    pub(crate) async fn start_upload(
        &self,
        caller: &Caller,
        name: Repository,
        algorithm: Option<Algorithm>,
    ) -> Answer {
        let algorithm = algorithm.unwrap_or(Algorithm::Sha256);
        let session = self.new_session(caller, name.clone(), algorithm).await?;
        let options = self.options();
        let id = self
            .sessions()
            .open(session, options.max_uploads, &self.lifetime())?;
        let mut head = progress(StatusCode::ACCEPTED, name, id, 0);
        if let Some(bytes) = options.chunk_min_bytes {
            head = head.header(HeaderName::from_static(OCI_CHUNK_MIN_LENGTH), bytes.into());
        }
        Ok(head.empty())
    }

    /// A whole blob in the body of the request that names it.
    pub(crate) async fn upload_blob<B>(
        &self,
        caller: &Caller,
        name: Repository,
        digest: Digest,
        body: &mut Incoming<B>,
    ) -> Answer
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let session = self
            .new_session(caller, name.clone(), digest.algorithm())
            .await?;
        let Some(upload) = session.take()? else {
            // Nobody else knows this session.
            return Err(busy(name, None, 0));
        };
        let upload = self.append(upload, None, body).await?;
        commit(upload, digest).await?;
        Ok(created(name, digest))
    }

    pub(crate) async fn patch_upload<B>(
        &self,
        caller: &Caller,
        name: Repository,
        id: UploadId,
        headers: &HeaderMap,
        body: &mut Incoming<B>,
    ) -> Answer
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let session = self.session(caller, &name, &id)?;
        let (upload, chunk) = begin_request(&name, &id, &session, headers, body)?;
        let limit = self.options().max_chunk_bytes;
        if chunk.is_some_and(|chunk| chunk.length() > limit) {
            return Err(chunk_too_large(limit));
        }
        let upload = self.append(upload, chunk, body).await;
        let upload = self.end_if_too_large(&id, upload)?;
        Ok(progress(StatusCode::ACCEPTED, name, id, upload.received()).empty())
    }

    pub(crate) async fn finish_upload<B>(
        &self,
        caller: &Caller,
        name: Repository,
        id: UploadId,
        digest: Digest,
        headers: &HeaderMap,
        body: &mut Incoming<B>,
    ) -> Answer
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let session = self.session(caller, &name, &id)?;
        let (upload, chunk) = begin_request(&name, &id, &session, headers, body)?;
        let upload = self.append(upload, chunk, body).await;
        let upload = self.end_if_too_large(&id, upload)?;
        let committed = commit(upload, digest).await;
        // Right or wrong, what was received is not there any more.
        self.sessions().close(&id);
        committed?;
        Ok(created(name, digest))
    }

    pub(crate) fn upload_status(
        &self,
        caller: &Caller,
        name: &Repository,
        id: &UploadId,
    ) -> Answer {
        let session = self.session(caller, name, id)?;
        Ok(progress(
            StatusCode::NO_CONTENT,
            name.clone(),
            id.clone(),
            session.received(),
        )
        .empty())
    }

    pub(crate) fn cancel_upload(
        &self,
        caller: &Caller,
        name: &Repository,
        id: &UploadId,
    ) -> Answer {
        let session = self.session(caller, name, id)?;
        // A request that is still adding to it keeps its end of the session and finds it closed after.
        if let Some(upload) = session.take()? {
            upload.discard();
        }
        self.sessions().close(id);
        Ok(Head::new(StatusCode::NO_CONTENT).empty())
    }

    async fn new_session(
        &self,
        caller: &Caller,
        name: Repository,
        algorithm: Algorithm,
    ) -> Result<Session, Refusal> {
        let repository = name.clone();
        let upload = self
            .storage(move |storage| storage.begin_upload(&repository, algorithm))
            .await?;
        Ok(Session::single(name, caller.name.clone(), upload))
    }

    fn session(
        &self,
        caller: &Caller,
        name: &Repository,
        id: &UploadId,
    ) -> Result<Arc<Session>, Refusal> {
        self.sessions()
            .get(name, caller.name.as_deref(), id, &self.lifetime())
    }

    async fn append<B>(
        &self,
        upload: UploadGuard,
        chunk: Option<UploadRange>,
        body: &mut Incoming<B>,
    ) -> Result<UploadGuard, Refusal>
    where
        B: HttpBody + Send + Unpin + 'static,
        B::Data: Send,
    {
        let options = self.options();
        let room = options.max_blob_bytes.saturating_sub(upload.received());
        match (chunk.map(|chunk| chunk.length()), body.announced()) {
            (Some(length), _) if length <= room => {
                let over =
                    || Refusal::new(ErrorCode::SizeInvalid, "the body is longer than its range");
                body.append_to(upload, length, over).await
            }
            (None, None) if options.max_unannounced_bytes < room => {
                let limit = options.max_unannounced_bytes;
                body.append_to(upload, limit, || unannounced(limit)).await
            }
            _ => body.append_to(upload, room, too_large).await,
        }
    }

    /// An upload beyond the limit can never become a blob, so its session ends.
    fn end_if_too_large(
        &self,
        id: &UploadId,
        upload: Result<UploadGuard, Refusal>,
    ) -> Result<UploadGuard, Refusal> {
        if let Err(refusal) = &upload
            && refusal.ends_upload()
        {
            self.sessions().close(id);
        }
        upload
    }
}

/// Takes the session for this request and checks that the request continues where it stands.
fn begin_request<B>(
    name: &Repository,
    id: &UploadId,
    session: &Session,
    headers: &HeaderMap,
    body: &Incoming<B>,
) -> Result<(UploadGuard, Option<UploadRange>), Refusal>
where
    B: HttpBody + Send + Unpin + 'static,
    B::Data: Send,
{
    let upload = session
        .take()?
        .ok_or_else(|| busy(name.clone(), Some(id), session.received()))?;
    let Some(header) = headers.get(CONTENT_RANGE) else {
        return Ok((upload, None));
    };
    let chunk: UploadRange = header
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Refusal::new(
                ErrorCode::BlobUploadInvalid,
                "the content range is not of the form `first-last`",
            )
        })?;
    if chunk.first != upload.received() {
        let message = format!(
            "the chunk begins at {}, the upload stands at {}",
            chunk.first,
            upload.received()
        );
        return Err(out_of_order(
            message,
            name.clone(),
            Some(id),
            upload.received(),
        ));
    }
    if body
        .announced()
        .is_some_and(|length| length != chunk.length())
    {
        return Err(Refusal::new(
            ErrorCode::SizeInvalid,
            "content length and content range do not fit each other",
        ));
    }
    Ok((upload, Some(chunk)))
}

async fn commit(upload: UploadGuard, digest: Digest) -> Result<(), Refusal> {
    Ok(blocking::run(move || upload.commit(&digest)).await?)
}

/// Where a session is and how far it came.
fn progress(status: StatusCode, name: Repository, upload: UploadId, received: u64) -> Head {
    let location = Endpoint::UploadStatus { name, upload }.path_and_query();
    Head::new(status)
        .text(LOCATION, &location)
        .text(RANGE, &UploadRange::received(received).to_string())
}

/// 416 with what a client needs to go on.
fn out_of_order(
    message: String,
    name: Repository,
    id: Option<&UploadId>,
    received: u64,
) -> Refusal {
    let refusal = Refusal::new(ErrorCode::BlobUploadInvalid, message)
        .status(StatusCode::RANGE_NOT_SATISFIABLE);
    let Some(upload) = id.cloned() else {
        return refusal;
    };
    let location = Endpoint::UploadStatus { name, upload }.path_and_query();
    let range = UploadRange::received(received).to_string();
    refusal
        .header(LOCATION, header_value(&location))
        .header(RANGE, header_value(&range))
}

fn busy(name: Repository, id: Option<&UploadId>, received: u64) -> Refusal {
    let message = "another request is adding to this upload".to_owned();
    out_of_order(message, name, id, received)
}

/// The session goes on: the client can send what it has in other ways.
fn unannounced(limit: u64) -> Refusal {
    let status = if limit == 0 {
        StatusCode::LENGTH_REQUIRED
    } else {
        StatusCode::PAYLOAD_TOO_LARGE
    };
    let message = format!("a body without Content-Length may have at most {limit} bytes here");
    Refusal::new(ErrorCode::SizeInvalid, message).status(status)
}

fn chunk_too_large(limit: u64) -> Refusal {
    let message = format!("a chunk may have at most {limit} bytes here");
    Refusal::new(ErrorCode::SizeInvalid, message).status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn too_large() -> Refusal {
    Refusal::new(
        ErrorCode::SizeInvalid,
        "the blob is larger than this registry takes",
    )
    .status(StatusCode::PAYLOAD_TOO_LARGE)
    .ending_upload()
}
