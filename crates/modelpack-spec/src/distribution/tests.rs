//! Cases of the wire vocabulary.

use proptest::prelude::*;

use super::*;
use crate::{Algorithm, Repository};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn name(text: &str) -> Repository {
    text.parse().expect("a repository")
}

fn digest() -> Digest {
    DIGEST.parse().expect("a digest")
}

#[test]
fn every_endpoint_survives_the_way_to_text_and_back() {
    let name = name("blobs/uploads/manifests");
    let upload: UploadId = "0f8b-1".parse().expect("an id");
    let tag: Tag = "v1.0".parse().expect("a tag");
    let digest = digest();
    let all = [
        Endpoint::Ping,
        Endpoint::GetBlob {
            name: name.clone(),
            digest,
        },
        Endpoint::HeadBlob {
            name: name.clone(),
            digest,
        },
        Endpoint::DeleteBlob {
            name: name.clone(),
            digest,
        },
        Endpoint::GetManifest {
            name: name.clone(),
            reference: tag.clone().into(),
        },
        Endpoint::HeadManifest {
            name: name.clone(),
            reference: digest.into(),
        },
        Endpoint::PutManifest {
            name: name.clone(),
            reference: digest.into(),
            tags: vec![tag.clone(), tag.clone()],
        },
        Endpoint::PutManifest {
            name: name.clone(),
            reference: tag.clone().into(),
            tags: vec![],
        },
        Endpoint::DeleteManifest {
            name: name.clone(),
            reference: tag.into(),
        },
        Endpoint::StartUpload {
            name: name.clone(),
            algorithm: None,
        },
        Endpoint::StartUpload {
            name: name.clone(),
            algorithm: Some(Algorithm::Sha512),
        },
        Endpoint::UploadBlob {
            name: name.clone(),
            digest,
        },
        Endpoint::MountBlob {
            name: name.clone(),
            digest,
            from: None,
        },
        Endpoint::MountBlob {
            name: name.clone(),
            digest,
            from: Some(name.clone()),
        },
        Endpoint::PatchUpload {
            name: name.clone(),
            upload: upload.clone(),
        },
        Endpoint::FinishUpload {
            name: name.clone(),
            upload: upload.clone(),
            digest,
        },
        Endpoint::UploadStatus {
            name: name.clone(),
            upload: upload.clone(),
        },
        Endpoint::CancelUpload {
            name: name.clone(),
            upload,
        },
        Endpoint::ListTags {
            name: name.clone(),
            n: None,
            last: None,
        },
        Endpoint::ListTags {
            name: name.clone(),
            n: Some(0),
            last: Some("a&b=c/d é%".to_owned()),
        },
        Endpoint::Referrers {
            name: name.clone(),
            digest,
            artifact_type: None,
        },
        Endpoint::Referrers {
            name,
            digest,
            artifact_type: Some("application/vnd.x+json".into()),
        },
    ];
    for endpoint in all {
        let target = endpoint.path_and_query();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        assert_eq!(
            Endpoint::parse(endpoint.method(), path, query),
            Ok(endpoint.clone()),
            "{target}"
        );
    }
}

