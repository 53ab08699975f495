//! Pushing, mounting, listing and deleting against a registry that behaves.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use modelpack_registry::{BlobSource, Error, Mount, Progress};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, MediaType, RangeSet, Tag};

use crate::server::{Reply, Request, Server, client, options};

const CONTENT: &[u8] = b"0123456789";

fn digest() -> Digest {
    Digest::sha256(CONTENT)
}

async fn push(server: &Server, source: impl BlobSource + 'static, size: u64) -> Result<(), Error> {
    client()
        .push_blob(
            &server.name(),
            &digest(),
            size,
            Arc::new(source),
            &Progress::none(),
        )
        .await
}

#[tokio::test]
async fn a_blob_is_pushed_by_post_and_put() {
    // Larger than a few pieces, so that it is really streamed.
    let content: Bytes = (0..5_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let digest = Digest::sha256(&content);
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::new(202).header("location", "/up/1?_state=a%2Bb"),
        _ => Reply::new(201),
    })
    .await;
    let done = Arc::new(AtomicU64::new(0));
    let progress = Progress::new({
        let done = Arc::clone(&done);
        move |bytes| {
            assert!(done.swap(bytes, Ordering::Relaxed) <= bytes);
        }
    });
    let size = content.len() as u64;
    client()
        .push_blob(
            &server.name(),
            &digest,
            size,
            Arc::new(content.clone()),
            &progress,
        )
        .await
        .expect("pushed");
    assert_eq!(done.load(Ordering::Relaxed), size);
    let requests = server.requests();
    assert_eq!(requests[0].line(), "POST /v2/a/blobs/uploads/");
    assert_eq!(requests[0].header("content-length"), Some("0"));
    let encoded = digest.to_string().replace(':', "%3A");
    assert_eq!(
        requests[1].line(),
        format!("PUT /up/1?_state=a%2Bb&digest={encoded}")
    );
    assert_eq!(
        requests[1].header("content-type"),
        Some("application/octet-stream")
    );
    assert!(requests[1].body == content);
}

#[tokio::test]
async fn an_empty_blob_is_pushed_too() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::new(202).header("location", "up"),
        _ => Reply::new(201),
    })
    .await;
    let empty = Digest::sha256(b"");
    client()
        .push_blob(
            &server.name(),
            &empty,
            0,
            Arc::new(Bytes::new()),
            &Progress::none(),
        )
        .await
        .expect("pushed");
    // A relative location is relative to the request.
    assert!(server.lines()[1].starts_with("PUT /v2/a/blobs/uploads/up?digest="));
    assert_eq!(server.requests()[1].header("content-length"), Some("0"));
}

struct Broken;

impl BlobSource for Broken {
    fn open(&self, _: u64) -> io::Result<Box<dyn io::Read + Send>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "it was deleted"))
    }
}

