//! Registries that are not there, refuse, fail, or are something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use modelpack_registry::{Client, Error, Name, PlainHttp};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, MediaType, Tag};

use crate::server::{Reply, Server, client, options};

const CONTENT: &[u8] = b"0123456789";

fn tag() -> TagOrDigest {
    "v1".parse::<Tag>().expect("a tag").into()
}

async fn fetch(reply: Reply) -> (Error, usize) {
    let server = Server::start(move |_| reply.clone()).await;
    let error = client().fetch_manifest(&server.name(), &tag()).await;
    (error.expect_err("no manifest"), server.requests().len())
}

fn errors(code: &str) -> String {
    format!(r#"{{"errors":[{{"code":"{code}","message":"because"}}]}}"#)
}

/// MD9: Refusals are told apart and not repeated.
#[tokio::test]
async fn refusals_are_told_apart_and_not_repeated() {
    for (status, code, expected) in [
        (401, "UNAUTHORIZED", "Unauthorized"),
        (403, "DENIED", "Denied"),
        (404, "MANIFEST_UNKNOWN", "NotFound"),
        (405, "UNSUPPORTED", "Unsupported"),
        (400, "MANIFEST_INVALID", "Rejected"),
        (413, "MANIFEST_INVALID", "RefusedSize"),
    ] {
        let (error, requests) = fetch(Reply::new(status).body(errors(code))).await;
        let debug = format!("{error:?}");
        assert!(debug.starts_with(expected), "{debug}");
        let message = error.to_string();
        assert!(message.ends_with(&format!("{code}: because")), "{message}");
        assert_eq!(requests, 1, "{status}");
        assert!(!error.is_retryable());
        let at = error.at().expect("a request");
        assert_eq!(at.status, Some(status));
        assert_eq!(at.errors[0].code.as_str(), code);
    }
}

#[tokio::test]
async fn failures_of_the_registry_are_repeated_and_then_told() {
    let (error, requests) = fetch(Reply::new(500).body("oops")).await;
    assert!(matches!(error, Error::Server { .. }) && error.is_retryable());
    assert_eq!(requests, 5);
    let (error, _) = fetch(Reply::new(429).header("retry-after", "0")).await;
    assert!(error.is_network());
    assert!(
        matches!(
            error,
            Error::RateLimited {
                retry_after: Some(Duration::ZERO),
                ..
            }
        ),
        "{error:?}"
    );
    // A wait that is too long ends the call at once and is told.
    let (error, requests) = fetch(Reply::new(429).header("retry-after", "86400")).await;
    assert_eq!(requests, 1);
    assert!(
        matches!(error, Error::RateLimited { retry_after: Some(wait), .. } if wait.as_secs() == 86400)
    );
}

#[tokio::test]
async fn a_registry_that_recovers_is_not_a_failure() {
    for trouble in [
        Reply::new(503),
        Reply::new(429).header("retry-after", "0"),
        Reply::hang_up(),
    ] {
        let count = AtomicUsize::new(0);
        let server = Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => trouble.clone(),
            _ => Reply::new(200).body(r#"{"tags":["v1"]}"#),
        })
        .await;
        let tags = client().list_tags(&server.name(), Some(10)).await;
        assert_eq!(tags.expect("recovered"), ["v1"]);
        assert_eq!(server.lines(), ["GET /v2/a/tags/list?n=10"; 3]);
    }
}

