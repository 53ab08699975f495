//! Pull-through: what is not here comes from elsewhere, once, and right or not at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use modelpack_server::{Error, Fetched, Options, StoredManifest, Upstream, UpstreamSink};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Digest, MediaType, Repository};

use crate::support::{Client, artifact, both, disk};
use crate::uploads::with;

/// Another registry, with one repository `lib/x`.
#[derive(Default)]
struct Elsewhere {
    manifests: Mutex<HashMap<String, StoredManifest>>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
    fetches: AtomicU64,
    /// Held while blobs must not come yet.
    gate: tokio::sync::Mutex<()>,
    is_down: std::sync::atomic::AtomicBool,
}

impl Elsewhere {
    fn with_artifact(layer: &'static str) -> (Arc<Self>, String) {
        let elsewhere = Self::default();
        let manifest = artifact(layer, "");
        let digest = Digest::sha256(manifest.as_bytes());
        let stored = StoredManifest::new(MediaType::OciManifest, digest, manifest.clone().into());
        for reference in ["v1".to_owned(), digest.to_string()] {
            let mut manifests = elsewhere.manifests.lock().unwrap();
            manifests.insert(reference, stored.clone());
        }
        for blob in ["{}", layer] {
            let digest = Digest::sha256(blob.as_bytes());
            elsewhere.blobs.lock().unwrap().insert(digest, blob.into());
        }
        (Arc::new(elsewhere), manifest)
    }

    fn options(self: &Arc<Self>) -> Options {
        let upstream: Arc<dyn Upstream> = Arc::<Self>::clone(self);
        with(|options| options.upstream = Some(Arc::clone(&upstream)))
    }

    fn check(&self) -> Result<(), Error> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::storage("reach the other registry", "it is down"));
        }
        Ok(())
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Upstream for Elsewhere {
    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a TagOrDigest,
    ) -> Fetched<'a, StoredManifest> {
        Box::pin(async move {
            self.check()?;
            if repository.as_str() != "lib/x" {
                return Ok(None);
            }
            Ok(self
                .manifests
                .lock()
                .unwrap()
                .get(&reference.to_string())
                .cloned())
        })
    }

    fn blob_size<'a>(&'a self, repository: &'a Repository, digest: &'a Digest) -> Fetched<'a, u64> {
        Box::pin(async move {
            self.check()?;
            let blobs = self.blobs.lock().unwrap();
            let blob = blobs.get(digest).filter(|_| repository.as_str() == "lib/x");
            Ok(blob.map(|blob| blob.len() as u64))
        })
    }

    fn blob<'a>(
        &'a self,
        _: &'a Repository,
        digest: &'a Digest,
        into: UpstreamSink,
    ) -> Fetched<'a, ()> {
        Box::pin(async move {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            let _open = self.gate.lock().await;
            let Some(blob) = self.blobs.lock().unwrap().get(digest).cloned() else {
                return Ok(None);
            };
            for piece in blob.chunks(2) {
                into.append(Bytes::copy_from_slice(piece)).await?;
            }
            Ok(Some(()))
        })
    }
}

fn blob(content: &str) -> String {
    format!("/v2/lib/x/blobs/{}", Digest::sha256(content.as_bytes()))
}

