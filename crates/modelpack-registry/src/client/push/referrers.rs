//! Keeping the list of referrers under its tag, where the registry keeps none.

use modelpack_spec::MediaType;
use modelpack_spec::distribution::{MANIFEST_BYTES_EVERYWHERE, TagOrDigest, referrers_tag};

use super::manifest;
use crate::client::push_scope;
use crate::error::{At, Error};
use crate::exchange::{Exchange as _, FallbackList, GetFallbackList, PutManifest, Referrer};
use crate::target::Target;
use crate::transport::Transport;

/// How often the list is read and written again because somebody else wrote it at the same time.
const TRIES: u32 = 5;

/// Adds a manifest to the list of its subject: read, change, write, and read again whether it stayed. Two
/// that write at the same time can still lose an entry where the registry knows no conditional requests
/// (distribution specification, referrers tag schema).
pub(super) async fn add(
    transport: &Transport,
    target: &Target,
    referrer: &Referrer,
) -> Result<(), Error> {
    let tag = referrers_tag(&referrer.subject);
    let question = || GetFallbackList { target, tag: &tag };
    let request = question().start();
    let at = || At::new(request.method.clone(), &request.url);
    let reference = TagOrDigest::Tag(tag.clone());
    for _ in 0..TRIES {
        let list: FallbackList = transport
            .run(target, &push_scope(target), question())
            .await?;
        if list.has(referrer) {
            return Ok(());
        }
        let content = list.with(referrer);
        if content.len() as u64 > MANIFEST_BYTES_EVERYWHERE {
            return Err(Error::TooLarge {
                at: at(),
                what: "list of referrers",
                limit: MANIFEST_BYTES_EVERYWHERE,
            });
        }
        let exchange = PutManifest::new(target, &reference, &MediaType::OciIndex, content)?
            .if_match(list.etag);
        match manifest::send(transport, target, &reference, exchange).await {
            Ok(_) => {}
            // Somebody was faster.
            Err(Error::Rejected { at }) if at.status == Some(412) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::InvalidReply {
        at: at(),
        reason: "the list of referrers does not keep what is written to it; \
                 the manifest itself is stored"
            .to_owned(),
        source: None,
    })
}
