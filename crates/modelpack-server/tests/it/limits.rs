//! Limits of requests, and the pages and observers that tell of them.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use modelpack_server::{Answered, Finished, Observer, Options, Peer, RateLimit};
use modelpack_spec::Digest;

use crate::support::{Client, End, MANIFEST, Pieces, both, memory};
use crate::uploads::with;

#[tokio::test]
async fn chunks_have_a_largest_size() {
    for client in both(|| with(|options| options.max_chunk_bytes = 4)) {
        let location = client.start("a").await;
        let chunk = |range: &'static str, body: &'static str| {
            let (client, location) = (&client, location.clone());
            async move {
                let headers = [("content-range", range)];
                client.send("PATCH", &location, &headers, body).await
            }
        };
        assert_eq!(chunk("0-4", "12345").await.status, 413);
        assert_eq!(chunk("0-3", "1234").await.status, 202);
        let put = format!("{location}?digest={}", Digest::sha256(b"1234"));
        assert_eq!(client.send("PUT", &put, &[], "").await.status, 201);
    }
}

/// S6: A chunk of unknown length.
#[tokio::test]
async fn bodies_without_length_have_a_limit() {
    for (limit, status) in [(0, 411), (4, 413), (5, 202)] {
        let client = memory(with(|options| options.max_unannounced_bytes = limit));
        let location = client.start("a").await;
        let body = Pieces::new(&["123", "45"], End::Clean);
        let answer = client.send_body("PATCH", &location, &[], body).await;
        assert_eq!(answer.status, status, "{limit}");
        // Whatever was refused, the upload can go on with a length.
        let status = client.get(&location).await;
        assert_eq!(status.status, 204, "{limit}");
        let announced = client.send("PATCH", &location, &[], "123456789").await;
        assert_eq!(announced.status, 202, "{limit}");
    }
}

/// S11: Virtual time: nothing here waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_sends_one_byte_a_second() {
    let client = memory(Options::default());
    let location = client.start("a").await;
    let answer = client
        .send_body(
            "PATCH",
            &location,
            &[],
            Dripping::every(Duration::from_secs(1)),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (408, "SIZE_INVALID")
    );
    assert_eq!(answer.header("connection"), "close");
    let manifest = client
        .send_body(
            "PUT",
            "/v2/a/manifests/v1",
            &[],
            Dripping::every(Duration::from_secs(1)),
        )
        .await;
    assert_eq!(manifest.status, 408);
    let silent = Pieces::new(&["x"], End::Never);
    assert_eq!(
        client
            .send_body("PATCH", &location, &[], silent)
            .await
            .status,
        408
    );
    // A slow client that is fast enough gets everything there.
    let quick = Dripping::every(Duration::from_millis(10));
    let limited = client.send_body("PATCH", &location, &[], quick).await;
    assert_eq!(limited.status, 202, "{limited:?}");
}

/// Two thousand bytes, one at a time.
struct Dripping {
    left: u32,
    pause: Duration,
    next: Pin<Box<tokio::time::Sleep>>,
}

impl Dripping {
    fn every(pause: Duration) -> Self {
        Self {
            left: 2000,
            pause,
            next: Box::pin(tokio::time::sleep(pause)),
        }
    }
}

impl http_body::Body for Dripping {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.next.as_mut().poll(context));
        self.left -= 1;
        self.next = Box::pin(tokio::time::sleep(self.pause));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

#[tokio::test]
async fn uploads_end_with_age() {
    for client in both(|| with(|options| options.upload_age = Duration::ZERO)) {
        let location = client.start("a").await;
        assert_eq!(client.get(&location).await.status, 404);
        client.registry.forget_old_uploads();
        let patch = client.send("PATCH", &location, &[], "x").await;
        assert_eq!(patch.code(), "BLOB_UPLOAD_UNKNOWN");
    }
}

/// S11: One request too many is answered by 429.
#[tokio::test]
async fn requests_have_a_rate() {
    let limit = RateLimit::new(0.001, 3);
    let client = memory(with(|options| options.rate_limit = Some(limit)));
    let from = async |address: &str| {
        let mut request = http::Request::get("/v2/").body(String::new()).unwrap();
        request
            .extensions_mut()
            .insert(Peer(address.parse().unwrap()));
        client.registry.handle(request).await
    };
    for _ in 0..3 {
        assert_eq!(from("10.0.0.1:1").await.status(), 200);
    }
    let refused = from("10.0.0.1:2").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/json");
    let seconds: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((900..=1000).contains(&seconds), "{seconds}");
    assert_eq!(from("10.0.0.2:1").await.status(), 200, "another client");
    // Whoever watches the registry is not counted.
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn pages_for_machines() {
    for client in both(|| with(|options| options.metrics = true)) {
        client.blob("a", b"0123456789").await;
        client.get("/v2/a/tags/list").await;
        client.start("a").await;
        client.send("BREW", "/v2/", &[], "").await;
        let health = client.get("/healthz").await;
        assert_eq!(
            (health.status.as_u16(), &health.body[..]),
            (200, &b"ok\n"[..])
        );
        assert_eq!(client.head("/healthz").await.status, 200);
        let page = client.get("/metrics").await;
        assert!(
            page.header("content-type")
                .starts_with("text/plain; version=0.0.4")
        );
        let text = String::from_utf8(page.body.to_vec()).unwrap();
        for line in [
            "modelpack_registry_requests_total{method=\"POST\",status=\"201\"} 1",
            "modelpack_registry_requests_total{method=\"POST\",status=\"202\"} 1",
            "modelpack_registry_requests_total{method=\"other\",status=\"405\"} 1",
            "modelpack_registry_received_bytes_total 10",
            "modelpack_registry_open_uploads 1",
            "modelpack_registry_answer_seconds_bucket{le=\"+Inf\"} 6",
            "modelpack_registry_answer_seconds_count 6",
        ] {
            assert!(text.lines().any(|it| it == line), "no `{line}` in\n{text}");
        }
        // Each family is announced before its values.
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
        }
    }
    let closed = memory(Options::default());
    assert_eq!(closed.get("/metrics").await.status, 404);
    let health = closed
        .send("GET", "/healthz", &[("host", "evil.example")], "")
        .await;
    assert_eq!(health.status, 403);
}