/// S9: What no route takes.
#[test]
fn requests_that_name_no_endpoint() {
    let long = "a".repeat(300);
    for (method, path, query, status, code) in [
        ("GET", "/", "", 404, "UNSUPPORTED"),
        ("GET", "/v3/", "", 404, "UNSUPPORTED"),
        ("GET", "/v2x/manifests/a", "", 404, "UNSUPPORTED"),
        ("GET", "/v2/_catalog", "", 404, "UNSUPPORTED"),
        ("GET", "/v2/a/manifests", "", 404, "UNSUPPORTED"),
        ("POST", "/v2/", "", 405, "UNSUPPORTED"),
        ("PATCH", "/v2/a/manifests/b", "", 405, "UNSUPPORTED"),
        ("GET", "/v2/a/blobs/uploads/", "", 405, "UNSUPPORTED"),
        ("POST", "/v2/a/blobs/uploads/x", "", 405, "UNSUPPORTED"),
        ("get", "/v2/a/tags/list", "", 405, "UNSUPPORTED"),
        ("GET", "/v2/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/../manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/%2e%2e/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/a%2fb/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/a%252fb/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/a%/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/a%ff/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/A/manifests/b", "", 400, "NAME_INVALID"),
        ("GET", "/v2/a//manifests/b", "", 400, "NAME_INVALID"),
        (
            "GET",
            &format!("/v2/{long}/manifests/b"),
            "",
            400,
            "NAME_INVALID",
        ),
        ("GET", "/v2/a/manifests/.b", "", 400, "MANIFEST_INVALID"),
        (
            "GET",
            "/v2/a/manifests/b%0d%0ax",
            "",
            400,
            "MANIFEST_INVALID",
        ),
        ("GET", "/v2/a/manifests/", "", 400, "MANIFEST_INVALID"),
        (
            "GET",
            "/v2/a/manifests/sha256:baddigeststring",
            "",
            400,
            "DIGEST_INVALID",
        ),
        (
            "GET",
            "/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
            "",
            400,
            "DIGEST_INVALID",
        ),
        (
            "GET",
            "/v2/a/blobs/sha256:..%2f..%2fx",
            "",
            400,
            "DIGEST_INVALID",
        ),
        (
            "GET",
            &format!("/v2/a/blobs/{}", DIGEST.to_uppercase()),
            "",
            400,
            "DIGEST_INVALID",
        ),
        ("GET", "/v2/a/referrers/x", "", 400, "DIGEST_INVALID"),
        ("PUT", "/v2/a/blobs/uploads/x", "", 400, "DIGEST_INVALID"),
        (
            "POST",
            "/v2/a/blobs/uploads/",
            "mount=x&from=b",
            400,
            "DIGEST_INVALID",
        ),
        (
            "POST",
            "/v2/a/blobs/uploads/",
            &format!("mount={DIGEST}&from=.."),
            400,
            "NAME_INVALID",
        ),
        (
            "POST",
            "/v2/a/blobs/uploads/",
            "digest-algorithm=blake3",
            400,
            "DIGEST_INVALID",
        ),
        (
            "PATCH",
            "/v2/a/blobs/uploads/..",
            "",
            404,
            "BLOB_UPLOAD_UNKNOWN",
        ),
        (
            "GET",
            "/v2/a/tags/list",
            "n=-1",
            400,
            "PAGINATION_NUMBER_INVALID",
        ),
        (
            "GET",
            "/v2/a/tags/list",
            "n=ten",
            400,
            "PAGINATION_NUMBER_INVALID",
        ),
        ("GET", "/v2/a/tags/list", "last=%zz", 400, "UNSUPPORTED"),
        (
            "PUT",
            "/v2/a/manifests/b",
            "tag=x%0d%0ay",
            400,
            "MANIFEST_INVALID",
        ),
        (
            "PUT",
            "/v2/a/manifests/b",
            &"&tag=x".repeat(41),
            414,
            "MANIFEST_INVALID",
        ),
    ] {
        let rejection = Endpoint::parse(method, path, query).expect_err(path);
        assert_eq!(
            (rejection.status(), rejection.code().as_str()),
            (status, code),
            "{method} {path}?{query}"
        );
    }
}

#[test]
fn paths_that_have_other_spellings() {
    let check = |method: &str, path: &str, query: &str, expected: &str| {
        let endpoint = Endpoint::parse(method, path, query).expect(path);
        assert_eq!(endpoint.path_and_query(), expected);
    };
    check("GET", "/v2", "", "/v2/");
    check("HEAD", "/v2/", "", "/v2/");
    check("POST", "/v2/a/blobs/uploads", "", "/v2/a/blobs/uploads/");
    check(
        "POST",
        "/v2/a/blobs/uploads/",
        "from=b",
        "/v2/a/blobs/uploads/",
    );
    check(
        "GET",
        "/v2/%61/manifests/l%61test",
        "ns=x",
        "/v2/a/manifests/latest",
    );
    check(
        "GET",
        "/v2/a/tags/list",
        "n=99999999999999999999999",
        "/v2/a/tags/list?n=18446744073709551615",
    );
    check(
        "GET",
        &format!("/v2/a/referrers/{}", DIGEST.replace(':', "%3A")),
        "artifactType=a/b+c",
        &format!("/v2/a/referrers/{DIGEST}?artifactType=a%2Fb%2Bc"),
    );
}

#[test]
fn ranges_of_a_body_of_2048_bytes() {
    for (header, expected) in [
        ("bytes=500-1499", Some(Some(500..1500))),
        ("bytes=500-", Some(Some(500..2048))),
        ("bytes=-500", Some(Some(1548..2048))),
        ("bytes=-5000", Some(Some(0..2048))),
        ("bytes=2000-5000", Some(Some(2000..2048))),
        ("Bytes = 0-0", Some(Some(0..1))),
        ("bytes=0-99999999999999999999999", Some(Some(0..2048))),
        ("bytes=2048-", Some(None)),
        ("bytes=5000-10000", Some(None)),
        ("bytes=500-0", Some(None)),
        ("bytes=-0", Some(None)),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=--1", None),
        ("items=0-1", None),
        ("", None),
    ] {
        assert_eq!(
            ByteRange::parse(header).map(|range| range.resolve(2048)),
            expected,
            "{header}"
        );
    }
    assert_eq!(ByteRange::Last { length: 5 }.resolve(0), None);
}

#[test]
fn content_ranges() {
    for text in ["bytes 0-0/1", "bytes 5-9/*", "bytes */0", "bytes */2048"] {
        assert_eq!(
            ContentRange::parse(text)
                .map(|range| range.to_string())
                .as_deref(),
            Some(text)
        );
    }
    for text in [
        "",
        "bytes",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes 0-1",
        "bytes */*",
        "items 0-1/2",
        "bytes 0-99999999999999999999/*",
    ] {
        assert_eq!(ContentRange::parse(text), None, "{text}");
    }
    assert_eq!(ContentRange::part(&(2..5), 7).to_string(), "bytes 2-4/7");
}

