//! Manifests that refer to others, and manifests whose answer is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use modelpack_registry::Error;
use modelpack_spec::distribution::{TagOrDigest, referrers_tag};
use modelpack_spec::{Algorithm, Digest, MediaType, Tag};

use crate::server::{Reply, Request, Server, client};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn manifest(subject: &Digest, name: &str) -> Bytes {
    format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/config","digest":"{}","size":2}},"layers":[],"subject":{{"mediaType":"a/b","digest":"{subject}","size":1}},"annotations":{{"name":"{name}"}}}}"#,
        Digest::sha256(b"{}")
    )
    .into()
}

async fn put(server: &Server, content: &Bytes) -> Result<Digest, Error> {
    let reference = TagOrDigest::Digest(Digest::sha256(content));
    client()
        .put_manifest(
            &server.name(),
            &reference,
            &MediaType::OciManifest,
            content.clone(),
        )
        .await
}

/// Keeps what is put there; knows nothing of referrers.
#[derive(Default)]
struct Shelf {
    manifests: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
    /// Says which version is there, and insists on it.
    has_etags: bool,
    writes: AtomicUsize,
}

impl Shelf {
    fn answer(&self, request: &Request) -> Reply {
        let mut manifests = self.manifests.lock().expect("no panic");
        let known = manifests.get(&request.target).cloned();
        let etag = known
            .as_ref()
            .map(|(_, body)| format!("\"{}\"", Digest::sha256(body)));
        if request.method == "PUT" {
            let condition = request.header("if-match").map(str::to_owned);
            if self.has_etags && condition.is_some() && condition != etag {
                return Reply::new(412);
            }
            let kind = request.header("content-type").unwrap_or_default();
            self.writes.fetch_add(1, Ordering::Relaxed);
            manifests.insert(
                request.target.clone(),
                (kind.to_owned(), request.body.clone()),
            );
            return Reply::new(201);
        }
        match known {
            None => Reply::new(404),
            Some((kind, body)) => {
                let reply = Reply::new(200).header("content-type", kind).body(body);
                match etag.filter(|_| self.has_etags) {
                    Some(etag) => reply.header("etag", etag),
                    None => reply,
                }
            }
        }
    }

    fn place(&self, target: &str, kind: &str, body: impl Into<Vec<u8>>) {
        let entry = (kind.to_owned(), body.into());
        let mut manifests = self.manifests.lock().expect("no panic");
        manifests.insert(target.to_owned(), entry);
    }

    fn index(&self, subject: &Digest) -> serde_json::Value {
        let target = list_of(subject);
        let manifests = self.manifests.lock().expect("no panic");
        let (kind, body) = manifests.get(&target).expect("there is a list");
        assert_eq!(kind, INDEX);
        serde_json::from_slice(body).expect("JSON")
    }
}

fn list_of(subject: &Digest) -> String {
    format!("/v2/a/manifests/{}", referrers_tag(subject))
}

async fn serve(shelf: &Arc<Shelf>) -> Server {
    let shelf = Arc::clone(shelf);
    Server::start(move |request| shelf.answer(request)).await
}

fn digests(index: &serde_json::Value) -> Vec<&str> {
    let entries = index["manifests"].as_array().expect("a list");
    entries
        .iter()
        .map(|entry| entry["digest"].as_str().expect("a text"))
        .collect()
}

#[tokio::test]
async fn a_registry_that_lists_referrers_is_left_alone() {
    let subject = Digest::sha256(b"subject");
    let server =
        Server::start(move |_| Reply::new(201).header("oci-subject", subject.to_string())).await;
    put(&server, &manifest(&subject, "one")).await.expect("put");
    assert_eq!(server.requests().len(), 1);
    // Neither is there anything to list without a subject.
    let server = Server::start(|_| Reply::new(201)).await;
    put(&server, &Bytes::from_static(b"{}")).await.expect("put");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn referrers_are_listed_under_the_tag_of_their_subject() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let shelf = Arc::new(Shelf::default());
        let server = serve(&shelf).await;
        let subject = Digest::of(algorithm, b"subject");
        let (one, two) = (manifest(&subject, "one"), manifest(&subject, "two"));
        put(&server, &one).await.expect("put");
        put(&server, &two).await.expect("put");
        put(&server, &one).await.expect("put again");
        let index = shelf.index(&subject);
        let (one, two) = (Digest::sha256(&one), Digest::sha256(&two));
        assert_eq!(digests(&index), [one.to_string(), two.to_string()]);
        assert_eq!(index["mediaType"], INDEX);
        assert_eq!(index["schemaVersion"], 2);
        let entry = &index["manifests"][0];
        assert_eq!(entry["mediaType"], MediaType::OciManifest.to_string());
        assert_eq!(entry["artifactType"], "a/config");
        assert_eq!(entry["annotations"]["name"], "one");
        assert!(entry["size"].as_u64().is_some_and(|size| size > 0));
    }
}

