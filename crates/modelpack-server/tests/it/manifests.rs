//! Storing, reading and deleting manifests.

use modelpack_server::Options;
use modelpack_spec::{Algorithm, Digest};

use crate::support::{INDEX, MANIFEST, artifact, both};
use crate::uploads::with;

#[tokio::test]
async fn what_is_put_is_what_is_got() {
    for client in both(Options::default) {
        // White space and unknown fields belong to the content.
        let manifest = artifact("layer", ",  \"x\" : [ 1 ]\n");
        client.blob("a", b"{}").await;
        client.blob("a", b"layer").await;
        let digest = Digest::sha256(manifest.as_bytes());
        let answer = client.put_manifest("a", "v1", &manifest).await;
        assert_eq!(answer.status, 201);
        assert_eq!(
            answer.header("location"),
            format!("/v2/a/manifests/{digest}")
        );
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert_eq!(answer.header("oci-subject"), "");
        for reference in ["v1".to_owned(), digest.to_string()] {
            let target = format!("/v2/a/manifests/{reference}");
            let answer = client.get(&target).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.as_ref()),
                (200, manifest.as_bytes())
            );
            assert_eq!(answer.header("content-type"), MANIFEST);
            let answer = client.head(&target).await;
            assert_eq!(answer.header("content-length"), manifest.len().to_string());
            assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        }
        assert_eq!(
            client.get("/v2/b/manifests/v1").await.code(),
            "MANIFEST_UNKNOWN"
        );
        assert_eq!(
            client.get("/v2/a/manifests/v2").await.code(),
            "MANIFEST_UNKNOWN"
        );
    }
}

#[tokio::test]
async fn sha512_names_a_manifest_too() {
    for client in both(Options::default) {
        let (manifest, sha256) = client.artifact("a", "v1", "layer").await;
        let sha512 = Digest::of(Algorithm::Sha512, manifest.as_bytes());
        let answer = client.put_manifest("b", "v1", &manifest).await;
        assert_eq!(answer.code(), "MANIFEST_BLOB_UNKNOWN", "{}", client.storage);
        let answer = client
            .put_manifest("a", &format!("{sha512}?tag=x&tag=y"), &manifest)
            .await;
        assert_eq!(answer.header("docker-content-digest"), sha512.to_string());
        let tags: Vec<_> = answer.headers.get_all("oci-tag").iter().collect();
        assert_eq!(tags, ["x", "y"]);
        assert_eq!(
            client
                .head("/v2/a/manifests/y")
                .await
                .header("docker-content-digest"),
            sha512.to_string()
        );
        assert_eq!(
            client
                .head("/v2/a/manifests/v1")
                .await
                .header("docker-content-digest"),
            sha256.to_string()
        );
    }
}

/// D2: The server stores none of them.
#[tokio::test]
async fn manifests_that_are_refused() {
    for client in both(Options::default) {
        client.blob("a", b"{}").await;
        client.blob("a", b"layer").await;
        let good = artifact("layer", "");
        let wrong_digest = format!("{}", Digest::sha256(b"other"));
        let wrong_size = good.replace("\"size\":5", "\"size\":6");
        let duplicate = good.replacen('{', "{\"schemaVersion\":2,", 1);
        let both_kinds = good.replacen('{', "{\"manifests\":[],", 1);
        let untyped = good.replace(&format!("\"mediaType\":\"{MANIFEST}\","), "");
        for (reference, content_type, body, status, code) in [
            (
                "v1",
                MANIFEST,
                artifact("absent", "").as_str(),
                404,
                "MANIFEST_BLOB_UNKNOWN",
            ),
            ("v1", MANIFEST, &wrong_size, 400, "MANIFEST_INVALID"),
            ("v1", MANIFEST, &duplicate, 400, "MANIFEST_INVALID"),
            ("v1", MANIFEST, &both_kinds, 400, "MANIFEST_INVALID"),
            ("v1", MANIFEST, "{}", 400, "MANIFEST_INVALID"),
            ("v1", MANIFEST, "", 400, "MANIFEST_INVALID"),
            ("v1", INDEX, &good, 400, "MANIFEST_INVALID"),
            ("v1", INDEX, &untyped, 400, "MANIFEST_INVALID"),
            ("v1", "text/html", &untyped, 400, "MANIFEST_INVALID"),
            (
                wrong_digest.as_str(),
                MANIFEST,
                &good,
                400,
                "DIGEST_INVALID",
            ),
            (
                "sha256:baddigeststring",
                MANIFEST,
                &good,
                400,
                "DIGEST_INVALID",
            ),
        ] {
            let target = format!("/v2/a/manifests/{reference}");
            let answer = client
                .send(
                    "PUT",
                    &target,
                    &[("content-type", content_type)],
                    body.to_owned(),
                )
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (status, code),
                "{reference} {content_type} {body}"
            );
        }
        let tags = client.get("/v2/a/tags/list").await;
        assert_eq!(
            tags.body.as_ref(),
            br#"{"name":"a","tags":[]}"#,
            "nothing was stored"
        );
        let parameters = [(
            "content-type",
            "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
        )];
        let answer = client
            .send("PUT", "/v2/a/manifests/v1", &parameters, untyped)
            .await;
        assert_eq!(answer.status, 201);
        assert_eq!(
            client
                .get("/v2/a/manifests/v1")
                .await
                .header("content-type"),
            MANIFEST
        );
    }
}

