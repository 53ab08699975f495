//! Manifests, tags and referrers on the wire.

use modelpack_spec::Digest;
use serde::Deserialize;
use serde_json::Value;

use super::calls::{Call, Outcome, Reply, Subject, hold, unsupported, wrong};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest on its way to a repository.
pub(super) struct PutManifest<'a> {
    pub(super) repository: &'a str,
    pub(super) digest: Digest,
    pub(super) content: &'a [u8],
    /// Whether the digest is not that of the content, which has to be refused.
    pub(super) is_bad: bool,
}

#[derive(Deserialize)]
struct TagList {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// A list of referrers as it came.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Referrers {
    schema_version: u64,
    media_type: Option<String>,
    #[serde(default)]
    pub(super) manifests: Vec<Value>,
}

pub(super) fn media_type(content: &[u8]) -> String {
    let document: Value = serde_json::from_slice(content).unwrap_or_default();
    document["mediaType"]
        .as_str()
        .unwrap_or(MANIFEST)
        .to_owned()
}

pub(super) fn subject(content: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(content).ok()?;
    Some(document["subject"]["digest"].as_str()?.to_owned())
}

impl Subject<'_> {
    pub(super) fn manifest(&self, repository: &str, reference: &str) -> url::Url {
        self.url(&format!("{repository}/manifests/{reference}"))
    }

    /// Pushes a manifest, without a length as official clients do, and reads it where it is said to be.
    pub(super) async fn put_manifest(
        &self,
        put: &PutManifest<'_>,
        reference: &str,
        tags: &[&str],
    ) -> Outcome<Reply> {
        let media_type = media_type(put.content);
        let mut call = Call::put(self.manifest(put.repository, reference))
            .header("content-type", &media_type)
            .stream(put.content.to_vec());
        for tag in tags {
            call = call.query("tag", tag);
        }
        let reply = self.send(call).await?;
        if put.is_bad {
            reply.expect(&[400])?;
            return Ok(reply);
        }
        reply.expect(&[201])?.expect_digest(&put.digest)?;
        if let Some(subject) = subject(put.content) {
            reply.expect_header("oci-subject", &subject)?;
        }
        let there = reading(Call::get(reply.location()?));
        let there = self.send(there).await?;
        there
            .expect(&[200])?
            .expect_body(put.content)?
            .expect_header("content-type", &media_type)?;
        Ok(reply)
    }

    pub(super) async fn read_manifest(
        &self,
        repository: &str,
        reference: &str,
        digest: &Digest,
        content: &[u8],
        is_head: bool,
    ) -> Outcome {
        let url = self.manifest(repository, reference);
        let call = if is_head {
            Call::head(url)
        } else {
            Call::get(url)
        };
        let reply = self.send(reading(call)).await?;
        reply
            .expect(&[200])?
            .expect_body(if is_head { b"" } else { content })?
            .expect_header("content-type", &media_type(content))?
            .expect_header("content-length", &content.len().to_string())?
            .expect_digest(digest)?;
        Ok(())
    }

    /// Reads what must not be there.
    pub(super) async fn expect_no_manifest(
        &self,
        repository: &str,
        reference: &str,
        statuses: &[u16],
    ) -> Outcome {
        let call = reading(Call::get(self.manifest(repository, reference)));
        self.send(call).await?.expect(statuses)?;
        Ok(())
    }

    pub(super) async fn delete_manifest(&self, repository: &str, reference: &str) -> Outcome {
        let call = Call::delete(self.manifest(repository, reference));
        let reply = self.send(call).await?;
        reply.expect(&[202, 404, 400, 405])?;
        if matches!(reply.status, 400 | 405) {
            return Err(unsupported("this is not deleted"));
        }
        Ok(())
    }

    /// Tags of a repository; none when the registry does not know it.
    pub(super) async fn tags(
        &self,
        repository: &str,
        parameters: &[(&str, &str)],
    ) -> Outcome<(Vec<String>, Reply)> {
        let mut call = Call::get(self.url(&format!("{repository}/tags/list")));
        for (name, value) in parameters {
            call = call.query(name, value);
        }
        let reply = self.send(call).await?;
        reply.expect(&[200, 404])?;
        if reply.status == 404 {
            return Ok((Vec::new(), reply));
        }
        let list: TagList = serde_json::from_slice(&reply.body)
            .map_err(|error| wrong(format!("the tag list cannot be read: {error}")))?;
        let tags = list.tags.unwrap_or_default();
        hold(tags.is_sorted(), || {
            format!("the tags are not sorted: {tags:?}")
        })?;
        Ok((tags, reply))
    }

    pub(super) async fn referrers(
        &self,
        repository: &str,
        subject: &str,
        artifact_type: Option<&str>,
    ) -> Outcome<(Referrers, Reply)> {
        let mut call = Call::get(self.url(&format!("{repository}/referrers/{subject}")));
        if let Some(artifact_type) = artifact_type {
            call = call.query("artifactType", artifact_type);
        }
        let reply = self.send(call).await?;
        reply.expect(&[200])?.expect_header("content-type", INDEX)?;
        let list: Referrers = serde_json::from_slice(&reply.body)
            .map_err(|error| wrong(format!("the list of referrers cannot be read: {error}")))?;
        hold(
            list.schema_version == 2 && list.media_type.as_deref() == Some(INDEX),
            || "the list of referrers is no OCI index".to_owned(),
        )?;
        Ok((list, reply))
    }
}

fn reading(call: Call) -> Call {
    call.header("accept", INDEX).header("accept", MANIFEST)
}
