//! Uploads in every way that clients use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use modelpack_server::Options;
use modelpack_spec::{Algorithm, Digest};

use crate::support::{Client, End, Endless, Pieces, both, memory};

async fn is_stored(client: &Client, content: &[u8], algorithm: Algorithm) -> bool {
    let digest = Digest::of(algorithm, content);
    let answer = client.get(&format!("/v2/a/blobs/{digest}")).await;
    answer.status == 200 && answer.body == content
}

/// S7: A session that has ended is unknown.
#[tokio::test]
async fn one_post_and_one_put() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let digest = Digest::sha256(b"hello");
        let answer = client
            .send("PUT", &format!("{location}?digest={digest}"), &[], "hello")
            .await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("location"), format!("/v2/a/blobs/{digest}"));
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert!(is_stored(&client, b"hello", Algorithm::Sha256).await);
        let answer = client.get(&location).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "BLOB_UPLOAD_UNKNOWN")
        );
    }
}

/// The algorithm of the last request counts, whether it was announced or not.
#[tokio::test]
async fn sha512_with_and_without_notice() {
    for client in both(Options::default) {
        let digest = Digest::of(Algorithm::Sha512, b"hello");
        for query in ["", "?digest-algorithm=sha512"] {
            let answer = client
                .send("POST", &format!("/v2/a/blobs/uploads/{query}"), &[], "")
                .await;
            let location = answer.header("location").to_owned();
            assert_eq!(
                client.send("PATCH", &location, &[], "hello").await.status,
                202
            );
            let answer = client
                .send("PUT", &format!("{location}?digest={digest}"), &[], "")
                .await;
            assert_eq!(
                (
                    answer.status.as_u16(),
                    answer.header("docker-content-digest")
                ),
                (201, digest.to_string().as_str())
            );
            assert!(is_stored(&client, b"hello", Algorithm::Sha512).await);
            assert!(!is_stored(&client, b"hello", Algorithm::Sha256).await);
        }
    }
}

#[tokio::test]
async fn chunks() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let chunk = async |range: &str, bytes: &'static str| {
            client
                .send("PATCH", &location, &[("content-range", range)], bytes)
                .await
        };
        let answer = chunk("0-4", "hello").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("range")),
            (202, "0-4")
        );
        for (range, bytes) in [("0-4", "hello"), ("6-9", "worl"), ("4-4", "o")] {
            let answer = chunk(range, bytes).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (416, "BLOB_UPLOAD_INVALID"),
                "{range}"
            );
            assert_eq!(
                (answer.header("range"), answer.header("location")),
                ("0-4", location.as_str())
            );
        }
        for (range, bytes, code) in [
            ("5-9", "four", "SIZE_INVALID"),
            ("9-5", "x", "BLOB_UPLOAD_INVALID"),
            ("x", "x", "BLOB_UPLOAD_INVALID"),
        ] {
            let answer = chunk(range, bytes).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, code),
                "{range}"
            );
        }
        let answer = client.get(&location).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("range")),
            (204, "0-4")
        );
        assert_eq!(chunk("5-10", " world").await.header("range"), "0-10");

        let put = format!("{location}?digest={}", Digest::sha256(b"hello world!"));
        let wrong = client
            .send("PUT", &put, &[("content-range", "0-0")], "!")
            .await;
        assert_eq!(wrong.status, 416, "the session stays as it was");
        let answer = client
            .send("PUT", &put, &[("content-range", "11-11")], "!")
            .await;
        assert_eq!(answer.status, 201);
        assert!(is_stored(&client, b"hello world!", Algorithm::Sha256).await);
    }
}

#[tokio::test]
async fn a_stream_without_length() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let body = Pieces::new(&["hel", "", "lo"], End::Clean);
        let answer = client.send_body("PATCH", &location, &[], body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("range")),
            (202, "0-4")
        );
        let put = format!("{location}?digest={}", Digest::sha256(b"hello"));
        assert_eq!(client.send("PUT", &put, &[], "").await.status, 201);
        assert!(is_stored(&client, b"hello", Algorithm::Sha256).await);
    }
}

#[tokio::test]
async fn a_body_of_several_batches() {
    let content: Vec<u8> = (0..3_000_003_u32)
        .map(|number| (number % 253) as u8)
        .collect();
    for client in both(Options::default) {
        client.blob("a", &content).await;
        assert!(is_stored(&client, &content, Algorithm::Sha256).await);
    }
}

