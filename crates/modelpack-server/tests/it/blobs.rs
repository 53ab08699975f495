//! Reading, mounting and deleting blobs.

use modelpack_server::Options;
use modelpack_spec::{Algorithm, Digest};

use crate::support::{Client, both};

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn ping() {
    for client in both(Options::default) {
        for target in ["/v2/", "/v2"] {
            let answer = client.get(target).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.as_ref()),
                (200, &b"{}"[..])
            );
            assert_eq!(
                answer.header("docker-distribution-api-version"),
                "registry/2.0"
            );
        }
        assert_eq!(client.head("/v2/").await.status, 200);
    }
}

#[tokio::test]
async fn head_and_get_of_a_blob() {
    for client in both(Options::default) {
        let digest = client.blob("a/b", b"hello").await;
        let target = format!("/v2/a/b/blobs/{digest}");
        for answer in [client.head(&target).await, client.get(&target).await] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-length"), "5");
            assert_eq!(answer.header("docker-content-digest"), digest.to_string());
            assert_eq!(answer.header("accept-ranges"), "bytes");
        }
        assert_eq!(client.get(&target).await.body, "hello");
    }
}

#[tokio::test]
async fn a_blob_of_no_bytes() {
    for client in both(Options::default) {
        assert_eq!(client.blob("a", b"").await.to_string(), EMPTY);
        let answer = client.get(&format!("/v2/a/blobs/{EMPTY}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-length")),
            (200, "0")
        );
        let answer = client
            .send(
                "GET",
                &format!("/v2/a/blobs/{EMPTY}"),
                &[("range", "bytes=0-")],
                "",
            )
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-range")),
            (416, "bytes */0")
        );
    }
}

#[tokio::test]
async fn unknown_blobs() {
    for client in both(Options::default) {
        for target in [
            format!("/v2/a/blobs/{EMPTY}"),
            format!("/v2/a/blobs/{}", Digest::of(Algorithm::Sha512, b"")),
        ] {
            let answer = client.get(&target).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (404, "BLOB_UNKNOWN")
            );
            assert_eq!(client.head(&target).await.status, 404);
            assert_eq!(client.delete(&target).await.status, 404);
        }
    }
}

/// Section by section what clients and the conformance suite ask of a blob of 2,048 bytes.
#[tokio::test]
async fn ranges() {
    let content: Vec<u8> = (0..2048_u32)
        .map(|number| number.to_be_bytes()[3])
        .collect();
    for client in both(Options::default) {
        let digest = client.blob("a", &content).await;
        let target = format!("/v2/a/blobs/{digest}");
        let check = async |range: &str, status: u16, expected: &[u8], content_range: &str| {
            let answer = client.send("GET", &target, &[("range", range)], "").await;
            assert_eq!(answer.status, status, "{range}");
            assert_eq!(answer.header("content-range"), content_range, "{range}");
            if status < 400 {
                assert!(answer.body == expected, "{range}");
                assert_eq!(answer.header("docker-content-digest"), digest.to_string());
            }
        };
        check(
            "bytes=500-1499",
            206,
            &content[500..1500],
            "bytes 500-1499/2048",
        )
        .await;
        check("bytes=500-", 206, &content[500..], "bytes 500-2047/2048").await;
        check("bytes=-500", 206, &content[1548..], "bytes 1548-2047/2048").await;
        check(
            "bytes=2000-5000",
            206,
            &content[2000..],
            "bytes 2000-2047/2048",
        )
        .await;
        check("bytes=0-0", 206, &content[..1], "bytes 0-0/2048").await;
        check("bytes=5000-10000", 416, b"", "bytes */2048").await;
        check("bytes=500-0", 416, b"", "bytes */2048").await;
        check("bytes=0-1,5-6", 200, &content, "").await;
        check("lines=0-1", 200, &content, "").await;
    }
}

#[tokio::test]
async fn a_range_with_a_condition() {
    for client in both(Options::default) {
        let digest = client.blob("a", b"hello").await;
        let target = format!("/v2/a/blobs/{digest}");
        for (condition, status) in [
            (format!("\"{digest}\""), 206),
            ("\"other\"".to_owned(), 200),
        ] {
            let headers = [("range", "bytes=1-2"), ("if-range", condition.as_str())];
            assert_eq!(
                client.send("GET", &target, &headers, "").await.status,
                status
            );
        }
    }
}

/// Larger than one piece of a body, and no multiple of it.
#[tokio::test]
async fn a_blob_of_several_pieces() {
    let content: Vec<u8> = (0..700_001_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    for client in both(Options::default) {
        let digest = client.blob("a", &content).await;
        let target = format!("/v2/a/blobs/{digest}");
        assert!(client.get(&target).await.body == content);
        let answer = client
            .send("GET", &target, &[("range", "bytes=262143-524288")], "")
            .await;
        assert!(answer.body == content[262_143..524_289]);
    }
}

async fn mount(client: &Client, query: &str) -> u16 {
    client
        .send("POST", &format!("/v2/b/blobs/uploads/?{query}"), &[], "")
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn mounts() {
    for client in both(Options::default) {
        let digest = client.blob("a", b"hello").await;
        let target = format!("/v2/b/blobs/{digest}");
        assert_eq!(client.head(&target).await.status, 404);
        assert_eq!(mount(&client, &format!("mount={digest}&from=c")).await, 202);
        assert_eq!(
            client.head(&target).await.status,
            404,
            "a refused mount shows nothing"
        );
        assert_eq!(mount(&client, &format!("mount={digest}&from=a")).await, 201);
        assert_eq!(client.get(&target).await.body, "hello");
        assert_eq!(mount(&client, &format!("mount={EMPTY}&from=a")).await, 202);
    }
}

#[tokio::test]
async fn mounts_from_anywhere() {
    for client in both(Options::default) {
        let digest = client.blob("a", b"hello").await;
        assert_eq!(mount(&client, &format!("mount={EMPTY}")).await, 202);
        assert_eq!(mount(&client, &format!("mount={digest}")).await, 201);
        assert_eq!(
            client.head(&format!("/v2/b/blobs/{digest}")).await.status,
            200
        );
    }
}

#[tokio::test]
async fn a_deleted_blob_can_come_again() {
    for client in both(Options::default) {
        let digest = client.blob("a", b"hello").await;
        let target = format!("/v2/a/blobs/{digest}");
        assert_eq!(client.delete(&target).await.status, 202);
        assert_eq!(client.head(&target).await.status, 404);
        assert_eq!(client.delete(&target).await.status, 404);
        client.blob("a", b"hello").await;
        assert_eq!(client.head(&target).await.status, 200);
    }
}