#[tokio::test]
async fn what_is_not_here_is_fetched_and_kept() {
    let (elsewhere, manifest) = Elsewhere::with_artifact("layer");
    for client in both(|| elsewhere.options()) {
        let before = elsewhere.fetches();
        let answer = client.get("/v2/lib/x/manifests/v1").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (200, manifest.as_bytes())
        );
        let head = client.head(&blob("layer")).await;
        assert_eq!(
            (head.status.as_u16(), head.header("content-length")),
            (200, "5")
        );
        assert_eq!(
            elsewhere.fetches(),
            before,
            "asking for a size fetches nothing"
        );
        for content in ["{}", "layer"] {
            let answer = client.get(&blob(content)).await;
            assert_eq!(answer.body, content, "{}", client.storage);
        }
        let range = [("range", "bytes=1-2")];
        assert_eq!(
            client.send("GET", &blob("layer"), &range, "").await.body,
            "ay"
        );
        assert_eq!(elsewhere.fetches(), before + 2);

        // What is here needs nobody else.
        elsewhere.is_down.store(true, Ordering::SeqCst);
        assert_eq!(client.get("/v2/lib/x/manifests/v1").await.status, 200);
        assert_eq!(client.get(&blob("layer")).await.body, "layer");
        let unknown = client.get(&blob("unknown")).await;
        assert_eq!(
            (unknown.status.as_u16(), unknown.code().as_str()),
            (502, "UNAVAILABLE")
        );
        elsewhere.is_down.store(false, Ordering::SeqCst);
        let unknown = client.get(&blob("unknown")).await;
        assert_eq!(
            (unknown.status.as_u16(), unknown.code().as_str()),
            (404, "BLOB_UNKNOWN")
        );
        // In a repository that upstream does not have, it is not there either.
        let other = blob("layer").replace("lib/x", "lib/y");
        assert_eq!(client.get(&other).await.status, 404);
    }
}

/// However many ask, there is one download; those who go away do not end it.
#[tokio::test]
async fn one_fetch_for_all_who_wait() {
    let (elsewhere, _) = Elsewhere::with_artifact("layer");
    for client in both(|| elsewhere.options()) {
        let before = elsewhere.fetches();
        let client = Arc::new(client);
        let shut = elsewhere.gate.lock().await;
        let ask = |client: &Arc<Client>| {
            let client = Arc::clone(client);
            tokio::spawn(async move { client.get(&blob("layer")).await.body })
        };
        let impatient = ask(&client);
        let waiting: Vec<_> = (0..10).map(|_| ask(&client)).collect();
        while elsewhere.fetches() == before {
            tokio::task::yield_now().await;
        }
        impatient.abort();
        drop(shut);
        for answer in waiting {
            assert_eq!(answer.await.unwrap(), "layer");
        }
        assert_eq!(elsewhere.fetches(), before + 1, "{}", client.storage);
    }
}

#[tokio::test]
async fn wrong_content_is_neither_shown_nor_kept() {
    let (elsewhere, manifest) = Elsewhere::with_artifact("layer");
    let digest = Digest::sha256(b"layer");
    elsewhere
        .blobs
        .lock()
        .unwrap()
        .insert(digest, "wrong".into());
    let pinned = Digest::sha256(manifest.as_bytes());
    let mut lie = elsewhere.manifests.lock().unwrap()["v1"].clone();
    lie.bytes = manifest.replace("vnd.test", "vnd.evil").into();
    for reference in ["v1".to_owned(), pinned.to_string()] {
        elsewhere
            .manifests
            .lock()
            .unwrap()
            .insert(reference, lie.clone());
    }
    let html = Bytes::from_static(b"<html>");
    let page = StoredManifest::new(MediaType::OciManifest, Digest::sha256(&html), html);
    elsewhere
        .manifests
        .lock()
        .unwrap()
        .insert("page".to_owned(), page);
    for client in both(|| elsewhere.options()) {
        let answer = client.get(&blob("layer")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (502, "UNAVAILABLE")
        );
        for reference in ["v1".to_owned(), pinned.to_string(), "page".to_owned()] {
            let target = format!("/v2/lib/x/manifests/{reference}");
            assert_eq!(client.get(&target).await.status, 502, "{reference}");
        }
        let tags = client.get("/v2/lib/x/tags/list").await;
        assert!(!String::from_utf8_lossy(&tags.body).contains("v1"));
    }
}

/// Content of another repository is taken from here only when upstream has it in this one too.
#[tokio::test]
async fn what_another_repository_has_is_not_fetched_again() {
    let (elsewhere, _) = Elsewhere::with_artifact("layer");
    let client = disk(elsewhere.options());
    client.blob("other", b"layer").await;
    client.blob("other", b"secret").await;
    assert_eq!(client.get(&blob("layer")).await.body, "layer");
    assert_eq!(elsewhere.fetches(), 0);
    assert_eq!(client.get(&blob("secret")).await.status, 404);
}
