//! What went wrong in registries before, and input that nobody should send.

use modelpack_spec::{Algorithm, Digest};
use serde_json::json;

use super::blobs::Push;
use super::calls::{Call, Outcome, hold, wrong};
use super::data::{INDEX, MANIFEST};
use super::names::Api;
use super::run::{About, Run};

const UNRELATED: About<'static> = About {
    data: None,
    apis: &[],
};

/// Larger than any registry should take.
const HUGE_MANIFEST: usize = 32 * 1024 * 1024;

impl Run<'_> {
    pub(super) async fn hostile(&mut self) {
        self.enter("hostile");
        let outcome = self.page_sizes().await;
        self.note("s1 page sizes without reason", &UNRELATED, outcome);
        let outcome = self.blobs_of_others().await;
        self.note("s2 blobs are seen only where they are", &UNRELATED, outcome);
        let outcome = self.huge_manifest().await;
        self.note("s6 a manifest without end", &UNRELATED, outcome);
        let outcome = self.sessions_elsewhere().await;
        self.note("s7 uploads of another repository", &UNRELATED, outcome);
        let outcome = self.sessions_that_ended().await;
        self.note("s7 uploads that have ended", &UNRELATED, outcome);
        let outcome = self.bad_names().await;
        self.note("s9 names that lead elsewhere", &UNRELATED, outcome);
        let outcome = self.bad_digests_in_paths().await;
        self.note("s9 digests that are none", &UNRELATED, outcome);
        let outcome = self.line_breaks().await;
        self.note(
            "s12 line breaks in annotations and tags",
            &UNRELATED,
            outcome,
        );
        for (name, manifest, media_type) in bad_manifests() {
            let outcome = self.refused_manifest(&manifest, media_type).await;
            self.note(name, &UNRELATED, outcome);
        }
        let outcome = self.many_layers().await;
        self.note("a manifest with 100000 layers", &UNRELATED, outcome);
        let outcome = self.wrong_bytes().await;
        self.note("bytes never differ from their digest", &UNRELATED, outcome);
        let ping = self.subject.send(Call::get(self.subject.url(""))).await;
        let ping = ping.and_then(|reply| reply.expect(&[200]).map(drop));
        let about = About {
            data: None,
            apis: &[Api::Ping],
        };
        self.note("the registry is still there", &about, ping);
        self.leave();
    }

    async fn page_sizes(&mut self) -> Outcome {
        for n in ["99999999999", "18446744073709551616", "-1", "ten", "1e9"] {
            let url = self.subject.url(&format!("{}/tags/list", self.repository));
            let reply = self.subject.send(Call::get(url).query("n", n)).await?;
            reply.expect(&[200, 400, 404])?;
        }
        Ok(())
    }

    async fn blobs_of_others(&mut self) -> Outcome {
        let (digest, content) = self.pushed_blob(300).await?;
        let there = self.subject.blob(&self.other, &digest);
        self.subject
            .send(Call::head(there.clone()))
            .await?
            .expect(&[404])?;
        let push = Push {
            repository: &self.other,
            digest,
            content: content.clone(),
            is_bad: false,
        };
        self.subject.post_put(&push).await?;
        self.subject.delete_blob(&self.repository, &digest).await?;
        let here = self.subject.blob(&self.repository, &digest);
        self.subject.send(Call::head(here)).await?.expect(&[404])?;
        self.subject
            .get_blob(&self.other, &digest, &content)
            .await?;
        self.subject.delete_blob(&self.other, &digest).await
    }

    async fn huge_manifest(&mut self) -> Outcome {
        let mut manifest = format!("{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"x\":\"");
        manifest.push_str(&"A".repeat(HUGE_MANIFEST));
        manifest.push_str("\"}");
        let call = Call::put(self.subject.manifest(&self.repository, "huge"))
            .header("content-type", MANIFEST)
            .stream(manifest);
        match self.subject.send(call).await {
            Ok(reply) => reply.expect(&[413, 400]).map(drop)?,
            // A registry that hangs up has not taken it either.
            Err(super::calls::Problem::NoAnswer(_)) => {}
            Err(problem) => return Err(problem),
        }
        self.subject
            .expect_no_manifest(&self.repository, "huge", &[404])
            .await
    }

    async fn sessions_elsewhere(&mut self) -> Outcome {
        let location = self.subject.start(&self.repository).await?.location()?;
        let path = location.path().replace(
            &format!("/v2/{}/", self.repository),
            &format!("/v2/{}/", self.other),
        );
        let mut elsewhere = location.clone();
        elsewhere.set_path(&path);
        let digest = Digest::sha256(b"hello").to_string();
        for call in [
            Call::get(elsewhere.clone()),
            Call::patch(elsewhere.clone()).octets("hello"),
            Call::put(elsewhere.clone())
                .query("digest", &digest)
                .octets("hello"),
        ] {
            let reply = self.subject.send(call).await?;
            hold((400..500).contains(&reply.status), || {
                format!(
                    "an upload was used from another repository: {}",
                    reply.status
                )
            })?;
        }
        self.subject.send(Call::delete(location)).await.map(drop)
    }

    async fn sessions_that_ended(&mut self) -> Outcome {
        let (digest, content) = self.blob(Algorithm::Sha256, 100);
        let start = self.subject.start(&self.repository).await?;
        let location = start.location()?;
        let close = Call::put(location.clone())
            .query("digest", &digest.to_string())
            .octets(content.clone());
        self.subject.send(close.clone()).await?.expect(&[201])?;
        for call in [
            Call::get(location.clone()),
            Call::patch(location.clone()).octets("more"),
            close,
        ] {
            self.subject.send(call).await?.expect(&[404, 400])?;
        }
        self.subject
            .get_blob(&self.repository, &digest, &content)
            .await
    }

    async fn bad_names(&mut self) -> Outcome {
        let long = "a".repeat(300);
        let digest = Digest::sha256(b"");
        for name in [
            "..",
            "a/%2e%2e/b",
            "%2e%2e",
            "a%2f..%2fb",
            "a%252fb",
            "a%5cb",
            "a%00",
            "UPPER",
            "a//b",
            "-a",
            &long,
        ] {
            for tail in ["tags/list", &format!("blobs/{digest}"), "manifests/v1"] {
                let Some(url) = self.subject.raw_url(&format!("{name}/{tail}")) else {
                    continue;
                };
                let reply = self.subject.send(Call::get(url)).await?;
                hold((400..500).contains(&reply.status), || {
                    format!("{name}/{tail} was answered by {}", reply.status)
                })?;
            }
            let Some(url) = self.subject.raw_url(&format!("{name}/blobs/uploads/")) else {
                continue;
            };
            // A client that removes dots, as addresses want it, asks for something else.
            if !url.path().contains(name) {
                continue;
            }
            let reply = self.subject.send(Call::post(url).body("")).await?;
            // Some servers send clients to the name without dots, and refuse there.
            hold((300..500).contains(&reply.status), || {
                format!("an upload to {name} was answered by {}", reply.status)
            })?;
        }
        Ok(())
    }

    async fn bad_digests_in_paths(&mut self) -> Outcome {
        let upper = format!("sha256:{}", "A".repeat(64));
        let long = format!("sha256:{}", "a".repeat(4000));
        for digest in [
            "sha256:..%2f..%2fetc%2fpasswd",
            "sha256:",
            "SHA256:00",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &upper,
            &long,
        ] {
            for kind in ["blobs", "manifests"] {
                let path = format!("{}/{kind}/{digest}", self.repository);
                let Some(url) = self.subject.raw_url(&path) else {
                    continue;
                };
                self.subject
                    .send(Call::get(url))
                    .await?
                    .expect(&[400, 404, 414])?;
            }
        }
        Ok(())
    }

    async fn line_breaks(&mut self) -> Outcome {
        let (config, _) = self.pushed_blob(2).await?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json\r\nx-injected: 1",
                "digest": config.to_string(), "size": 2},
            "layers": [],
            "annotations": {"a\r\nx-injected: 1": "\r\nx-injected: 1"},
        });
        let url = self.subject.manifest(&self.repository, "lines");
        let call = Call::put(url)
            .query("tag", "a\r\nx-injected: 1")
            .header("content-type", MANIFEST)
            .body(manifest.to_string());
        let reply = self.subject.send(call).await?;
        hold(!reply.headers.contains_key("x-injected"), || {
            "a line break made a header of its own".to_owned()
        })?;
        hold(reply.status < 500, || {
            format!("the answer was {}", reply.status)
        })?;
        self.subject
            .delete_manifest(&self.repository, "lines")
            .await
            .or(Ok(()))
    }

    async fn refused_manifest(&mut self, manifest: &str, media_type: &str) -> Outcome {
        let tag = format!("refused-{}", self.random.word().to_lowercase());
        let call = Call::put(self.subject.manifest(&self.repository, &tag))
            .header("content-type", media_type)
            .body(manifest.to_owned());
        self.subject
            .send(call)
            .await?
            .expect(&[400, 404, 413, 415])?;
        self.subject
            .expect_no_manifest(&self.repository, &tag, &[404])
            .await
    }

    /// Taken or refused, but neither a crash nor a stored half.
    async fn many_layers(&mut self) -> Outcome {
        let digest = Digest::sha256(b"{}").to_string();
        let layer = json!({"mediaType": "a/b", "digest": digest, "size": 2}).to_string();
        let layers = vec![layer; 100_000].join(",");
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{{\"mediaType\":\"a/b\",\
             \"digest\":\"{digest}\",\"size\":2}},\"layers\":[{layers}]}}"
        );
        // Who refuses so much in the middle of it may hang up, and then the answer can be lost on the way; a
        // registry that never answers has crashed.
        let mut tries = 0;
        let reply = loop {
            let call = Call::put(self.subject.manifest(&self.repository, "many"))
                .header("content-type", MANIFEST)
                .body(manifest.clone());
            tries += 1;
            match self.subject.send(call).await {
                Err(_) if tries < 5 => {}
                answer => break answer?,
            }
        };
        hold(reply.status < 500, || {
            format!("the answer was {}", reply.status)
        })
    }

    /// A blob that was refused, under a digest that then arrives for real.
    async fn wrong_bytes(&mut self) -> Outcome {
        let (digest, content) = self.blob(Algorithm::Sha256, 700);
        let mut push = Push {
            repository: &self.repository,
            digest,
            content: "other bytes".into(),
            is_bad: true,
        };
        self.subject.post_put(&push).await?;
        push.content = content.clone();
        push.is_bad = false;
        self.subject.post_put(&push).await?;
        let reply = self
            .subject
            .send(Call::get(self.subject.blob(&self.repository, &digest)))
            .await?;
        let actual = Digest::sha256(&reply.body);
        if actual == digest {
            Ok(())
        } else {
            Err(wrong(format!("{digest} gave the bytes of {actual}")))
        }
    }
}

