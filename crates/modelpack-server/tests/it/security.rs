//! What went wrong in other registries, by the numbers of the project's list of cases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use modelpack_server::{Hosts, Options};
use modelpack_spec::Digest;

use crate::support::{End, Endless, Pieces, both, memory};
use crate::uploads::with;

/// S1: Every kind of number.
#[tokio::test]
async fn s1_page_sizes_without_reason() {
    for client in both(Options::default) {
        client.artifact("a", "v1", "layer").await;
        for (n, status) in [
            ("99999999999", 200),
            ("18446744073709551615", 200),
            ("99999999999999999999999999", 200),
            ("-1", 400),
            ("ten", 400),
            ("", 400),
            ("1e9", 400),
        ] {
            let answer = client.get(&format!("/v2/a/tags/list?n={n}")).await;
            assert_eq!(answer.status, status, "{n}");
            // There is no list of all repositories whose pages could be asked for.
            let catalog = client.get(&format!("/v2/_catalog?n={n}")).await;
            assert_eq!(catalog.code(), "UNSUPPORTED", "{n}");
        }
    }
}

/// S2: Deleted here, there elsewhere, absent in a third.
#[tokio::test]
async fn s2_blobs_are_seen_only_where_they_are_linked() {
    for client in both(Options::default) {
        client.artifact("a", "v1", "layer").await;
        client.artifact("b", "v1", "layer").await;
        let digest = Digest::sha256(b"layer");
        let at = |name: &str| format!("/v2/{name}/blobs/{digest}");
        assert_eq!(client.delete(&at("a")).await.status, 202);
        assert_eq!(
            client.head(&at("a")).await.status,
            404,
            "its manifest still names it"
        );
        assert_eq!(client.head(&at("b")).await.status, 200);
        assert_eq!(client.head(&at("c")).await.status, 404);
    }
}

/// S3: Tag, manifest, blob and upload.
#[tokio::test]
async fn s3_deletes_can_be_off() {
    for client in both(|| with(|options| options.allow_delete = false)) {
        let (_, manifest) = client.artifact("a", "v1", "layer").await;
        let upload = client.start("a").await;
        let blob = format!("/v2/a/blobs/{}", Digest::sha256(b"layer"));
        for target in [
            &blob,
            "/v2/a/manifests/v1",
            &format!("/v2/a/manifests/{manifest}"),
            &upload,
        ] {
            let answer = client.delete(target).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (405, "UNSUPPORTED"),
                "{target}"
            );
        }
        assert_eq!(client.get("/v2/a/manifests/v1").await.status, 200);
        assert_eq!(client.get(&blob).await.status, 200);
        assert_eq!(client.get(&upload).await.status, 204);
    }
}

/// S6: Little more than the limit is read.
#[tokio::test]
async fn s6_a_manifest_without_length_stops_at_the_limit() {
    for client in both(Options::default) {
        let count = Arc::new(AtomicU64::new(0));
        let answer = client
            .send_body(
                "PUT",
                "/v2/a/manifests/v1",
                &[],
                Endless(Arc::clone(&count)),
            )
            .await;
        assert_eq!(answer.status, 413);
        // The limit, what is drained so that the client sees the answer, and a few pieces.
        tokio::task::yield_now().await;
        assert!(count.load(Ordering::SeqCst) < 6 * 1024 * 1024);
    }
}

/// S7: In another repository a session is unknown.
#[tokio::test]
async fn s7_a_session_belongs_to_one_repository() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let elsewhere = location.replace("/v2/a/", "/v2/b/");
        let put = format!("{elsewhere}?digest={}", Digest::sha256(b"hello"));
        for (method, target) in [
            ("GET", &elsewhere),
            ("PATCH", &elsewhere),
            ("DELETE", &elsewhere),
            ("PUT", &put),
        ] {
            let answer = client.send(method, target, &[], "hello").await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (404, "BLOB_UPLOAD_UNKNOWN"),
                "{method}"
            );
        }
        assert_eq!(client.get(&location).await.status, 204);
    }
}

/// S7: The second request at once is told where the first began.
#[tokio::test]
async fn s7_a_session_serves_one_request_at_a_time() {
    for client in both(Options::default) {
        let location = client.start("a").await;
        let first = client.send_body("PATCH", &location, &[], Pieces::new(&["x"], End::Never));
        let others = async {
            for (method, target) in [
                ("PATCH", location.clone()),
                ("PUT", format!("{location}?digest={}", Digest::sha256(b""))),
            ] {
                let answer = client.send(method, &target, &[], "hello").await;
                assert_eq!(
                    (answer.status.as_u16(), answer.header("location")),
                    (416, location.as_str()),
                    "{method}"
                );
            }
            assert_eq!(client.get(&location).await.status, 204);
        };
        tokio::select! {
            biased;
            answer = first => panic!("a body that never ends was answered: {answer:?}"),
            () = others => {}
        }
    }
}

