//! What the specification wants and the official program does not look at.

use bytes::Bytes;
use modelpack_spec::{Algorithm, Digest};

use super::blobs::{Chunked, Push};
use super::calls::{Call, Outcome, Problem, Reply, hold, unsupported, wrong};
use super::content::PutManifest;
use super::data::{Content, EMPTY_JSON, EXAMPLE_1, OCTETS, Shape, platform};
use super::names::{Api, DataSet};
use super::run::{About, Run};

/// A check without a data set.
fn about(apis: &[Api]) -> About<'_> {
    About { data: None, apis }
}

impl Run<'_> {
    pub(super) async fn extra(&mut self) {
        self.enter("more");
        let outcome = self.hinted_chunks().await;
        self.note(
            "chunks with digest-algorithm",
            &about(&[Api::BlobChunked]),
            outcome,
        );
        let outcome = self.resumed_upload().await;
        self.note(
            "a chunk after a refused one",
            &about(&[Api::BlobChunked]),
            outcome,
        );
        let outcome = self.status_of_upload().await;
        self.note("status of an upload", &about(&[Api::BlobPush]), outcome);
        let outcome = self.locations_differ().await;
        self.note(
            "uploads have ids of their own",
            &about(&[Api::BlobPush]),
            outcome,
        );
        let outcome = self.unknown_algorithm().await;
        self.note("an unknown algorithm", &about(&[Api::BlobPush]), outcome);
        let outcome = self.head_of_missing().await;
        self.note("head of what is missing", &about(&[Api::BlobHead]), outcome);
        let outcome = self.error_bodies().await;
        self.note("errors are JSON", &about(&[]), outcome);
        let outcome = self.odd_ranges().await;
        self.note(
            "ranges of other units, and several",
            &about(&[Api::BlobGetRange]),
            outcome,
        );
        let outcome = self.lengths_of_refused_ranges().await;
        self.note(
            "s14 length of a refused range",
            &about(&[Api::BlobGetRange]),
            outcome,
        );

        let content = self.small_artifact(4);
        self.push_small(&content).await;
        let outcome = self.pages_of_tags(&content).await;
        self.note("tags in pages", &about(&[Api::TagList]), outcome);
        let outcome = self.no_tags_wanted().await;
        self.note("tags with n=0", &about(&[Api::TagList]), outcome);
        let outcome = self.tag_moves(&content).await;
        self.note("a tag that moves", &about(&[Api::ManifestPutTag]), outcome);
        let outcome = self.deleted_manifest_takes_tags(&content).await;
        self.note(
            "tags of a deleted manifest",
            &about(&[Api::ManifestDelete]),
            outcome,
        );
        let outcome = self.bad_subject().await;
        self.note("referrers of no digest", &about(&[Api::Referrers]), outcome);
        let outcome = self.referrer_goes().await;
        self.note("a deleted referrer", &about(&[Api::Referrers]), outcome);
        let outcome = self.many_tags(&content).await;
        self.note(
            "ten tags at once",
            &about(&[Api::ManifestPutTagParam]),
            outcome,
        );
        self.leave();
    }

    /// An artifact of one layer, under so many tags.
    pub(super) fn small_artifact(&mut self, tags: usize) -> Content {
        let mut content = Content::new(DataSet::Artifact);
        let digest = content.add_image(&platform("amd64"), &small(), &mut self.random);
        let word = self.random.word().to_lowercase();
        for number in 0..tags {
            content.tags.insert(format!("more-{word}-{number}"), digest);
        }
        content
    }

    /// Pushes a set without noting it as a check; what fails shows in what comes after.
    pub(super) async fn push_small(&mut self, content: &Content) -> bool {
        for (digest, blob) in &content.blobs {
            let push = Push {
                repository: &self.repository,
                digest: *digest,
                content: blob.clone(),
                is_bad: false,
            };
            if self.subject.post_put(&push).await.is_err() {
                return false;
            }
        }
        for digest in &content.order {
            let put = self.put(digest, content);
            let by_digest = self
                .subject
                .put_manifest(&put, &digest.to_string(), &[])
                .await;
            if by_digest.is_err() {
                return false;
            }
        }
        for (tag, digest) in &content.tags {
            let put = self.put(digest, content);
            if self.subject.put_manifest(&put, tag, &[]).await.is_err() {
                return false;
            }
        }
        true
    }

    fn put<'c>(&'c self, digest: &Digest, content: &'c Content) -> PutManifest<'c> {
        PutManifest {
            repository: &self.repository,
            digest: *digest,
            content: content.manifests.get(digest).map_or(b"", Vec::as_slice),
            is_bad: false,
        }
    }

    /// The official program never sends the hint, so servers that mishandle it pass there.
    async fn hinted_chunks(&mut self) -> Outcome {
        let (digest, content) = self.blob(Algorithm::Sha512, 4000);
        let push = Push {
            repository: &self.repository,
            digest,
            content,
            is_bad: false,
        };
        let how = Chunked {
            hint: true,
            ..Chunked::default()
        };
        self.subject.chunked(&push, how).await.map(drop)
    }

    /// After a refused chunk the session stands where it stood.
    async fn resumed_upload(&mut self) -> Outcome {
        let (digest, content) = self.blob(Algorithm::Sha256, 3000);
        let start = self.subject.start(&self.repository).await?;
        let first = self
            .patch(start.location()?, "0-1499", content.slice(..1500))
            .await?;
        first.expect(&[202])?.expect_header("range", "0-1499")?;
        let location = first.location()?;
        let again = self
            .patch(location.clone(), "0-1499", content.slice(..1500))
            .await?;
        again.expect(&[416])?;
        let status = self.subject.send(Call::get(location)).await?;
        status.expect(&[204])?.expect_header("range", "0-1499")?;
        let second = self
            .patch(status.location()?, "1500-2999", content.slice(1500..))
            .await?;
        second.expect(&[202])?.expect_header("range", "0-2999")?;
        let close = Call::put(second.location()?)
            .query("digest", &digest.to_string())
            .body("");
        self.subject.send(close).await?.expect(&[201])?;
        Ok(())
    }

    async fn patch(&self, location: url::Url, range: &str, chunk: Bytes) -> Outcome<Reply> {
        let call = Call::patch(location)
            .header("content-range", range)
            .octets(chunk);
        self.subject.send(call).await
    }

    async fn status_of_upload(&mut self) -> Outcome {
        let start = self.subject.start(&self.repository).await?;
        let location = start.location()?;
        let status = self.subject.send(Call::get(location.clone())).await?;
        status.expect(&[204])?;
        status.location()?;
        // Nothing received is written as 0-0 by most and as 0--1 by some; it has to be a range.
        let range = status.header("range").unwrap_or_default().to_owned();
        hold(range.starts_with("0-"), || {
            format!("the range of an empty upload is `{range}`")
        })?;
        self.subject.send(Call::delete(location)).await.map(drop)
    }

    async fn locations_differ(&mut self) -> Outcome {
        let first = self.subject.start(&self.repository).await?.location()?;
        let second = self.subject.start(&self.repository).await?.location()?;
        let same = first == second;
        for location in [first, second] {
            self.subject.send(Call::delete(location)).await?;
        }
        hold(!same, || "two uploads have the same location".to_owned())
    }

    async fn unknown_algorithm(&mut self) -> Outcome {
        let start = self.subject.start(&self.repository).await?;
        let call = Call::put(start.location()?)
            .query("digest", "md5:d41d8cd98f00b204e9800998ecf8427e")
            .body("");
        self.subject.send(call).await?.expect(&[400])?;
        Ok(())
    }

    async fn head_of_missing(&mut self) -> Outcome {
        let (digest, _) = self.blob(Algorithm::Sha256, 64);
        let blob = self.subject.blob(&self.repository, &digest);
        let manifest = self.subject.manifest(&self.repository, &digest.to_string());
        for url in [blob, manifest] {
            let reply = self.subject.send(Call::head(url)).await?;
            reply.expect(&[404])?.expect_body(b"")?;
        }
        Ok(())
    }

    /// A body is optional; one that calls itself JSON has to have the form that clients read.
    async fn error_bodies(&mut self) -> Outcome {
        let (digest, _) = self.blob(Algorithm::Sha256, 64);
        for url in [
            self.subject.blob(&self.repository, &digest),
            self.subject.manifest(&self.repository, "missing"),
            self.subject.manifest(&self.repository, "sha256:bad"),
        ] {
            let reply = self.subject.send(Call::get(url)).await?;
            reply.expect(&[404, 400])?;
            let is_json = reply
                .header("content-type")
                .is_some_and(|it| it.starts_with("application/json"));
            if !is_json {
                continue;
            }
            let body: serde_json::Value = serde_json::from_slice(&reply.body)
                .map_err(|error| wrong(format!("an error is no JSON: {error}")))?;
            let code = body["errors"][0]["code"].as_str().unwrap_or_default();
            let is_code = !code.is_empty()
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
            hold(is_code, || format!("an error has the code `{code}`"))?;
        }
        Ok(())
    }

    async fn odd_ranges(&mut self) -> Outcome {
        let (digest, content) = self.pushed_blob(512).await?;
        for range in ["items=0-1", "bytes=0-1,4-5", "bytes=a-b", "bytes"] {
            let call = Call::get(self.subject.blob(&self.repository, &digest));
            let reply = self.subject.send(call.header("range", range)).await?;
            // Whole, or several parts, or refused: never a part that was not asked for.
            reply.expect(&[200, 206, 416, 400])?;
            if reply.status == 200 {
                reply.expect_body(&content)?;
            }
            let is_parts = reply
                .header("content-type")
                .is_some_and(|it| it.starts_with("multipart/byteranges"));
            hold(reply.status != 206 || is_parts, || {
                format!("range `{range}` was answered by one part")
            })?;
        }
        Ok(())
    }

    /// Some servers announce the length of the blob and send that of the message.
    async fn lengths_of_refused_ranges(&mut self) -> Outcome {
        let (digest, content) = self.pushed_blob(512).await?;
        let call = Call::get(self.subject.blob(&self.repository, &digest));
        let reply = self
            .subject
            .send(call.header("range", "bytes=512-"))
            .await?;
        if reply.status == 200 {
            return Err(unsupported("the whole blob came instead of the range"));
        }
        reply.expect(&[416])?;
        let said = reply.header("content-range").unwrap_or("none");
        hold(said == format!("bytes */{}", content.len()), || {
            format!("content-range of a refused range is {said}")
        })?;
        let length = reply.body.len().to_string();
        hold(
            reply.header("content-length").is_none_or(|it| it == length),
            || "the body of a refused range has another length than announced".to_owned(),
        )
    }

    pub(super) async fn pushed_blob(&mut self, size: usize) -> Outcome<(Digest, Bytes)> {
        let (digest, content) = self.blob(Algorithm::Sha256, size);
        let push = Push {
            repository: &self.repository,
            digest,
            content: content.clone(),
            is_bad: false,
        };
        self.subject.post_put(&push).await?;
        Ok((digest, content))
    }

    /// Follows `Link` from a page of one to the end.
    async fn pages_of_tags(&mut self, content: &Content) -> Outcome {
        let (all, _) = self.subject.tags(&self.repository, &[]).await?;
        for tag in content.tags.keys() {
            hold(all.contains(tag), || format!("the tag {tag} is not listed"))?;
        }
        let (mut seen, mut reply) = self.subject.tags(&self.repository, &[("n", "1")]).await?;
        hold(seen.len() == 1, || format!("n=1 gave {} tags", seen.len()))?;
        while let Some(link) = reply.header("link") {
            hold(seen.len() < all.len(), || {
                "the pages go on after the last tag".to_owned()
            })?;
            let next = modelpack_spec::distribution::Link::parse(link)
                .ok_or_else(|| wrong(format!("the link `{link}` cannot be read")))?;
            let next = reply.url.join(&next.next);
            let next = next.map_err(|error| wrong(format!("the link is no address: {error}")))?;
            reply = self.subject.send(Call::get(next)).await?;
            reply.expect(&[200])?;
            let page: serde_json::Value = serde_json::from_slice(&reply.body)
                .map_err(|error| wrong(format!("a page cannot be read: {error}")))?;
            let tags = page["tags"].as_array().into_iter().flatten();
            seen.extend(tags.filter_map(|tag| tag.as_str()).map(ToOwned::to_owned));
        }
        hold(seen == all, || {
            format!(
                "the pages have {} tags, all at once {}",
                seen.len(),
                all.len()
            )
        })
    }

    async fn no_tags_wanted(&mut self) -> Outcome {
        let (tags, reply) = self.subject.tags(&self.repository, &[("n", "0")]).await?;
        hold(tags.is_empty() && reply.header("link").is_none(), || {
            format!("n=0 gave {} tags", tags.len())
        })
    }

    async fn tag_moves(&mut self, content: &Content) -> Outcome {
        let other = self.small_artifact(0);
        if !self.push_small(&other).await {
            return Err(wrong("a small artifact is not taken"));
        }
        let (Some(tag), Some(digest)) = (content.tags.keys().next(), other.order.first()) else {
            return Ok(());
        };
        let put = self.put(digest, &other);
        self.subject.put_manifest(&put, tag, &[]).await?;
        let manifest = other.manifests.get(digest).map_or(&b""[..], Vec::as_slice);
        self.subject
            .read_manifest(&self.repository, tag, digest, manifest, false)
            .await?;
        // What the tag pointed to is still there by digest.
        let (Some(before), Some(old)) = (content.order.first(), content.manifests.values().next())
        else {
            return Ok(());
        };
        self.subject
            .read_manifest(&self.repository, &before.to_string(), before, old, false)
            .await
    }

    async fn deleted_manifest_takes_tags(&mut self, content: &Content) -> Outcome {
        let Some(digest) = content.order.first() else {
            return Ok(());
        };
        self.subject
            .delete_manifest(&self.repository, &digest.to_string())
            .await?;
        // The first tag has moved to another manifest before.
        for tag in content.tags.keys().skip(1) {
            self.subject
                .expect_no_manifest(&self.repository, tag, &[404])
                .await?;
        }
        let (tags, _) = self.subject.tags(&self.repository, &[]).await?;
        let left = content.tags.keys().skip(1).find(|tag| tags.contains(tag));
        hold(left.is_none(), || {
            "a tag of a deleted manifest is still listed".to_owned()
        })
    }

    async fn bad_subject(&mut self) -> Outcome {
        for digest in ["sha256:bad", "nothing", "sha256:"] {
            let path = format!("{}/referrers/{digest}", self.repository);
            let reply = self
                .subject
                .send(Call::get(self.subject.url(&path)))
                .await?;
            reply.expect(&[400])?;
        }
        Ok(())
    }

    async fn referrer_goes(&mut self) -> Outcome {
        let subject = Digest::sha256(&self.random.bytes(32));
        let shape = Shape {
            subject: Some(serde_json::json!({
                "mediaType": super::data::MANIFEST, "digest": subject.to_string(), "size": 32,
            })),
            ..small()
        };
        let mut content = Content::new(DataSet::Artifact);
        let digest = content.add_image(&platform("amd64"), &shape, &mut self.random);
        if !self.push_small(&content).await {
            return Err(wrong("an artifact with a subject is not taken"));
        }
        let subject = subject.to_string();
        let (list, _) = self
            .subject
            .referrers(&self.repository, &subject, None)
            .await?;
        hold(list.manifests.len() == 1, || {
            format!("a subject with one referrer lists {}", list.manifests.len())
        })?;
        self.subject
            .delete_manifest(&self.repository, &digest.to_string())
            .await?;
        let (list, _) = self
            .subject
            .referrers(&self.repository, &subject, None)
            .await?;
        hold(list.manifests.is_empty(), || {
            "a deleted referrer is still listed".to_owned()
        })
    }

    /// The specification asks for at least ten.
    async fn many_tags(&mut self, content: &Content) -> Outcome {
        let Some(digest) = content.order.first() else {
            return Ok(());
        };
        let tags: Vec<String> = (0..10).map(|number| format!("many-{number}")).collect();
        let names: Vec<&str> = tags.iter().map(String::as_str).collect();
        let put = self.put(digest, content);
        let reply = self
            .subject
            .put_manifest(&put, &digest.to_string(), &names)
            .await?;
        if !reply.headers.contains_key("oci-tag") {
            return Err(Problem::Unsupported("there is no OCI-Tag".to_owned()));
        }
        let manifest = content
            .manifests
            .get(digest)
            .map_or(&b""[..], Vec::as_slice);
        for tag in &names {
            self.subject
                .read_manifest(&self.repository, tag, digest, manifest, true)
                .await?;
            self.subject.delete_manifest(&self.repository, tag).await?;
        }
        self.subject
            .delete_manifest(&self.repository, &digest.to_string())
            .await
    }
}

/// The shape of a small artifact.
pub(super) fn small() -> Shape {
    Shape {
        artifact_type: Some(EXAMPLE_1),
        config: Some((EMPTY_JSON, b"{}")),
        layers: 1,
        layer: Some((OCTETS, None)),
        is_unique: true,
        ..Shape::default()
    }
}