/// D14: What somebody else keeps there stays.
#[tokio::test]
async fn d14_a_fallback_tag_that_is_no_index_is_not_overwritten() {
    let subject = Digest::sha256(b"subject");
    for (kind, body) in [
        (
            "application/vnd.oci.image.manifest.v1+json",
            r#"{"schemaVersion":2,"layers":[]}"#,
        ),
        (
            INDEX,
            r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#,
        ),
        (INDEX, "no JSON"),
        (INDEX, r#"{"manifests":7}"#),
        ("application/json", r#"{"manifests":[]}"#),
    ] {
        let shelf = Arc::new(Shelf::default());
        shelf.place(&list_of(&subject), kind, body);
        let server = serve(&shelf).await;
        let error = put(&server, &manifest(&subject, "one"))
            .await
            .expect_err("no list");
        assert!(matches!(error, Error::Policy { .. }), "{error}");
        assert_eq!(shelf.writes.load(Ordering::Relaxed), 1, "the manifest only");
    }
}

/// D14: Nothing is written when the list is too large.
#[tokio::test]
async fn d14_a_fallback_tag_without_end_stops_at_its_limit() {
    let server = Server::start(|request| match request.method.as_str() {
        "PUT" => Reply::new(201),
        _ => Reply::new(200).header("content-type", INDEX).endless(),
    })
    .await;
    let error = put(&server, &manifest(&Digest::sha256(b"subject"), "one")).await;
    assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
    let puts = server.requests();
    assert_eq!(puts.iter().filter(|it| it.method == "PUT").count(), 1);
}

/// D14: Each entry comes once, and fields that we do not know stay.
#[tokio::test]
async fn d14_duplicates_in_a_fallback_tag_are_merged_and_the_rest_is_kept() {
    let subject = Digest::sha256(b"subject");
    let shelf = Arc::new(Shelf::default());
    let other = Digest::sha256(b"other");
    let entry = format!(r#"{{"mediaType":"a/b","digest":"{other}","size":5,"x":1}}"#);
    shelf.place(
        &list_of(&subject),
        INDEX,
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{entry},{entry}],"annotations":{{"k":"v"}}}}"#
        ),
    );
    let server = serve(&shelf).await;
    let one = manifest(&subject, "one");
    put(&server, &one).await.expect("put");
    let index = shelf.index(&subject);
    assert_eq!(
        digests(&index),
        [other.to_string(), Digest::sha256(&one).to_string()]
    );
    assert_eq!(index["annotations"]["k"], "v");
    assert_eq!(index["manifests"][0]["x"], 1);
}

#[tokio::test]
async fn two_that_list_at_the_same_time_lose_nothing() {
    for has_etags in [true, false] {
        let subject = Digest::sha256(b"subject");
        let shelf = Arc::new(Shelf {
            has_etags,
            ..Shelf::default()
        });
        let rival = Digest::sha256(b"rival");
        let target = list_of(&subject);
        let strikes = AtomicUsize::new(0);
        let server = Server::start({
            let (shelf, target) = (Arc::clone(&shelf), target.clone());
            move |request: &Request| {
                let strike = || strikes.fetch_add(1, Ordering::Relaxed) == 0;
                let body = format!(
                    r#"{{"mediaType":"{INDEX}","manifests":[{{"mediaType":"a/b","digest":"{rival}","size":5}}]}}"#
                );
                if request.target == target && request.method == "PUT" && strike() {
                    // The rival's list comes just before ours where conditions count, else just after.
                    if shelf.has_etags {
                        shelf.place(&target, INDEX, body);
                        return shelf.answer(request);
                    }
                    let reply = shelf.answer(request);
                    shelf.place(&target, INDEX, body);
                    return reply;
                }
                shelf.answer(request)
            }
        })
        .await;
        shelf.place(
            &target,
            INDEX,
            format!(r#"{{"mediaType":"{INDEX}","manifests":[]}}"#),
        );
        let one = manifest(&subject, "one");
        put(&server, &one).await.expect("put");
        assert_eq!(
            digests(&shelf.index(&subject)),
            [rival.to_string(), Digest::sha256(&one).to_string()]
        );
    }
}

#[tokio::test]
async fn a_manifest_whose_answer_was_lost_is_looked_for_before_it_is_sent_again() {
    let content = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&content);
    let tag: TagOrDigest = "v1".parse::<Tag>().expect("a tag").into();
    let put = async |found: Option<Digest>| {
        let puts = AtomicUsize::new(0);
        let server = Server::start(move |request| match (request.method.as_str(), found) {
            ("HEAD", Some(digest)) => {
                Reply::new(200).header("docker-content-digest", digest.to_string())
            }
            ("HEAD", None) => Reply::new(404),
            _ if puts.fetch_add(1, Ordering::Relaxed) == 0 => Reply::hang_up(),
            _ => Reply::new(201),
        })
        .await;
        let stored = client()
            .put_manifest(
                &server.name(),
                &tag,
                &MediaType::OciManifest,
                content.clone(),
            )
            .await;
        assert_eq!(stored.expect("stored"), digest);
        server.lines()
    };
    let (head, store) = ("HEAD /v2/a/manifests/v1", "PUT /v2/a/manifests/v1");
    assert_eq!(put(Some(digest)).await, [store, head]);
    assert_eq!(put(None).await, [store, head, store]);
    let other = Digest::sha256(b"what was there before");
    assert_eq!(put(Some(other)).await, [store, head, store]);
}