/// S9: Once and twice encoded.
#[tokio::test]
async fn s9_names_that_lead_elsewhere() {
    let long = "a".repeat(300);
    let digest = Digest::sha256(b"");
    for client in both(Options::default) {
        for name in [
            "..",
            "a/../b",
            "%2e%2e",
            "a%2fb",
            "a%2Fb",
            "a%252fb",
            "a%5cb",
            "a%00",
            "A",
            "a//b",
            &long,
            "a/%2e%2e/b",
        ] {
            for (method, tail) in [
                ("GET", "tags/list".to_owned()),
                ("GET", format!("blobs/{digest}")),
                ("POST", "blobs/uploads/".to_owned()),
            ] {
                let answer = client
                    .send(method, &format!("/v2/{name}/{tail}"), &[], "")
                    .await;
                assert_eq!(
                    (answer.status.as_u16(), answer.code().as_str()),
                    (400, "NAME_INVALID"),
                    "{name} {tail}"
                );
            }
        }
        for digest in [
            "sha256:..%2f..%2fetc",
            "sha256:%2e%2e",
            "SHA256:00",
            &format!("sha256:{long}"),
            &format!("sha256:{}", "A".repeat(64)),
        ] {
            let answer = client.get(&format!("/v2/a/blobs/{digest}")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "DIGEST_INVALID"),
                "{digest}"
            );
        }
    }
}

/// S10: Where no listener of ours stands in front.
#[tokio::test]
async fn s10_two_lengths_are_refused() {
    for client in both(Options::default) {
        let headers = [("content-length", "5"), ("transfer-encoding", "chunked")];
        let answer = client
            .send("POST", "/v2/a/blobs/uploads/", &headers, "hello")
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("connection")),
            (400, "close")
        );
    }
}

/// S12: Line ends in tags, annotations and queries.
#[tokio::test]
async fn s12_nothing_of_a_document_gets_into_headers() {
    for client in both(Options::default) {
        client.blob("a", b"{}").await;
        client.blob("a", b"layer").await;
        let manifest = crate::support::artifact(
            "layer",
            r#","annotations":{"x\r\ny: z":"\r\nset-cookie: a=b"}"#,
        );
        for target in ["v1?tag=x%0d%0aset-cookie:%20a", "v1%0d%0ax", "v%20"] {
            let answer = client.put_manifest("a", target, &manifest).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "MANIFEST_INVALID"),
                "{target}"
            );
        }
        let answer = client.put_manifest("a", "v1", &manifest).await;
        assert_eq!(answer.status, 201);
        assert!(!answer.headers.contains_key("set-cookie"));
        let last = client.get("/v2/a/tags/list?n=1&last=%0d%0ax:%20y").await;
        assert_eq!((last.status.as_u16(), last.header("link")), (200, ""));
    }
}

/// S13: Names in `Host` that are not ours are refused.
#[tokio::test]
async fn s13_only_names_of_this_machine() {
    let check = async |hosts: Hosts, cases: &[(&str, u16)]| {
        let client = memory(with(|options| options.hosts = hosts.clone()));
        for (host, status) in cases {
            let answer = client.send("GET", "/v2/", &[("host", host)], "").await;
            assert_eq!(answer.status, *status, "{hosts:?} {host}");
        }
    };
    let local = [
        ("localhost", 200),
        ("LOCALHOST:5000", 200),
        ("x.localhost:1", 200),
        ("127.0.0.1:5000", 200),
        ("127.9.9.9", 200),
        ("[::1]:5000", 200),
    ];
    check(Hosts::Loopback, &local).await;
    let foreign = [
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:5000", 403),
        ("", 403),
        ("10.0.0.1", 403),
        ("a b", 403),
    ];
    check(Hosts::Loopback, &foreign).await;
    check(Hosts::Any, &[("evil.example", 200), ("10.0.0.1:5000", 200)]).await;
    let named = vec![
        "registry.example".parse().unwrap(),
        "other.example:5000".parse().unwrap(),
    ];
    check(
        Hosts::Also(named),
        &[
            ("Registry.Example:80", 200),
            ("registry.example", 200),
            ("other.example:5000", 200),
            ("other.example", 403),
            ("evil.example", 403),
            ("localhost", 200),
        ],
    )
    .await;
    let client = memory(Options::default());
    let twice = client
        .send(
            "GET",
            "/v2/",
            &[("host", "localhost"), ("host", "evil.example")],
            "",
        )
        .await;
    assert_eq!(twice.status, 403);
    assert_eq!(client.get("http://evil.example/v2/").await.status, 403);
    assert_eq!(client.get("http://localhost:5000/v2/").await.status, 200);
}

/// S13: A page elsewhere may send POST to a name of this machine without asking first.
#[tokio::test]
async fn s13_pages_of_other_hosts() {
    let check = async |hosts: Hosts, origin: &str, status: u16| {
        let client = memory(with(|options| options.hosts = hosts.clone()));
        let headers = [("host", "localhost:5000"), ("origin", origin)];
        let answer = client
            .send("POST", "/v2/a/blobs/uploads/", &headers, "")
            .await;
        assert_eq!(answer.status, status, "{hosts:?} {origin}");
    };
    for (origin, status) in [
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://localhost:3000", 202),
        ("http://127.0.0.1", 202),
    ] {
        check(Hosts::Loopback, origin, status).await;
    }
    check(Hosts::Any, "https://evil.example", 202).await;
}

/// S14: A client does not wait for more.
#[tokio::test]
async fn s14_an_unsatisfiable_range_has_the_length_of_its_own_body() {
    for client in both(Options::default) {
        let digest = client.blob("a", &[b'x'; 3000]).await;
        for method in ["GET", "HEAD"] {
            // For GET every answer of these tests is checked to have the length that it announces.
            let answer = client
                .send(
                    method,
                    &format!("/v2/a/blobs/{digest}"),
                    &[("range", "bytes=3000-")],
                    "",
                )
                .await;
            let expected = if method == "GET" { 416 } else { 200 };
            assert_eq!(answer.status, expected);
            assert!(method == "HEAD" || answer.body.len() < 3000);
        }
    }
}