#[tokio::test]
async fn warnings_for_users() {
    let texts = [
        "we \"move\"\r\nx: y",
        "äöü",
        &"a".repeat(4090),
        &"b".repeat(3000),
    ];
    let client = memory(with(|options| {
        options.warnings = texts.map(ToOwned::to_owned).to_vec();
    }));
    let answer = client.get("/v2/a/tags/list").await;
    let sent: Vec<_> = answer.headers.get_all("warning").iter().collect();
    assert_eq!(sent[0], "299 - \"we \\\"move\\\"x: y\"");
    assert_eq!(sent[1], "299 - \"\"");
    assert_eq!(
        sent.len(),
        3,
        "the third would be too much, the fourth fits"
    );
    assert!(sent.iter().map(|value| value.len()).sum::<usize>() <= 4096);
    assert!(!client.get("/healthz").await.headers.contains_key("warning"));
}

#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    finished: Mutex<Vec<String>>,
}

impl Observer for Seen {
    fn answered(&self, _: &Answered<'_>) {
        self.answered.fetch_add(1, Ordering::SeqCst);
    }

    fn finished(&self, it: &Finished<'_>) {
        self.finished.lock().unwrap().push(format!(
            "{} {} {} {} {} {}",
            it.method,
            it.path,
            it.status.as_u16(),
            it.received,
            it.sent,
            it.complete
        ));
    }
}

#[tokio::test]
async fn observers_see_how_exchanges_end() {
    let seen = Arc::new(Seen::default());
    let observer: Arc<dyn Observer> = Arc::<Seen>::clone(&seen);
    let client = memory(with(|options| {
        options.observer = Some(Arc::clone(&observer))
    }));
    let digest = client.blob("a", &[b'x'; 600_000]).await;
    let target = format!("/v2/a/blobs/{digest}");
    client.get(&target).await;
    client.head(&target).await;
    // A client that goes away before it has read anything.
    let request = http::Request::get(&target).body(String::new()).unwrap();
    drop(client.registry.handle(request).await);
    let expected = [
        "POST /v2/a/blobs/uploads/ 201 600000 0 true".to_owned(),
        format!("GET {target} 200 0 600000 true"),
        format!("HEAD {target} 200 0 0 true"),
        format!("GET {target} 200 0 0 false"),
    ];
    assert_eq!(*seen.finished.lock().unwrap(), expected);
    assert_eq!(seen.answered.load(Ordering::SeqCst), 4);
}

/// Manifests that no registry should choke on.
#[tokio::test]
async fn manifests_that_ask_for_too_much() {
    for client in both(Options::default) {
        let client: Client = client;
        client.blob("a", b"{}").await;
        let digest = Digest::sha256(b"{}");
        let layer = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":2}}"#);
        let with_layers = |count: usize| {
            let layers = vec![layer.as_str(); count].join(",");
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{layer},"layers":[{layers}]}}"#
            )
        };
        let many = client
            .put_manifest("a", "many", &with_layers(100_000))
            .await;
        assert_eq!(
            (many.status.as_u16(), many.code().as_str()),
            (413, "MANIFEST_INVALID")
        );
        let most = client.put_manifest("a", "most", &with_layers(30_000)).await;
        assert_eq!(most.status, 201, "{most:?}");
        let nested = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","x":{}{}}}"#,
            "[".repeat(1000),
            "]".repeat(1000)
        );
        let nested = client.put_manifest("a", "nested", &nested).await;
        assert_eq!(
            (nested.status.as_u16(), nested.code().as_str()),
            (400, "MANIFEST_INVALID")
        );
        let huge = format!("{{\"x\":\"{}\"}}", "A".repeat(5 * 1024 * 1024));
        let huge = client.put_manifest("a", "huge", &huge).await;
        assert_eq!(
            (huge.status.as_u16(), huge.code().as_str()),
            (413, "MANIFEST_INVALID")
        );
        for tag in ["many", "nested", "huge"] {
            assert_eq!(
                client.get(&format!("/v2/a/manifests/{tag}")).await.status,
                404
            );
        }
    }
}
