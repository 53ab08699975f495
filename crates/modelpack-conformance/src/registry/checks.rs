//! The checks of the official conformance program, in its order.

use bytes::Bytes;
use modelpack_spec::{Algorithm, Digest};

use super::blobs::{Chunked, MIN_CHUNK};
use super::calls::{Call, Outcome, Problem, hold, unsupported, wrong};
use super::content::{self, PutManifest};
use super::data::{Content, Shape, platform};
use super::names::{Api, DataSet};
use super::run::{About, Run, about};
use super::sets;

impl Run<'_> {
    pub(super) async fn all(&mut self) {
        let ping = self.subject.send(Call::get(self.subject.url(""))).await;
        let ping = ping.and_then(|reply| reply.expect(&[200]).map(drop));
        self.note(
            "ping",
            &About {
                data: None,
                apis: &[Api::Ping],
            },
            ping,
        );
        self.empty().await;
        self.blob_apis(DataSet::BlobsSha256, Algorithm::Sha256)
            .await;
        self.blob_apis(DataSet::BlobsSha512, Algorithm::Sha512)
            .await;
        for mut content in sets::all(&mut self.random, self.sparse) {
            self.enter(content.set.name());
            self.push_all(&mut content).await;
            self.list(&content).await;
            self.read_all(&content, true).await;
            self.read_all(&content, false).await;
            self.list_referrers(&content).await;
            self.delete_all(&content).await;
            self.leave();
        }
        self.manifest_errors().await;
        self.extra().await;
        self.hostile().await;
    }

    async fn empty(&mut self) {
        self.enter("empty");
        let tags = self.subject.tags(&self.repository, &[]).await.map(drop);
        self.note(
            "tag list",
            &About {
                data: None,
                apis: &[Api::TagList],
            },
            tags,
        );
        let unknown = Digest::sha256(&self.random.bytes(32)).to_string();
        let referrers = self
            .subject
            .referrers(&self.repository, &unknown, None)
            .await;
        let referrers = referrers.map(drop);
        self.note(
            "referrers",
            &About {
                data: None,
                apis: &[Api::Referrers],
            },
            referrers,
        );
        self.leave();
    }

    async fn blob_apis(&mut self, data: DataSet, algorithm: Algorithm) {
        self.enter(format!("{} blobs", algorithm.as_str()));
        let missing = self.blob(algorithm, 512).0;
        let call = Call::get(self.subject.blob(&self.repository, &missing));
        let outcome = self.subject.send(call).await;
        let outcome = outcome.and_then(|reply| reply.expect(&[404]).map(drop));
        self.note("get-missing", &about(data, &[Api::BlobGet]), outcome);

        let mut chunk = MIN_CHUNK;
        for name in ["post only", "post+put", "chunked single"] {
            let (digest, content) = self.blob(algorithm, 512);
            self.enter(name);
            let api = match name {
                "post only" => Api::BlobPostOnly,
                "post+put" => Api::BlobPostPut,
                _ => Api::BlobChunked,
            };
            let push = self.push(digest, &content);
            if let (true, least) = self.push_by(data, api, push, Chunked::default()).await {
                chunk = chunk.max(least);
            }
            self.read_and_delete(data, &digest, &content).await;
            self.leave();
        }
        let (digest, content) = self.blob(algorithm, 512);
        self.enter("stream");
        let push = self.push(digest, &content);
        self.push_by(data, Api::BlobStream, push, Chunked::default())
            .await;
        self.read_and_delete(data, &digest, &content).await;
        self.leave();
        self.mounts(data, algorithm).await;

        self.enter("post cancel");
        let outcome = self.subject.cancel(&self.repository).await;
        let cancel = about(data, &[Api::BlobPush, Api::BlobCancel]);
        self.note("blob-post-cancel", &cancel, outcome);
        self.leave();

        for (name, close_with_chunk, out_of_order) in [
            ("chunked multi", false, false),
            ("chunked multi and put chunk", true, false),
            ("chunked out-of-order", false, true),
            ("chunked out-of-order and put chunk", true, true),
        ] {
            let (digest, content) = self.blob(algorithm, chunk * 3 - 5);
            let how = Chunked {
                close_with_chunk,
                out_of_order,
                hint: false,
            };
            self.enter(name);
            let push = self.push(digest, &content);
            self.push_by(data, Api::BlobChunked, push, how).await;
            self.read_and_delete(data, &digest, &content).await;
            self.leave();
        }
        self.ranges(data, algorithm).await;
        for (name, content) in [
            ("empty", Bytes::new()),
            ("emptyJSON", Bytes::from_static(b"{}")),
        ] {
            let digest = Digest::of(algorithm, &content);
            self.enter(name);
            self.push_any(data, &digest, &content).await;
            self.read_and_delete(data, &digest, &content).await;
            self.leave();
        }
        self.bad_digests(data, algorithm, chunk).await;
        self.leave();
    }

    async fn mounts(&mut self, data: DataSet, algorithm: Algorithm) {
        for (name, from) in [("mount", true), ("mount anonymous", false)] {
            let (digest, content) = self.blob(algorithm, 512);
            self.enter(name);
            std::mem::swap(&mut self.repository, &mut self.other);
            self.push_any(data, &digest, &content).await;
            std::mem::swap(&mut self.repository, &mut self.other);
            let push = self.push(digest, &content);
            let push = push.as_push();
            let (api, check, from) = match from {
                true => (Api::BlobMount, "blob-mount", Some(self.other.as_str())),
                false => (Api::BlobMountAnonymous, "blob-mount-anonymous", None),
            };
            let outcome = self.subject.mount(&push, from).await;
            self.note(check, &about(data, &[api]), outcome);
            self.read_and_delete(data, &digest, &content).await;
            std::mem::swap(&mut self.repository, &mut self.other);
            self.delete_blob(data, &digest).await;
            std::mem::swap(&mut self.repository, &mut self.other);
            self.leave();
        }
        let (digest, content) = self.blob(algorithm, 512);
        self.enter("mount missing");
        let push = self.push(digest, &content);
        let outcome = match self.subject.mount(&push.as_push(), Some(&self.other)).await {
            Err(Problem::Unsupported(_)) => Ok(()),
            Ok(()) => Err(wrong("a blob was mounted that is not there")),
            other => other,
        };
        self.note("blob-mount", &about(data, &[Api::BlobMount]), outcome);
        self.read_and_delete(data, &digest, &content).await;
        self.leave();
    }

    async fn ranges(&mut self, data: DataSet, algorithm: Algorithm) {
        let (digest, content) = self.blob(algorithm, 2048);
        self.enter("range requests");
        self.push_any(data, &digest, &content).await;
        for (name, expected) in [
            ("500-1499", Some(500..1500)),
            ("500-", Some(500..2048)),
            ("-500", Some(1548..2048)),
            ("2000-5000", Some(2000..2048)),
            ("500-0", None),
            ("5000-10000", None),
        ] {
            let range = format!("bytes={name}");
            let outcome = self
                .subject
                .get_range(&self.repository, &digest, &range, &content, expected)
                .await;
            self.note(
                &format!("range {name}"),
                &about(data, &[Api::BlobGetRange]),
                outcome,
            );
        }
        self.delete_blob(data, &digest).await;
        self.leave();
    }

    async fn bad_digests(&mut self, data: DataSet, algorithm: Algorithm, chunk: usize) {
        for (name, api, close_with_chunk) in [
            ("bad digest post only", Api::BlobPostOnly, false),
            ("bad digest post+put", Api::BlobPostPut, false),
            ("bad digest chunked", Api::BlobChunked, false),
            ("bad digest chunked and put chunk", Api::BlobChunked, true),
            ("bad digest stream", Api::BlobStream, false),
        ] {
            let (digest, content) = self.blob(algorithm, chunk * 3 - 5);
            let mut push = self.push(digest, &[&content[..], b"oh no"].concat().into());
            push.is_bad = true;
            let how = Chunked {
                close_with_chunk,
                ..Chunked::default()
            };
            self.enter(name);
            self.push_by(data, api, push, how).await;
            self.leave();
        }
    }

    async fn push_all(&mut self, content: &mut Content) {
        self.enter("push");
        for (digest, blob) in content.blobs.clone() {
            self.push_any(content.set, &digest, &blob).await;
        }
        for digest in content.order.clone() {
            self.push_by_digest(content, &digest).await;
        }
        for (tag, digest) in content.tags.clone() {
            if !content.pushed.contains(&tag) {
                self.push_by_tag(content, &tag, &digest).await;
            }
        }
        self.leave();
    }

    async fn push_by_digest(&mut self, content: &mut Content, digest: &Digest) {
        let Some(manifest) = content.manifests.get(digest) else {
            return;
        };
        let mut apis = vec![Api::ManifestPutDigest];
        if content::subject(manifest).is_some() {
            apis.push(Api::ManifestPutSubject);
        }
        let mut tags = Vec::new();
        if content.has_tag_parameters {
            apis.push(Api::ManifestPutTagParam);
            let of_it = content.tags.iter().filter(|(_, tagged)| *tagged == digest);
            tags.extend(of_it.map(|(tag, _)| tag.as_str()));
        }
        let put = PutManifest {
            repository: &self.repository,
            digest: *digest,
            content: manifest,
            is_bad: content.is_bad,
        };
        let outcome = self
            .subject
            .put_manifest(&put, &digest.to_string(), &tags)
            .await;
        let outcome = outcome.and_then(|reply| {
            let values = reply.headers.get_all("oci-tag").iter();
            let accepted: Vec<&str> = values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .collect();
            let pushed = tags.iter().filter(|tag| accepted.contains(tag));
            content.pushed.extend(pushed.map(|tag| (*tag).to_owned()));
            match tags.iter().find(|tag| !accepted.contains(tag)) {
                Some(tag) => Err(Problem::Unsupported(format!("there is no OCI-Tag: {tag}"))),
                None => Ok(()),
            }
        });
        self.note("manifest-by-digest", &about(content.set, &apis), outcome);
    }

    async fn push_by_tag(&mut self, content: &mut Content, tag: &str, digest: &Digest) {
        let Some(manifest) = content.manifests.get(digest) else {
            return;
        };
        let mut apis = vec![Api::ManifestPutTag];
        if content::subject(manifest).is_some() {
            apis.push(Api::ManifestPutSubject);
        }
        let put = PutManifest {
            repository: &self.repository,
            digest: *digest,
            content: manifest,
            is_bad: false,
        };
        let outcome = self.subject.put_manifest(&put, tag, &[]).await.map(drop);
        if self.note("manifest-by-tag", &about(content.set, &apis), outcome) {
            content.pushed.insert(tag.to_owned());
        }
    }

    async fn list(&mut self, content: &Content) {
        let outcome = self.list_parts(content).await;
        self.note("tag-list", &about(content.set, &[Api::TagList]), outcome);
    }

    /// All tags, then those after the middle one.
    async fn list_parts(&self, content: &Content) -> Outcome {
        let (all, _) = self.subject.tags(&self.repository, &[]).await?;
        for tag in content.tags.keys() {
            hold(all.contains(tag), || format!("the tag {tag} is not listed"))?;
        }
        if all.len() < 2 {
            return Ok(());
        }
        let (before, after) = all.split_at(all.len() / 2);
        let last = before.last().map(String::as_str).unwrap_or_default();
        let (rest, _) = self
            .subject
            .tags(&self.repository, &[("last", last)])
            .await?;
        hold(rest == after, || {
            format!("after {last} there should be {after:?}, but there is {rest:?}")
        })
    }

    async fn read_all(&mut self, content: &Content, is_head: bool) {
        self.enter(if is_head { "head" } else { "pull" });
        let (by_tag, by_digest, tag_api, digest_api) = if is_head {
            let names = ("manifest-head-by-tag", "manifest-head-by-digest");
            (
                names.0,
                names.1,
                Api::ManifestHeadTag,
                Api::ManifestHeadDigest,
            )
        } else {
            let names = ("manifest-by-tag", "manifest-by-digest");
            (
                names.0,
                names.1,
                Api::ManifestGetTag,
                Api::ManifestGetDigest,
            )
        };
        let tags = content
            .tags
            .iter()
            .map(|(tag, digest)| (tag.clone(), digest));
        let digests = content
            .order
            .iter()
            .map(|digest| (digest.to_string(), digest));
        let mut references: Vec<_> = tags.map(|it| (by_tag, tag_api, it)).collect();
        references.extend(digests.map(|it| (by_digest, digest_api, it)));
        for (name, api, (reference, digest)) in references {
            let manifest = match content.manifests.get(digest) {
                Some(manifest) if !content.is_bad => manifest,
                _ => continue,
            };
            let outcome = self
                .subject
                .read_manifest(&self.repository, &reference, digest, manifest, is_head)
                .await;
            self.note(name, &about(content.set, &[api]), outcome);
        }
        for (digest, blob) in &content.blobs {
            self.read_blob(content.set, digest, blob, is_head).await;
        }
        self.leave();
    }

    async fn list_referrers(&mut self, content: &Content) {
        for (subject, entries) in &content.referrers {
            let outcome = self.referrers_of(subject, entries).await;
            self.note("referrers", &about(content.set, &[Api::Referrers]), outcome);
        }
    }

    async fn referrers_of(&self, subject: &str, entries: &[serde_json::Value]) -> Outcome {
        let (list, _) = self
            .subject
            .referrers(&self.repository, subject, None)
            .await?;
        for entry in entries {
            hold(list.manifests.iter().any(|it| is_entry(it, entry)), || {
                format!("among the referrers of {subject} there is no {entry}")
            })?;
        }
        for wanted in entries {
            // Indexes need not have a type; nothing can be asked for by none.
            let Some(artifact_type) = wanted["artifactType"].as_str() else {
                continue;
            };
            let (list, reply) = self
                .subject
                .referrers(&self.repository, subject, Some(artifact_type))
                .await?;
            let applied = reply.header("oci-filters-applied").unwrap_or_default();
            if !applied.split(',').any(|it| it.trim() == "artifactType") {
                return Err(Problem::Unsupported(
                    "the list of referrers is not filtered".to_owned(),
                ));
            }
            let of_type = entries
                .iter()
                .filter(|it| it["artifactType"] == artifact_type);
            for entry in of_type {
                hold(list.manifests.iter().any(|it| is_entry(it, entry)), || {
                    format!("among the referrers of type {artifact_type} there is no {entry}")
                })?;
            }
            let other = list
                .manifests
                .iter()
                .find(|it| it["artifactType"] != artifact_type);
            hold(other.is_none(), || {
                format!("among the referrers of type {artifact_type} there are others")
            })?;
        }
        Ok(())
    }

    async fn delete_all(&mut self, content: &Content) {
        self.enter("delete");
        for tag in &content.pushed {
            let apis = [Api::TagDelete, Api::TagDeleteAtomic];
            self.delete_manifest(content.set, "tag-delete", tag, apis)
                .await;
        }
        for digest in content.order.iter().rev() {
            let apis = [Api::ManifestDelete, Api::ManifestDeleteAtomic];
            let digest = digest.to_string();
            self.delete_manifest(content.set, "manifest-delete", &digest, apis)
                .await;
        }
        for digest in content.blobs.keys() {
            self.delete_blob(content.set, digest).await;
        }
        self.leave();
    }

    async fn delete_manifest(
        &mut self,
        data: DataSet,
        name: &str,
        reference: &str,
        apis: [Api; 2],
    ) {
        self.enter(name);
        let outcome = self
            .subject
            .delete_manifest(&self.repository, reference)
            .await;
        if self.note("delete", &about(data, &apis[..1]), outcome) {
            let outcome = self
                .subject
                .expect_no_manifest(&self.repository, reference, &[404])
                .await;
            self.note("gone at once", &about(data, &apis[1..]), outcome);
        } else {
            let outcome = Err(unsupported("nothing was deleted"));
            self.note("gone at once", &about(data, &apis[1..]), outcome);
        }
        self.leave();
    }

    async fn manifest_errors(&mut self) {
        self.enter("missing-manifest");
        let digest = Digest::sha256(&self.random.bytes(1024)).to_string();
        let tag = format!("missing-{}", self.random.word().to_lowercase());
        for (name, api, reference) in [
            ("by-digest", Api::ManifestGetDigest, digest),
            ("by-tag", Api::ManifestGetTag, tag),
        ] {
            let outcome = self
                .subject
                .expect_no_manifest(&self.repository, &reference, &[404])
                .await;
            self.note(
                name,
                &About {
                    data: None,
                    apis: &[api],
                },
                outcome,
            );
        }
        self.leave();

        self.enter("invalid-digest-format");
        let data = DataSet::InvalidManifestDigest;
        let mut content = Content::new(data);
        let shape = Shape {
            layers: 1,
            ..Shape::default()
        };
        let digest = content.add_image(&platform("amd64"), &shape, &mut self.random);
        for (digest, blob) in content.blobs.clone() {
            self.push_any(data, &digest, &blob).await;
        }
        let bad = "sha256:baddigeststring";
        let put = PutManifest {
            repository: &self.repository,
            digest,
            content: &content.manifests[&digest],
            is_bad: true,
        };
        let outcome = self.subject.put_manifest(&put, bad, &[]).await.map(drop);
        self.note(
            "manifest-put",
            &about(data, &[Api::ManifestPutDigest]),
            outcome,
        );
        let outcome = self
            .subject
            .expect_no_manifest(&self.repository, bad, &[404, 400])
            .await;
        self.note(
            "manifest-get",
            &about(data, &[Api::ManifestGetDigest]),
            outcome,
        );
        self.delete_all(&content).await;
        self.leave();
    }
}

/// Whether a descriptor says what the entry does; it may have more annotations.
fn is_entry(found: &serde_json::Value, entry: &serde_json::Value) -> bool {
    let same = ["mediaType", "digest", "size", "artifactType"]
        .iter()
        .all(|field| found[field] == entry[field]);
    let annotations = entry["annotations"].as_object();
    same && annotations
        .into_iter()
        .flatten()
        .all(|(name, value)| found["annotations"][name] == *value)
}