#[tokio::test]
async fn web_pages_are_no_registries() {
    let page = |status| {
        Reply::new(status)
            .header("content-type", "text/html; charset=utf-8")
            .body("<html>")
    };
    let (error, _) = fetch(page(200)).await;
    assert!(matches!(error, Error::NotARegistry { .. }), "{error}");
    let (error, _) = fetch(page(404)).await;
    assert!(error.is_not_found());
    assert!(error.to_string().contains("is this a registry?"), "{error}");

    let server = Server::start(move |_| page(200)).await;
    let error = client().ping(&server.host()).await.expect_err("a web page");
    assert!(matches!(error, Error::NotARegistry { .. }), "{error}");
    let digest = Digest::sha256(CONTENT);
    let error = client().head_blob(&server.name(), &digest).await;
    assert!(
        matches!(error, Err(Error::NotARegistry { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn nobody_is_there() {
    let address = {
        let server = Server::start(|_| Reply::new(200)).await;
        server.host()
    };
    let server = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let closed = server.local_addr().expect("bound");
    drop(server);
    drop(address);
    let host = closed.to_string().parse().expect("a host");
    let error = client().ping(&host).await.expect_err("nobody");
    assert!(error.is_network() && !error.is_not_found(), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

/// MD8: Silence ends.
#[tokio::test]
async fn silence_ends() {
    // It accepts and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    let client = options()
        .idle_timeout(Duration::from_millis(20))
        .build()
        .expect("good options");
    let error = client
        .ping(&host.parse().expect("a host"))
        .await
        .expect_err("silence");
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

async fn pull(client: &Client, name: &Name) -> Result<bytes::Bytes, Error> {
    let descriptor = Descriptor::new(
        MediaType::from("a/b"),
        Digest::sha256(CONTENT),
        CONTENT.len() as u64,
    );
    client.get_blob(name, &descriptor, 1024).await
}

#[tokio::test]
async fn a_body_that_is_cut_goes_on_where_it_ended() {
    let server = Server::start(|request| match request.header("range") {
        None => Reply::new(200).cut(&CONTENT[..3], 10),
        Some("bytes=3-9") => Reply::new(206)
            .header("content-range", "bytes 3-9/10")
            .cut(&CONTENT[3..8], 7),
        Some("bytes=8-9") => Reply::new(206)
            .header("content-range", "bytes 8-9/10")
            .body(&CONTENT[8..]),
        Some(other) => panic!("unexpected range {other}"),
    })
    .await;
    assert_eq!(
        pull(&client(), &server.name()).await.expect("whole"),
        CONTENT
    );
}

#[tokio::test]
async fn a_body_that_is_always_cut_is_an_error() {
    let server = Server::start(|_| Reply::new(200).cut("", 10)).await;
    let error = pull(&client(), &server.name()).await.expect_err("cut");
    assert!(error.is_network(), "{error}");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn redirects_end_after_ten() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let count = Arc::clone(&count);
        move |_| {
            let hop = count.fetch_add(1, Ordering::Relaxed);
            Reply::new(302).header("location", format!("/hop/{hop}"))
        }
    })
    .await;
    let error = pull(&client(), &server.name()).await.expect_err("a loop");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 11);
}

#[tokio::test]
async fn only_blobs_are_taken_from_elsewhere() {
    let elsewhere = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let target = elsewhere.url("/x");
    let server = Server::start(move |_| Reply::new(307).header("location", target.clone())).await;
    let error = client().fetch_manifest(&server.name(), &tag()).await;
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    let error = client().list_tags(&server.name(), None).await;
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    assert!(elsewhere.requests().is_empty());
    // For a question the redirect is the answer: it is there.
    let digest = Digest::sha256(CONTENT);
    let found = client().head_blob(&server.name(), &digest).await;
    assert_eq!(found.expect("no error").expect("there").size, None);
    assert!(elsewhere.requests().is_empty());
    assert_eq!(
        pull(&client(), &server.name()).await.expect("good"),
        CONTENT
    );
}

#[tokio::test]
async fn a_redirect_keeps_the_range() {
    let elsewhere = Server::start(|request| {
        assert_eq!(request.header("range"), Some("bytes=2-4"));
        Reply::new(206)
            .header("content-range", "bytes 2-4/10")
            .body(&CONTENT[2..5])
    })
    .await;
    let target = elsewhere.url("/x");
    let server = Server::start(move |_| Reply::new(307).header("location", target.clone())).await;
    let digest = Digest::sha256(CONTENT);
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest, 10);
    let range = client()
        .blob_range_unverified(&server.name(), &descriptor, 2..5)
        .await;
    assert_eq!(range.expect("good").as_ref(), b"234");
}

#[tokio::test]
async fn plain_http_is_used_only_when_allowed() {
    let server = Server::start(|_| Reply::new(200)).await;
    let never = Client::builder()
        .plain_http(PlainHttp::Never)
        .build()
        .expect("good options");
    never.ping(&server.host()).await.expect_err("no TLS there");
    assert!(server.requests().is_empty());
    client().ping(&server.host()).await.expect("allowed");
    assert_eq!(server.lines(), ["GET /v2/"]);
}

#[tokio::test]
async fn a_wait_that_one_was_told_holds_for_all() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        if request.target.ends_with("/first") && count.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::new(429).header("retry-after", "1");
        }
        Reply::new(404)
    })
    .await;
    let (client, name) = (client(), server.name());
    let ask = async |tag: &str| {
        let tag: TagOrDigest = tag.parse::<Tag>().expect("a tag").into();
        client.head_manifest(&name, &tag).await.expect("no error");
    };
    let second = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        // The refusal is on its way; whatever is asked once it has arrived waits with the first.
        tokio::time::sleep(Duration::from_millis(200)).await;
        ask("second").await;
    };
    tokio::join!(ask("first"), second);
    let lines = server.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].ends_with("/first"), "{lines:?}");
}