#[tokio::test]
async fn the_size_limit_is_four_mebibytes() {
    for client in both(Options::default) {
        client.blob("a", b"{}").await;
        client.blob("a", b"layer").await;
        let of_size = |size: usize| {
            let more = |length| format!(",\"annotations\":{{\"x\":\"{}\"}}", "x".repeat(length));
            artifact("layer", &more(size - artifact("layer", &more(0)).len()))
        };
        let limit = 4 * 1024 * 1024;
        assert_eq!(
            client.put_manifest("a", "v1", &of_size(limit)).await.status,
            201
        );
        let answer = client.put_manifest("a", "v1", &of_size(limit + 1)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (413, "MANIFEST_INVALID")
        );
    }
}

#[tokio::test]
async fn indexes_need_their_manifests() {
    for client in both(Options::default) {
        let child = artifact("layer", "");
        let digest = Digest::sha256(child.as_bytes());
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{}}}]}}"#,
            child.len()
        );
        assert_eq!(
            client.put_manifest("a", "all", &index).await.code(),
            "MANIFEST_BLOB_UNKNOWN"
        );
        client.blob("a", b"{}").await;
        client.blob("a", b"layer").await;
        assert_eq!(
            client
                .put_manifest("a", &digest.to_string(), &child)
                .await
                .status,
            201
        );
        assert_eq!(client.put_manifest("a", "all", &index).await.status, 201);
        let target = format!("/v2/a/manifests/{digest}");
        assert_eq!(client.delete(&target).await.status, 202);
        assert_eq!(
            client.get(&target).await.status,
            404,
            "an index does not bring it back"
        );
        assert_eq!(
            client
                .put_manifest("a", &digest.to_string(), &child)
                .await
                .status,
            201
        );
        assert_eq!(client.get(&target).await.status, 200);
    }
}

#[tokio::test]
async fn sparse_manifests_by_option() {
    for client in both(|| with(|options| options.allow_sparse = true)) {
        let manifest = artifact("absent", "");
        assert_eq!(client.put_manifest("a", "v1", &manifest).await.status, 201);
        assert_eq!(client.get("/v2/a/manifests/v1").await.status, 200);
    }
}

#[tokio::test]
async fn layers_that_are_not_distributed_need_not_be_there() {
    for client in both(Options::default) {
        client.blob("a", b"{}").await;
        let manifest = artifact("absent", "").replace(
            "application/octet-stream",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        );
        assert_eq!(client.put_manifest("a", "v1", &manifest).await.status, 201);
    }
}

/// A tag that moves or goes leaves its manifest readable by digest; deleting that takes its tags along.
#[tokio::test]
async fn tags_move_and_go() {
    for client in both(Options::default) {
        let (_, first) = client.artifact("a", "v1", "one").await;
        let (_, second) = client.artifact("a", "v1", "two").await;
        let by_digest = |digest: Digest| format!("/v2/a/manifests/{digest}");
        assert_eq!(
            client
                .head("/v2/a/manifests/v1")
                .await
                .header("docker-content-digest"),
            second.to_string()
        );
        assert_eq!(client.get(&by_digest(first)).await.status, 200);
        assert_eq!(client.delete("/v2/a/manifests/v1").await.status, 202);
        assert_eq!(client.get("/v2/a/manifests/v1").await.status, 404);
        assert_eq!(client.delete("/v2/a/manifests/v1").await.status, 404);
        assert_eq!(client.get(&by_digest(second)).await.status, 200);

        client.artifact("a", "v2", "two").await;
        client.artifact("a", "v3", "two").await;
        client.artifact("b", "v2", "two").await;
        assert_eq!(client.delete(&by_digest(second)).await.status, 202);
        for target in [
            "/v2/a/manifests/v2",
            "/v2/a/manifests/v3",
            &by_digest(second),
        ] {
            assert_eq!(client.get(target).await.status, 404, "{target}");
        }
        assert_eq!(client.delete(&by_digest(second)).await.status, 404);
        assert_eq!(client.get(&by_digest(first)).await.status, 200);
        assert_eq!(client.get("/v2/b/manifests/v2").await.status, 200);
    }
}
