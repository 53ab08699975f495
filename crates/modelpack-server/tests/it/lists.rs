//! Tag lists and referrers.

use modelpack_server::Options;
use modelpack_spec::distribution::{Link, TagList};
use modelpack_spec::{Digest, Document, Index};

use crate::support::{INDEX, MANIFEST, artifact, both};
use crate::uploads::with;

#[tokio::test]
async fn tags_page_by_page() {
    for client in both(|| with(|options| options.max_tags = 4)) {
        assert_eq!(client.get("/v2/a/tags/list").await.code(), "NAME_UNKNOWN");
        for tag in ["b", "a", "B", "c", "a.1"] {
            client.artifact("a", tag, "layer").await;
        }
        let check = async |query: &str, expected: &[&str], next: Option<&str>| {
            let answer = client.get(&format!("/v2/a/tags/list{query}")).await;
            let list = TagList::parse(&answer.body).unwrap();
            assert_eq!(
                (list.name.as_str(), list.tags),
                ("a", expected.iter().map(ToString::to_string).collect()),
                "{query}"
            );
            assert_eq!(
                Link::parse(answer.header("link"))
                    .map(|link| link.next)
                    .as_deref(),
                next,
                "{query}"
            );
        };
        check("?n=2", &["B", "a"], Some("/v2/a/tags/list?n=2&last=a")).await;
        check(
            "?n=2&last=a",
            &["a.1", "b"],
            Some("/v2/a/tags/list?n=2&last=b"),
        )
        .await;
        check("?n=2&last=b", &["c"], None).await;
        check("?n=2&last=c", &[], None).await;
        check("?n=0", &[], None).await;
        check("?last=a.1", &["b", "c"], None).await;
        check(
            "",
            &["B", "a", "a.1", "b"],
            Some("/v2/a/tags/list?n=4&last=b"),
        )
        .await;
    }
}

#[tokio::test]
async fn referrers() {
    for client in both(Options::default) {
        let (subject_json, subject) = client.artifact("a", "v1", "layer").await;
        let list = async |query: &str| {
            let answer = client
                .get(&format!("/v2/a/referrers/{subject}{query}"))
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("content-type")),
                (200, INDEX)
            );
            let index = Document::<Index>::parse(answer.body.clone())
                .unwrap()
                .into_value();
            (
                index.manifests,
                answer.header("oci-filters-applied").to_owned(),
            )
        };
        assert_eq!(list("").await.0, []);
        let more = format!(
            r#","subject":{{"mediaType":"{MANIFEST}","digest":"{subject}","size":{}}},"annotations":{{"k":"v\r\nx: y"}}"#,
            subject_json.len()
        );
        let signature = artifact("layer", &more);
        let digest = Digest::sha256(signature.as_bytes());
        let untyped = signature.replace("\"artifactType\":\"application/vnd.test\",", "");
        for manifest in [&signature, &untyped] {
            let by_digest = Digest::sha256(manifest.as_bytes()).to_string();
            let answer = client.put_manifest("a", &by_digest, manifest).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("oci-subject")),
                (201, subject.to_string().as_str())
            );
        }
        let (found, filters) = list("").await;
        assert_eq!((found.len(), filters.as_str()), (2, ""));
        let (found, filters) = list("?artifactType=application/vnd.test").await;
        assert_eq!(filters, "artifactType");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].digest, found[0].size),
            (digest, signature.len() as u64)
        );
        assert_eq!(
            found[0].annotations.get("k").map(String::as_str),
            Some("v\r\nx: y")
        );
        let (found, _) = list("?artifactType=application%2Fvnd.oci.empty.v1%2Bjson").await;
        assert_eq!(
            found.len(),
            1,
            "without artifactType the config's type counts"
        );
        assert_eq!(
            client
                .delete(&format!("/v2/a/manifests/{digest}"))
                .await
                .status,
            202
        );
        assert_eq!(list("").await.0.len(), 1);
        assert_eq!(client.get("/v2/a/referrers/sha256:x").await.status, 400);
        let elsewhere = client.get(&format!("/v2/b/referrers/{subject}")).await;
        assert_eq!(elsewhere.body.as_ref(), br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#);
    }
}