#[tokio::test]
async fn a_source_that_fails_is_not_the_registrys_fault() {
    let server = Server::start(|_| Reply::new(202).header("location", "/up/1")).await;
    let error = push(&server, Broken, 10).await.expect_err("no source");
    assert!(
        matches!(&error, Error::Source { source, .. } if source.to_string() == "it was deleted"),
        "{error:?}"
    );
    let error = push(&server, Bytes::from_static(b"01234"), 10).await;
    assert!(
        matches!(error, Err(Error::Source { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof)
    );
}

#[tokio::test]
async fn a_sink_that_fails_is_not_the_registrys_fault() {
    struct Full;
    impl modelpack_registry::BlobSink for Full {
        fn write_at(&self, _: u64, _: Bytes) -> modelpack_registry::Pending<'_, io::Result<()>> {
            Box::pin(std::future::ready(Err(io::ErrorKind::StorageFull.into())))
        }
    }
    let server = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest(), 10);
    let error = client()
        .pull_blob(
            &server.name(),
            &descriptor,
            Arc::new(Full),
            &RangeSet::default(),
            &Progress::none(),
        )
        .await;
    assert!(
        matches!(error, Err(Error::Sink { source, .. }) if source.kind() == io::ErrorKind::StorageFull)
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn mounts_are_asked_for_and_uploads_used() {
    let server = Server::start(|request| {
        if request.method == "PUT" {
            return Reply::new(201);
        }
        if request.method == "DELETE" {
            return Reply::new(204);
        }
        if request.target.contains("from=b") {
            return Reply::new(201);
        }
        Reply::new(202).header("location", "/up/1")
    })
    .await;
    let name = server.name();
    let from = "b".parse().expect("a repository");
    let mounted = client().mount_blob(&name, &digest(), Some(&from)).await;
    assert!(matches!(mounted, Ok(Mount::Mounted)), "{mounted:?}");
    let open = async || match client().mount_blob(&name, &digest(), None).await {
        Ok(Mount::Upload(upload)) => upload,
        other => panic!("{other:?}"),
    };
    let source = Arc::new(Bytes::from_static(CONTENT));
    client()
        .push_blob_into(open().await, 10, source, &Progress::none())
        .await
        .expect("pushed");
    client().cancel_upload(open().await).await.expect("gone");
    let encoded = digest().to_string().replace(':', "%3A");
    assert_eq!(
        server.lines(),
        [
            format!("POST /v2/a/blobs/uploads/?mount={encoded}&from=b"),
            format!("POST /v2/a/blobs/uploads/?mount={encoded}"),
            format!("PUT /up/1?digest={encoded}"),
            format!("POST /v2/a/blobs/uploads/?mount={encoded}"),
            "DELETE /up/1".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_mount_asks_for_access_to_its_source() {
    let scopes = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start_knowing(|address| {
        let scopes = Arc::clone(&scopes);
        move |request: &Request| {
            if let Some(query) = request.target.strip_prefix("/token?") {
                scopes.lock().expect("no panic").push(query.to_owned());
                return Reply::new(200).body(r#"{"token":"t"}"#);
            }
            match request.header("authorization") {
                Some(_) => Reply::new(201),
                None => Reply::new(401).header(
                    "www-authenticate",
                    format!("Bearer realm=\"http://{address}/token\""),
                ),
            }
        }
    })
    .await;
    let from = "b".parse().expect("a repository");
    client()
        .mount_blob(&server.name(), &digest(), Some(&from))
        .await
        .expect("mounted");
    assert_eq!(
        *scopes.lock().expect("no panic"),
        ["scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull"]
    );
}

#[tokio::test]
async fn manifests_are_pushed_and_the_stored_digest_is_compared() {
    let body = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&body);
    let tag: TagOrDigest = "v1".parse::<Tag>().expect("a tag").into();
    let put = async |stated: Digest, reference: &TagOrDigest| {
        let server = Server::start(move |_| {
            Reply::new(201).header("docker-content-digest", stated.to_string())
        })
        .await;
        let outcome = client()
            .put_manifest(
                &server.name(),
                reference,
                &MediaType::OciManifest,
                body.clone(),
            )
            .await;
        (outcome, server.requests())
    };
    let (outcome, requests) = put(digest, &tag).await;
    assert_eq!(outcome.expect("stored"), digest);
    assert_eq!(requests[0].line(), "PUT /v2/a/manifests/v1");
    assert_eq!(
        requests[0].header("content-type"),
        Some("application/vnd.oci.image.manifest.v1+json")
    );
    let (outcome, _) = put(Digest::sha256(b"other"), &tag).await;
    assert!(outcome.expect_err("another digest").is_integrity());
    let (outcome, requests) = put(digest, &Digest::sha256(b"other").into()).await;
    assert!(outcome.expect_err("another digest").is_integrity());
    assert!(requests.is_empty(), "known before anything is sent");
}

#[tokio::test]
async fn questions_are_answered_without_content() {
    let server = Server::start(|request| {
        if request.target.ends_with("missing") {
            return Reply::new(404);
        }
        Reply::new(200)
            .header("content-type", "application/vnd.oci.image.manifest.v1+json")
            .header("docker-content-digest", Digest::sha256(CONTENT).to_string())
            .body(CONTENT)
    })
    .await;
    let name = server.name();
    let tag = |text: &str| TagOrDigest::from(text.parse::<Tag>().expect("a tag"));
    let found = client().head_manifest(&name, &tag("v1")).await;
    let found = found.expect("no error").expect("there");
    assert_eq!(found.digest, Some(digest()));
    assert_eq!(found.media_type, MediaType::OciManifest);
    assert_eq!(found.size, Some(10));
    let missing = client().head_manifest(&name, &tag("missing")).await;
    assert_eq!(missing.expect("no error"), None);
    let blob = client().head_blob(&name, &digest()).await;
    assert_eq!(blob.expect("no error").expect("there").size, Some(10));
}

#[tokio::test]
async fn tags_come_page_by_page() {
    let server = Server::start(|request| match request.target.as_str() {
        "/v2/a/tags/list?n=2" => Reply::new(200)
            .header("link", "</v2/a/tags/list?n=2&last=b>; rel=\"next\"")
            .body(r#"{"name":"a","tags":["a","b"]}"#),
        "/v2/a/tags/list?n=2&last=b" => Reply::new(200).body(r#"{"name":"a","tags":["c"]}"#),
        _ => Reply::new(404),
    })
    .await;
    let tags = client().list_tags(&server.name(), Some(2)).await;
    assert_eq!(tags.expect("good"), ["a", "b", "c"]);
}

#[tokio::test]
async fn deletes_ask_for_the_right_to_delete() {
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return Reply::new(200).body(r#"{"token":"t"}"#);
            }
            match request.header("authorization") {
                Some(_) => Reply::new(202),
                None => Reply::new(401).header(
                    "www-authenticate",
                    format!("Bearer realm=\"http://{address}/token\""),
                ),
            }
        }
    })
    .await;
    let client = options().build().expect("good options");
    let tag: TagOrDigest = "v1".parse::<Tag>().expect("a tag").into();
    client
        .delete_manifest(&server.name(), &tag)
        .await
        .expect("gone");
    client
        .delete_blob(&server.name(), &digest())
        .await
        .expect("gone");
    let lines = server.lines();
    assert_eq!(lines[1], "GET /token?scope=repository%3Aa%3Adelete");
    assert_eq!(lines[2], "DELETE /v2/a/manifests/v1");
    assert_eq!(lines[3], format!("DELETE /v2/a/blobs/{}", digest()));
}

/// D5: A blob of declared exabytes costs what arrives.
#[tokio::test]
async fn d5_a_declared_size_is_not_allocated() {
    let server = Server::start(|_| Reply::new(200)).await;
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest(), u64::MAX >> 1);
    let error = client()
        .get_blob(&server.name(), &descriptor, 1024)
        .await
        .expect_err("too large");
    assert!(
        matches!(error, Error::TooLarge { limit: 1024, .. }),
        "{error}"
    );
    assert!(server.requests().is_empty());
}
