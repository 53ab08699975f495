//! Pull-through: what is not here comes from elsewhere, once, and right or not at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use modelpack_server::{
    Error, Fetched, NotRefreshed, Observer, Options, Registry, StoredManifest, Upstream,
    UpstreamSink,
};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Digest, MediaType, Repository, Tag};

use crate::support::{Client, artifact, both, disk, memory, open_disk};
use crate::uploads::with;

/// Another registry, with one repository `lib/x`.
#[derive(Default)]
struct Elsewhere {
    manifests: Mutex<HashMap<String, StoredManifest>>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
    fetches: AtomicU64,
    /// How often it was asked where a tag points.
    questions: AtomicU64,
    /// How many manifests it gave.
    manifests_given: AtomicU64,
    /// Held while blobs must not come yet.
    gate: tokio::sync::Mutex<()>,
    is_down: std::sync::atomic::AtomicBool,
    /// Pieces that follow after the end of every blob.
    surplus: AtomicU64,
    /// Pieces that the registry took.
    taken: AtomicU64,
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

    /// Options under which upstream is asked for tags again after this time.
    fn refreshing(self: &Arc<Self>, refresh: Duration) -> Options {
        let mut options = self.options();
        options.refresh = refresh;
        options
    }

    /// Makes a tag point to another artifact, whose manifest is returned.
    fn move_tag(&self, tag: &str, layer: &str) -> String {
        let manifest = artifact(layer, "");
        let digest = Digest::sha256(manifest.as_bytes());
        let stored = StoredManifest::new(MediaType::OciManifest, digest, manifest.clone().into());
        let mut manifests = self.manifests.lock().unwrap();
        manifests.insert(tag.to_owned(), stored.clone());
        manifests.insert(digest.to_string(), stored);
        manifest
    }