/// Manifests that must not be taken, with the type that they come with.
fn bad_manifests() -> Vec<(&'static str, String, &'static str)> {
    let digest = Digest::sha256(b"absent").to_string();
    let config = json!({"mediaType": "a/b", "digest": digest, "size": 6});
    let both = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": config, "layers": [], "manifests": [],
    });
    let other_type = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    let absent = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "a/b", "digest": "sha256:bad", "size": 6}, "layers": [],
    });
    let negative = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "a/b", "digest": digest, "size": -1}, "layers": [],
    });
    let nested = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"x\":{}{}}}",
        "[".repeat(1000),
        "]".repeat(1000)
    );
    vec![
        (
            "a manifest that is image and index",
            both.to_string(),
            MANIFEST,
        ),
        (
            "a manifest of another type than it says",
            other_type.to_string(),
            MANIFEST,
        ),
        (
            "a manifest with a malformed digest",
            absent.to_string(),
            MANIFEST,
        ),
        (
            "a manifest with a negative size",
            negative.to_string(),
            MANIFEST,
        ),
        ("a manifest that is nested 1000 deep", nested, MANIFEST),
        ("a manifest that is no JSON", "<html>".to_owned(), MANIFEST),
        ("a manifest of no bytes", String::new(), MANIFEST),
    ]
}