#[test]
fn upload_ranges() {
    for (text, first, last) in [
        ("0-0", 0, 0),
        ("5-9", 5, 9),
        (" bytes 5-9/10", 5, 9),
        ("bytes=5-9", 5, 9),
    ] {
        assert_eq!(text.parse(), Ok(UploadRange { first, last }), "{text}");
    }
    for text in [
        "",
        "5",
        "5-",
        "-5",
        "5-4",
        "a-b",
        "0--1",
        "0-18446744073709551615",
    ] {
        assert!(text.parse::<UploadRange>().is_err(), "{text}");
    }
    assert_eq!(UploadRange::received(0).to_string(), "0-0");
    assert_eq!(UploadRange::received(10).to_string(), "0-9");
    assert_eq!(UploadRange { first: 5, last: 9 }.length(), 5);
}

#[test]
fn error_bodies_of_all_qualities() {
    let check = |body: &str, codes: &[&str]| {
        let parsed = ErrorBody::parse(body.as_bytes());
        let found: Vec<&str> = parsed
            .errors
            .iter()
            .map(|entry| entry.code.as_str())
            .collect();
        assert_eq!(found, codes, "{body}");
    };
    check(
        r#"{"errors":[{"code":"DENIED","message":"no","detail":{"a":1}}]}"#,
        &["DENIED"],
    );
    check(
        r#"{"errors":[{"code":"ODD"},{"message":null,"code":null},{}]}"#,
        &["ODD", "", ""],
    );
    check(r#"{"errors":null}"#, &[]);
    check("{}", &[]);
    check("<html>502</html>", &[]);
    check(r#"{"errors":[{"code":"DEN"#, &[]);
    check("", &[]);
    let written = ErrorBody::new(ErrorEntry::new(ErrorCode::BlobUnknown, "gone")).to_json();
    assert_eq!(
        written,
        br#"{"errors":[{"code":"BLOB_UNKNOWN","message":"gone"}]}"#
    );
}

#[test]
fn tag_lists_with_null() {
    let tags = |body: &str| TagList::parse(body.as_bytes()).map(|list| list.tags);
    assert_eq!(
        tags(r#"{"name":"a","tags":["1","2"]}"#),
        Ok(vec!["1".to_owned(), "2".to_owned()])
    );
    assert_eq!(tags(r#"{"name":"a","tags":null}"#), Ok(vec![]));
    assert_eq!(tags("{}"), Ok(vec![]));
    assert!(tags("<html>").is_err());
}

#[test]
fn links_to_the_next_page() {
    for (header, expected) in [
        (
            r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
            Some("/v2/a/tags/list?n=2&last=b"),
        ),
        ("</x>; rel=next", Some("/x")),
        ("</x>;REL=\"prev next\"", Some("/x")),
        (
            r#"</p>; rel="prev", </n,1>; title="a, b; c"; rel="next""#,
            Some("/n,1"),
        ),
        (r#"</p>; rel="prev""#, None),
        ("</x>", None),
        ("</x; rel=next", None),
        ("</x>; rel", None),
        ("", None),
    ] {
        assert_eq!(
            Link::parse(header).map(|link| link.next).as_deref(),
            expected,
            "{header}"
        );
    }
    assert_eq!(
        Link { next: "/x".into() }.to_string(),
        r#"</x>; rel="next""#
    );
}

#[test]
fn content_types_lose_their_parameters() {
    assert_eq!(
        content_type("application/vnd.oci.image.index.v1+json; charset=utf-8"),
        MediaType::OciIndex
    );
    assert_eq!(content_type(""), MediaType::from(""));
}

#[test]
fn fallback_tags_are_cut() {
    assert_eq!(referrers_tag(&digest()).as_str(), DIGEST.replace(':', "-"));
    assert_eq!(
        referrers_tag(&Digest::of(Algorithm::Sha512, b""))
            .as_str()
            .len(),
        7 + 64
    );
}

proptest! {
    #[test]
    fn no_request_panics_and_what_is_accepted_is_stable(
        method in "GET|PUT|POST|PATCH|DELETE|HEAD",
        path in "/v2/([a-z%./:0-9]{0,12}/){0,3}(blobs|manifests|tags|referrers|uploads)/([a-z%:0-9/]{0,12}|list|uploads/)",
        query in "((digest|mount|from|n|last|tag|artifactType)=[a-z0-9%+&]{0,6}&?){0,3}",
    ) {
        if let Ok(endpoint) = Endpoint::parse(&method, &path, &query) {
            let target = endpoint.path_and_query();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            prop_assert_eq!(Endpoint::parse(endpoint.method(), path, query), Ok(endpoint));
        }
    }

    #[test]
    fn header_parsers_take_any_text(text in "[ -~]{0,40}") {
        let _ = ByteRange::parse(&text);
        let _ = ContentRange::parse(&text);
        let _ = text.parse::<UploadRange>();
        let _ = Link::parse(&text);
    }
}