    /// How often tags and manifests were asked for.
    fn asked(&self) -> (u64, u64) {
        (
            self.questions.load(Ordering::SeqCst),
            self.manifests_given.load(Ordering::SeqCst),
        )
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
            let manifests = self.manifests.lock().unwrap();
            let manifest = manifests.get(&reference.to_string()).cloned();
            self.manifests_given
                .fetch_add(u64::from(manifest.is_some()), Ordering::SeqCst);
            Ok(manifest)
        })
    }

    fn tag<'a>(&'a self, repository: &'a Repository, tag: &'a Tag) -> Fetched<'a, Digest> {
        Box::pin(async move {
            self.questions.fetch_add(1, Ordering::SeqCst);
            let _open = self.gate.lock().await;
            self.check()?;
            assert_eq!(repository.as_str(), "lib/x");
            let manifests = self.manifests.lock().unwrap();
            Ok(manifests.get(tag.as_str()).map(|manifest| manifest.digest))
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
            let surplus = usize::try_from(self.surplus.load(Ordering::SeqCst)).unwrap();
            let surplus = std::iter::repeat_n(&b"xx"[..], surplus);
            for piece in blob.chunks(2).chain(surplus) {
                into.append(Bytes::copy_from_slice(piece)).await?;
                self.taken.fetch_add(1, Ordering::SeqCst);
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

/// Whatever comes after the promised size, none of it is written.
#[tokio::test]
async fn a_blob_that_is_longer_than_promised() {
    let (elsewhere, _) = Elsewhere::with_artifact("layer");
    elsewhere.surplus.store(1000, Ordering::SeqCst);
    for client in both(|| elsewhere.options()) {
        elsewhere.taken.store(0, Ordering::SeqCst);
        let answer = client.get(&blob("layer")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (502, "UNAVAILABLE")
        );
        let taken = elsewhere.taken.load(Ordering::SeqCst);
        assert_eq!(taken, 3, "{}", client.storage);
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

const HOUR: Duration = Duration::from_secs(3600);
const TAGGED: &str = "/v2/lib/x/manifests/v1";

/// A tag that came from upstream follows it; what it pointed to stays readable by digest.
#[tokio::test]
async fn a_tag_that_moves_upstream_moves_here() {
    for in_memory in [true, false] {
        let (elsewhere, first) = Elsewhere::with_artifact("layer");
        let options = elsewhere.refreshing(Duration::ZERO);
        let client = if in_memory {
            memory(options)
        } else {
            disk(options)
        };
        assert_eq!(client.get(TAGGED).await.body, first);
        assert_eq!(elsewhere.asked(), (0, 1), "what was just fetched is new");
        assert_eq!(client.get(TAGGED).await.body, first);
        assert_eq!(
            elsewhere.asked(),
            (1, 1),
            "what has not moved is not fetched"
        );

        let second = elsewhere.move_tag("v1", "another");
        let head = client.head(TAGGED).await;
        let digest = Digest::sha256(second.as_bytes());
        assert_eq!(
            head.header("docker-content-digest"),
            digest.to_string(),
            "{}",
            client.storage
        );
        assert_eq!(client.get(TAGGED).await.body, second);
        assert_eq!(elsewhere.asked(), (3, 2));

        // Back to what is still here: nothing has to be fetched. Digests are never asked for.
        elsewhere.move_tag("v1", "layer");
        assert_eq!(client.get(TAGGED).await.body, first);
        for manifest in [&first, &second] {
            let digest = Digest::sha256(manifest.as_bytes());
            let pinned = client.get(&format!("/v2/lib/x/manifests/{digest}")).await;
            assert_eq!(pinned.body, manifest.as_str());
        }
        assert_eq!(elsewhere.asked(), (4, 2));
    }
}

#[tokio::test]
async fn upstream_is_asked_once_per_time() {
    let (elsewhere, first) = Elsewhere::with_artifact("layer");
    let client = disk(elsewhere.refreshing(HOUR));
    for _ in 0..3 {
        assert_eq!(client.get(TAGGED).await.body, first);
    }
    assert_eq!(elsewhere.asked(), (0, 1), "it was fetched within the hour");
    // A new process knows which tags are not its own, and not when they were asked for.
    let second = elsewhere.move_tag("v1", "another");
    let storage = open_disk(client.directory.as_ref().unwrap());
    let client = Arc::new(Client {
        registry: Registry::new(storage, elsewhere.refreshing(HOUR)),
        storage: "disk",
        directory: None,
    });
    let shut = elsewhere.gate.lock().await;
    let ask = || {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.get(TAGGED).await.body })
    };
    let impatient = ask();
    let waiting: Vec<_> = (0..10).map(|_| ask()).collect();
    while elsewhere.asked().0 == 0 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    drop(shut);
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), second);
    }
    assert_eq!(elsewhere.asked(), (1, 2));
}

/// What is told of tags that may have moved.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn not_refreshed(&self, it: &NotRefreshed<'_>) {
        let line = format!("{}:{}: {}", it.repository, it.tag, it.error);
        self.0.lock().unwrap().push(line);
    }
}

/// Whatever goes wrong upstream, what was kept is served, and the observer is told.
#[tokio::test]
async fn a_tag_that_upstream_says_nothing_of_stays() {
    for in_memory in [true, false] {
        let (elsewhere, first) = Elsewhere::with_artifact("layer");
        let told = Arc::new(Told::default());
        let mut options = elsewhere.refreshing(Duration::ZERO);
        options.observer = Some(Arc::<Told>::clone(&told) as Arc<dyn Observer>);
        let client = if in_memory {
            memory(options)
        } else {
            disk(options)
        };
        assert_eq!(client.get(TAGGED).await.body, first);
        elsewhere.is_down.store(true, Ordering::SeqCst);
        assert_eq!(client.get(TAGGED).await.body, first);
        elsewhere.is_down.store(false, Ordering::SeqCst);
        // The bytes behind the new digest are not those that it says.
        let second = elsewhere.move_tag("v1", "another");
        let digest = Digest::sha256(second.as_bytes()).to_string();
        let mut manifests = elsewhere.manifests.lock().unwrap().clone();
        manifests.get_mut(&digest).unwrap().bytes = second.replace("vnd.test", "vnd.evil").into();
        *elsewhere.manifests.lock().unwrap() = manifests;
        assert_eq!(client.get(TAGGED).await.body, first);
        elsewhere.manifests.lock().unwrap().remove("v1");
        assert_eq!(client.get(TAGGED).await.body, first);
        let told = told.0.lock().unwrap();
        let says = ["reach the other registry", &digest, "refresh tag v1"];
        assert_eq!(told.len(), says.len(), "{told:?}");
        for (line, says) in told.iter().zip(says) {
            assert!(
                line.starts_with("lib/x:v1: ") && line.contains(says),
                "{line}"
            );
        }
    }
}