/// S15: Bytes of another digest are stored nowhere.
#[tokio::test]
async fn wrong_digests_store_nothing() {
    for client in both(Options::default) {
        let other = Digest::sha256(b"other");
        let location = client.start("a").await;
        for (method, target) in [
            ("PUT", format!("{location}?digest={other}")),
            ("POST", format!("/v2/a/blobs/uploads/?digest={other}")),
        ] {
            let answer = client.send(method, &target, &[], "hello").await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "DIGEST_INVALID")
            );
        }
        assert_eq!(client.get(&location).await.status, 404);
        assert!(!is_stored(&client, b"hello", Algorithm::Sha256).await);
        assert_eq!(
            client.head(&format!("/v2/a/blobs/{other}")).await.status,
            404
        );
    }
}

/// What arrived before the connection broke is kept, and the client continues there.
#[tokio::test]
async fn a_broken_upload_goes_on() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let body = Pieces::new(&["hel"], End::Broken);
        client.send_body("PATCH", &location, &[], body).await;
        assert_eq!(client.get(&location).await.header("range"), "0-2");
        let answer = client
            .send("PATCH", &location, &[("content-range", "3-4")], "lo")
            .await;
        assert_eq!(answer.header("range"), "0-4");
        let put = format!("{location}?digest={}", Digest::sha256(b"hello"));
        assert_eq!(client.send("PUT", &put, &[], "").await.status, 201);
    }
}

/// A server drops the future of a request when its client goes away.
#[tokio::test]
async fn a_dropped_request_frees_its_session() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let hanging = client.send_body("PATCH", &location, &[], Pieces::new(&["x"], End::Never));
        // Polled once: it has the session and waits for more bytes.
        assert!(tokio::time::timeout(Duration::ZERO, hanging).await.is_err());
        let answer = client
            .send("PATCH", &location, &[("content-range", "0-4")], "hello")
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("range")),
            (202, "0-4")
        );
    }
}

/// S7: A cancelled session is unknown.
#[tokio::test]
async fn cancelled_uploads() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        client.send("PATCH", &location, &[], "hello").await;
        assert_eq!(client.delete(&location).await.status, 204);
        for method in ["GET", "PATCH", "DELETE"] {
            assert_eq!(
                client.send(method, &location, &[], "").await.code(),
                "BLOB_UPLOAD_UNKNOWN"
            );
        }
    }
}

/// S6, S11: A chunk beyond the largest blob ends the upload.
#[tokio::test]
async fn limits_of_uploads() {
    let client = memory(with(|options| {
        options.max_uploads = 1;
        options.max_blob_bytes = 8;
        options.chunk_min_bytes = Some(4096);
    }));
    let answer = client.send("POST", "/v2/a/blobs/uploads/", &[], "").await;
    assert_eq!(answer.header("oci-chunk-min-length"), "4096");
    let location = answer.header("location").to_owned();
    let answer = client.send("POST", "/v2/a/blobs/uploads/", &[], "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (429, "TOOMANYREQUESTS")
    );
    assert_ne!(answer.header("retry-after"), "");
    assert_eq!(
        client.send("PATCH", &location, &[], "12345").await.status,
        202
    );
    assert_eq!(
        client.send("PATCH", &location, &[], "6789").await.status,
        413
    );
    assert_eq!(
        client.get(&location).await.status,
        404,
        "it can never become a blob"
    );
    client.start("a").await;
}

#[tokio::test]
async fn idle_uploads_make_room() {
    let client = memory(with(|options| {
        options.max_uploads = 1;
        options.upload_idle = Duration::ZERO;
    }));
    let first = client.start("a").await;
    client.start("a").await;
    assert_eq!(client.get(&first).await.status, 404);
}

/// A body that is refused is read on for a while, unless its sender waits to be asked for it.
#[tokio::test]
async fn drained_and_spared_bodies() {
    for (headers, is_read) in [(&[][..], true), (&[("expect", "100-continue")][..], false)] {
        let client = memory(with(|options| options.drain_bytes = 1024 * 1024));
        let count = Arc::new(AtomicU64::new(0));
        let body = Endless(Arc::clone(&count));
        let answer = client
            .send_body("PATCH", "/v2/a/blobs/uploads/unknown", headers, body)
            .await;
        assert_eq!(answer.status, 404);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let read = count.load(Ordering::SeqCst);
        assert!(
            (read > 1024 * 1024) == is_read && read < 2 * 1024 * 1024,
            "{read}"
        );
    }
}

pub(crate) fn with(change: impl Fn(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}
