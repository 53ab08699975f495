//! Storing a manifest, so that a lost answer never moves a tag twice.

use bytes::Bytes;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Digest, MediaType};
use tokio::time::sleep;

use super::referrers;
use crate::client::push_scope;
use crate::error::Error;
use crate::exchange::{HeadManifest, PutManifest, Referrer, StoredManifest};
use crate::policy::Failure;
use crate::target::Target;
use crate::transport::{Transport, random};

/// Stores a manifest. When it has a subject and the registry lists no referrers itself, the list that
/// clients keep is brought up to date.
pub(in crate::client) async fn put(
    transport: &Transport,
    target: &Target,
    reference: &TagOrDigest,
    media_type: &MediaType,
    content: Bytes,
) -> Result<Digest, Error> {
    let exchange = PutManifest::new(target, reference, media_type, content.clone())?;
    let stored = send(transport, target, reference, exchange).await?;
    if stored.is_listed {
        return Ok(stored.digest);
    }
    if let Some(referrer) = Referrer::of(&content, media_type, &stored.digest) {
        referrers::add(transport, target, &referrer).await?;
    }
    Ok(stored.digest)
}

/// Sends a manifest until the registry has it. After an answer that was lost it is asked first.
pub(super) async fn send(
    transport: &Transport,
    target: &Target,
    reference: &TagOrDigest,
    exchange: PutManifest<'_>,
) -> Result<StoredManifest, Error> {
    let scopes = push_scope(target);
    let mut made = 0;
    loop {
        let error = match transport.run(target, &scopes, exchange.clone()).await {
            Ok(stored) => return Ok(stored),
            Err(error) => error,
        };
        made += 1;
        let wait = match failure(&error) {
            Some(failure) => transport.retry.delay(made, failure, random()),
            None => None,
        };
        let Some(wait) = wait else { return Err(error) };
        sleep(wait).await;
        if matches!(error, Error::RateLimited { .. }) {
            continue;
        }
        let question = HeadManifest { target, reference };
        if let Ok(Some(found)) = transport.run(target, &scopes, question).await
            && found.digest == Some(exchange.digest())
        {
            // Whether it is listed at its subject was in the answer that is lost; to list it twice is no harm,
            // to list it nowhere is.
            return Ok(StoredManifest {
                digest: exchange.digest(),
                is_listed: false,
            });
        }
    }
}

/// Whether sending it again can end better.
fn failure(error: &Error) -> Option<Failure> {
    match error {
        Error::Network { .. } | Error::Timeout { .. } | Error::Truncated { .. } => {
            Some(Failure::Connection)
        }
        Error::RateLimited { retry_after, .. } => Some(Failure::Status(429, *retry_after)),
        Error::Server { at } => Some(Failure::Status(at.status?, None)),
        _ => None,
    }
}