/// A tag that was pushed here is not upstream's, even when it was before.
#[tokio::test]
async fn a_tag_that_was_pushed_is_not_replaced() {
    for in_memory in [true, false] {
        let (elsewhere, first) = Elsewhere::with_artifact("layer");
        let options = elsewhere.refreshing(Duration::ZERO);
        let client = if in_memory {
            memory(options)
        } else {
            disk(options)
        };
        assert_eq!(client.get(TAGGED).await.body, first);
        let (same, _) = client.artifact("lib/x", "v1", "layer").await;
        assert_eq!(same, first);
        elsewhere.move_tag("v1", "another");
        assert_eq!(client.get(TAGGED).await.body, first, "{}", client.storage);
        let (mine, _) = client.artifact("lib/x", "v1", "mine").await;
        assert_eq!(client.get(TAGGED).await.body, mine, "{}", client.storage);
        assert_eq!(elsewhere.asked(), (0, 1));
    }
}

/// Once a tag was deleted it is nobody's; whoever sets it in the store has a tag of their own.
#[tokio::test]
async fn a_tag_that_was_deleted_is_not_upstreams_any_more() {
    let (elsewhere, first) = Elsewhere::with_artifact("layer");
    let client = disk(elsewhere.refreshing(Duration::ZERO));
    assert_eq!(client.get(TAGGED).await.body, first);
    let reference = "localhost:5000/lib/x:v1".parse().unwrap();
    let descriptor = client.store().resolve(&reference).unwrap();
    assert_eq!(client.send("DELETE", TAGGED, &[], "").await.status, 202);
    client.store().tag(&reference, &descriptor).unwrap();
    elsewhere.move_tag("v1", "another");
    assert_eq!(client.get(TAGGED).await.body, first);
}

/// So it is when its manifest was deleted.
#[tokio::test]
async fn a_tag_whose_manifest_was_deleted_is_not_upstreams_any_more() {
    let (elsewhere, first) = Elsewhere::with_artifact("layer");
    let client = disk(elsewhere.refreshing(Duration::ZERO));
    assert_eq!(client.get(TAGGED).await.body, first);
    let reference = "localhost:5000/lib/x:v1".parse().unwrap();
    let descriptor = client.store().resolve(&reference).unwrap();
    let by_digest = format!("/v2/lib/x/manifests/{}", descriptor.digest);
    assert_eq!(client.delete(&by_digest).await.status, 202);
    client.store().tag(&reference, &descriptor).unwrap();
    elsewhere.move_tag("v1", "another");
    assert_eq!(client.get(TAGGED).await.body, first);
}

/// A push while upstream is being asked wins.
#[tokio::test]
async fn a_push_meanwhile_wins() {
    for in_memory in [true, false] {
        let (elsewhere, first) = Elsewhere::with_artifact("layer");
        let options = elsewhere.refreshing(Duration::ZERO);
        let client = Arc::new(if in_memory {
            memory(options)
        } else {
            disk(options)
        });
        assert_eq!(client.get(TAGGED).await.body, first);
        elsewhere.move_tag("v1", "another");
        let shut = elsewhere.gate.lock().await;
        let asking = Arc::clone(&client);
        let asking = tokio::spawn(async move { asking.get(TAGGED).await.body });
        while elsewhere.asked().0 == 0 {
            tokio::task::yield_now().await;
        }
        let (mine, _) = client.artifact("lib/x", "v1", "mine").await;
        drop(shut);
        assert_eq!(asking.await.unwrap(), mine, "{}", client.storage);
        assert_eq!(client.get(TAGGED).await.body, mine);
    }
}
