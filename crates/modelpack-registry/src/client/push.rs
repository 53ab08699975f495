//! Pushing a blob: open an upload, send everything, and find out what became of it when that broke.

use std::sync::Arc;

use modelpack_spec::{Digest, Repository};
use tokio::time::sleep;

use super::push_scope;
use super::types::{Mount, Upload};
use crate::auth::Scopes;
use crate::content::{BlobSource, Progress};
use crate::error::Error;
use crate::exchange::{BlobPayload, FinishUpload, HeadBlob, MountFrom, StartUpload};
use crate::policy::Failure;
use crate::target::Target;
use crate::transport::{Transport, random};

pub(super) fn blob(
    digest: &Digest,
    size: u64,
    source: Arc<dyn BlobSource>,
    progress: &Progress,
) -> BlobPayload {
    BlobPayload {
        source,
        digest: *digest,
        size,
        progress: progress.clone(),
    }
}

pub(super) async fn mount(
    transport: &Transport,
    target: &Target,
    digest: &Digest,
    from: Option<&Repository>,
) -> Result<Mount, Error> {
    let mut scopes = push_scope(target);
    let mount = match from {
        Some(repository) => {
            let repository = target.sibling(repository);
            scopes.merge(&Scopes::repository(&repository, &["pull"]));
            MountFrom::Repository(repository)
        }
        None => MountFrom::Anywhere,
    };
    let exchange = StartUpload {
        target,
        digest: *digest,
        mount: Some(mount),
    };
    transport.run(target, &scopes, exchange).await
}

/// Sends the blob into `opened`, or into a new upload. When sending breaks, the registry may have it all
/// the same (the answer was lost), or it may have refused it in an answer that came before the last byte and
/// was lost with the connection; so it is asked, and a new upload is begun.
pub(super) async fn push(
    transport: &Transport,
    target: &Target,
    mut opened: Option<Upload>,
    blob: BlobPayload,
) -> Result<(), Error> {
    let scopes = push_scope(target);
    let mut made = 0;
    loop {
        let upload = match opened.take() {
            Some(upload) => upload,
            None => start(transport, target, &scopes, blob.digest).await?,
        };
        let exchange = FinishUpload {
            upload: &upload,
            size: blob.size,
            source: Arc::clone(&blob.source),
            progress: blob.progress.clone(),
        };
        let error = match transport.run(target, &scopes, exchange).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        made += 1;
        let Some(delay) =
            failure(&error).and_then(|failure| transport.retry.delay(made, failure, random()))
        else {
            return Err(error);
        };
        sleep(delay).await;
        let question = HeadBlob {
            target,
            digest: blob.digest,
        };
        if let Ok(Some(found)) = transport.run(target, &scopes, question).await
            && found.size == Some(blob.size)
        {
            blob.progress.report(blob.size);
            return Ok(());
        }
    }
}

async fn start(
    transport: &Transport,
    target: &Target,
    scopes: &Scopes,
    digest: Digest,
) -> Result<Upload, Error> {
    let exchange = StartUpload {
        target,
        digest,
        mount: None,
    };
    match transport.run(target, scopes, exchange).await? {
        Mount::Upload(upload) => Ok(upload),
        Mount::Mounted => unreachable!("an answer is taken as a mount only when one was asked for"),
    }
}

/// Whether a new upload can end better.
fn failure(error: &Error) -> Option<Failure> {
    match error {
        Error::Network { .. } => Some(Failure::Connection),
        Error::RateLimited { retry_after, .. } => Some(Failure::Status(429, *retry_after)),
        Error::Server { at } => Some(Failure::Status(at.status?, None)),
        // The session is gone; the POST has shown that the repository is there.
        Error::NotFound { .. } => Some(Failure::Connection),
        _ => None,
    }
}
