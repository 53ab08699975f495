//! Cases of which requests an operation becomes.

use http::{HeaderMap, HeaderValue};
use modelpack_spec::distribution::Endpoint;
use modelpack_spec::{Digest, Reference};

use super::*;
use crate::client::PlainHttp;
use crate::name::Name;
use crate::target::Target;

fn target(reference: &str, plain_http: PlainHttp) -> Target {
    let reference: Reference = reference.parse().expect("a reference");
    Target::new(&Name::from(&reference), plain_http).expect("a target")
}

#[test]
fn references_become_urls() {
    let check = |reference: &str, plain_http, expected: &str| {
        let target = target(reference, plain_http);
        let endpoint = Endpoint::ListTags {
            name: target.repository().clone(),
            n: None,
            last: None,
        };
        assert_eq!(target.url(&endpoint).as_str(), expected);
    };
    use PlainHttp::{Always, Loopback, Never};
    check("ghcr.io/a/b", Never, "https://ghcr.io/v2/a/b/tags/list");
    check(
        "ghcr.io:8443/a",
        Loopback,
        "https://ghcr.io:8443/v2/a/tags/list",
    );
    check("ghcr.io/a", Always, "http://ghcr.io/v2/a/tags/list");
    check(
        "localhost:5000/a",
        Never,
        "https://localhost:5000/v2/a/tags/list",
    );
    check(
        "localhost:5000/a",
        Loopback,
        "http://localhost:5000/v2/a/tags/list",
    );
    check(
        "127.0.0.1:5000/a",
        Loopback,
        "http://127.0.0.1:5000/v2/a/tags/list",
    );
    check("[::1]:5000/a", Loopback, "http://[::1]:5000/v2/a/tags/list");
    // Docker Hub answers under another name, and keeps short names elsewhere.
    check(
        "docker.io/a",
        Never,
        "https://registry-1.docker.io/v2/library/a/tags/list",
    );
    check(
        "docker.io/a/b",
        Never,
        "https://registry-1.docker.io/v2/a/b/tags/list",
    );
    check(
        "index.docker.io/a",
        Never,
        "https://registry-1.docker.io/v2/library/a/tags/list",
    );
    check(
        "registry-1.docker.io/a",
        Never,
        "https://registry-1.docker.io/v2/library/a/tags/list",
    );
    check(
        "not-docker.io/a",
        Never,
        "https://not-docker.io/v2/a/tags/list",
    );
}

#[test]
fn hosts_that_no_url_can_have() {
    let host = "1.2.3.999".parse().expect("it has the shape of a name");
    let name = Name::new(host, "a".parse().expect("a repository"));
    let error = Target::new(&name, PlainHttp::Never).expect_err("no address");
    assert!(matches!(error, Error::Setup { .. }));
}

#[test]
fn ranges_are_closed() {
    let target = target("r.io/a", PlainHttp::Never);
    let range = |range| {
        let exchange = GetBlob {
            target: &target,
            digest: Digest::sha256(b""),
            size: 10,
            range,
        };
        let request = exchange.start();
        request
            .headers
            .get(http::header::RANGE)
            .map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(range(0..10), None);
    assert_eq!(range(0..5).as_deref(), Some("bytes=0-4"));
    assert_eq!(range(5..10).as_deref(), Some("bytes=5-9"));
}

#[test]
fn sha512_uploads_say_so() {
    let target = target("r.io/a", PlainHttp::Never);
    let url = |digest| {
        let exchange = StartUpload {
            target: &target,
            digest,
            mount: None,
            allowed: &[],
        };
        exchange.start().url.to_string()
    };
    assert_eq!(url(Digest::sha256(b"")), "https://r.io/v2/a/blobs/uploads/");
    assert_eq!(
        url(Digest::of(modelpack_spec::Algorithm::Sha512, b"")),
        "https://r.io/v2/a/blobs/uploads/?digest-algorithm=sha512"
    );
}

#[test]
fn secrets_of_a_url_stay_out_of_errors() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("Text/HTML"));
    let head = Head {
        method: Method::GET,
        url: "https://u:p@r.io/x?token=s3cret".parse().expect("a URL"),
        status: StatusCode::BAD_GATEWAY,
        headers,
        is_redirected_away: false,
    };
    let error = head.failure(b"<html>s3cret</html>");
    assert_eq!(
        error.to_string(),
        "GET https://r.io/x: the registry failed with status 502 (the answer is a web page; is this a registry?)"
    );
    assert!(!format!("{error:?}").contains("s3cret"));
}
