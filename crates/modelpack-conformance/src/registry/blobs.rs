//! Blobs on the wire: every way to push one, and reading and deleting them.

use bytes::Bytes;
use modelpack_spec::{Algorithm, Digest};

use super::calls::{Call, Outcome, Reply, Subject, hold, unsupported, wrong};

/// Smallest chunk that the suite sends, but the last.
pub(super) const MIN_CHUNK: usize = 1024;

/// A blob on its way to a repository.
pub(super) struct Push<'a> {
    pub(super) repository: &'a str,
    pub(super) digest: Digest,
    pub(super) content: Bytes,
    /// Whether the digest is not that of the content, which has to be refused.
    pub(super) is_bad: bool,
}

/// How a chunked upload is sent.
#[derive(Clone, Copy, Default)]
pub(super) struct Chunked {
    /// Whether the last chunk comes with the closing request.
    pub(super) close_with_chunk: bool,
    /// Whether a chunk that begins elsewhere is tried before each one.
    pub(super) out_of_order: bool,
    /// Whether the registry is told the algorithm at the beginning.
    pub(super) hint: bool,
}

impl Subject<'_> {
    fn uploads(&self, repository: &str) -> url::Url {
        self.url(&format!("{repository}/blobs/uploads/"))
    }

    pub(super) fn blob(&self, repository: &str, digest: &Digest) -> url::Url {
        self.url(&format!("{repository}/blobs/{digest}"))
    }

    /// Opens an upload session.
    pub(super) async fn start(&self, repository: &str) -> Outcome<Reply> {
        let reply = self
            .send(Call::post(self.uploads(repository)).body(""))
            .await?;
        reply.expect(&[202])?;
        Ok(reply)
    }

    /// The whole blob in the request that opens the upload.
    pub(super) async fn post_only(&self, push: &Push<'_>) -> Outcome {
        let call = Call::post(self.uploads(push.repository))
            .query("digest", &push.digest.to_string())
            .octets(push.content.clone());
        let reply = self.send(call).await?;
        if reply.status == 202 {
            let call = Call::put(reply.location()?)
                .query("digest", &push.digest.to_string())
                .octets(push.content.clone());
            let expected = if push.is_bad { 400 } else { 201 };
            self.send(call).await?.expect(&[expected])?;
            return Err(unsupported("a blob in the first request is not taken"));
        }
        self.closed(&reply, push).await
    }

    /// The whole blob in the request that closes the upload.
    pub(super) async fn post_put(&self, push: &Push<'_>) -> Outcome {
        let reply = self.start(push.repository).await?;
        self.close(&reply, push, push.content.clone()).await
    }

    /// One request without length.
    pub(super) async fn stream(&self, push: &Push<'_>) -> Outcome {
        let reply = self.start(push.repository).await?;
        let call = Call::patch(reply.location()?)
            .header("content-type", "application/octet-stream")
            .stream(push.content.clone());
        let reply = self.send(call).await?;
        reply.expect(&[202])?;
        self.close(&reply, push, Bytes::new()).await
    }

    /// In chunks. Returns the smallest chunk that the registry asks for.
    pub(super) async fn chunked(&self, push: &Push<'_>, how: Chunked) -> Outcome<usize> {
        let mut call = Call::post(self.uploads(push.repository)).body("");
        if how.hint && push.digest.algorithm() != Algorithm::Sha256 {
            call = call.query("digest-algorithm", push.digest.algorithm().as_str());
        }
        let mut reply = self.send(call).await?;
        reply.expect(&[202])?;
        let least = match reply.header("oci-chunk-min-length") {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| wrong(format!("OCI-Chunk-Min-Length is `{text}`, no number")))?,
        };
        let all = &push.content;
        let size = (all.len() / 3 + 1).max(MIN_CHUNK).max(least).min(all.len());
        let mut sent = 0;
        while sent < all.len() {
            if how.out_of_order {
                reply = self.out_of_order(reply, push, how, sent, size).await?;
            }
            let end = (sent + size).min(all.len());
            let chunk = all.slice(sent..end);
            let range = format!("{sent}-{}", end - 1);
            sent = end;
            if how.close_with_chunk && end == all.len() {
                let call = Call::put(reply.location()?)
                    .query("digest", &push.digest.to_string())
                    .header("content-range", &range)
                    .octets(chunk);
                let reply = self.send(call).await?;
                self.closed(&reply, push).await?;
                return Ok(least);
            }
            let call = Call::patch(reply.location()?)
                .header("content-range", &range)
                .octets(chunk);
            reply = self.send(call).await?;
            reply.expect(&[202])?;
            let last = reply.last_received()?;
            hold(last + 1 == sent as u64, || {
                format!("after {sent} bytes the range ends at {last}")
            })?;
        }
        self.close(&reply, push, Bytes::new()).await?;
        Ok(least)
    }

    /// Sends a chunk that begins elsewhere, which must be refused, and asks how to go on.
    async fn out_of_order(
        &self,
        reply: Reply,
        push: &Push<'_>,
        how: Chunked,
        sent: usize,
        size: usize,
    ) -> Outcome<Reply> {
        let all = &push.content;
        let first = if sent + size < all.len() {
            sent + size
        } else {
            0
        };
        let end = (first + size).min(all.len());
        let location = reply.location()?;
        let call = if how.close_with_chunk && end == all.len() {
            Call::put(location.clone()).query("digest", &push.digest.to_string())
        } else {
            Call::patch(location.clone())
        };
        let call = call
            .header("content-range", &format!("{first}-{}", end - 1))
            .octets(all.slice(first..end));
        self.send(call).await?.expect(&[416])?;
        let status = self.send(Call::get(location)).await?;
        status.expect(&[204])?;
        let last = status.last_received()?;
        hold(sent == 0 || last + 1 == sent as u64, || {
            format!("after {sent} bytes and a refused chunk the range ends at {last}")
        })?;
        Ok(status)
    }

    /// Takes the blob over from another repository, or from any.
    pub(super) async fn mount(&self, push: &Push<'_>, from: Option<&str>) -> Outcome {
        let mut call = Call::post(self.uploads(push.repository))
            .query("mount", &push.digest.to_string())
            .body("");
        if let Some(from) = from {
            call = call.query("from", from);
        }
        let reply = self.send(call).await?;
        reply.expect(&[201, 202])?;
        if reply.status == 202 {
            self.close(&reply, push, push.content.clone()).await?;
            return Err(unsupported(
                "the blob was not mounted but had to be uploaded",
            ));
        }
        self.closed(&reply, push).await
    }

    /// Opens an upload and gives it up.
    pub(super) async fn cancel(&self, repository: &str) -> Outcome {
        let location = self.start(repository).await?.location()?;
        self.send(Call::delete(location.clone()))
            .await?
            .expect(&[204])?;
        // What was given up must not be there any more.
        self.send(Call::get(location)).await?.expect(&[404])?;
        Ok(())
    }

    async fn close(&self, reply: &Reply, push: &Push<'_>, rest: Bytes) -> Outcome {
        let call = Call::put(reply.location()?)
            .query("digest", &push.digest.to_string())
            .octets(rest);
        let reply = self.send(call).await?;
        self.closed(&reply, push).await
    }

    /// What the end of an upload has to say, and the blob at the address that it names.
    async fn closed(&self, reply: &Reply, push: &Push<'_>) -> Outcome {
        if push.is_bad {
            reply.expect(&[400])?;
            // Nothing of it may be there.
            let there = self.blob(push.repository, &push.digest);
            self.send(Call::head(there)).await?.expect(&[404])?;
            return Ok(());
        }
        reply.expect(&[201])?.expect_digest(&push.digest)?;
        let there = self.send(Call::get(reply.location()?)).await?;
        there.expect(&[200])?.expect_body(&push.content)?;
        Ok(())
    }

    pub(super) async fn get_blob(
        &self,
        repository: &str,
        digest: &Digest,
        content: &Bytes,
    ) -> Outcome {
        let reply = self.send(Call::get(self.blob(repository, digest))).await?;
        reply
            .expect(&[200])?
            .expect_body(content)?
            .expect_header("content-length", &content.len().to_string())?
            .expect_digest(digest)?;
        Ok(())
    }

    pub(super) async fn head_blob(
        &self,
        repository: &str,
        digest: &Digest,
        content: &Bytes,
    ) -> Outcome {
        let reply = self.send(Call::head(self.blob(repository, digest))).await?;
        reply
            .expect(&[200])?
            .expect_body(b"")?
            .expect_header("content-length", &content.len().to_string())?
            .expect_digest(digest)?;
        Ok(())
    }

    pub(super) async fn delete_blob(&self, repository: &str, digest: &Digest) -> Outcome {
        let reply = self
            .send(Call::delete(self.blob(repository, digest)))
            .await?;
        reply.expect(&[202, 404, 405])?;
        if reply.status == 405 {
            return Err(unsupported("blobs are not deleted"));
        }
        Ok(())
    }

    /// Some bytes of a blob.
    pub(super) async fn get_range(
        &self,
        repository: &str,
        digest: &Digest,
        range: &str,
        content: &[u8],
        expected: Option<std::ops::Range<usize>>,
    ) -> Outcome {
        let call = Call::get(self.blob(repository, digest)).header("range", range);
        let reply = self.send(call).await?;
        if reply.status == 200 {
            reply.expect_body(content)?;
            return Err(unsupported("the whole blob came instead of the range"));
        }
        let total = content.len();
        let Some(expected) = expected else {
            reply.expect(&[416])?;
            return Ok(());
        };
        let part = &content[expected.clone()];
        reply
            .expect(&[206])?
            .expect_body(part)?
            .expect_header("content-length", &part.len().to_string())?;
        let said = reply.header("content-range").unwrap_or_default();
        let bounds = format!("bytes {}-{}", expected.start, expected.end - 1);
        hold(
            said == format!("{bounds}/{total}") || said == format!("{bounds}/*"),
            || format!("expected content-range {bounds}/{total}, got {said}"),
        )
    }
}
