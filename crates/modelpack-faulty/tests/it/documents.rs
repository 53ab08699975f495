//! What goes wrong with manifests, lists, headers, small documents.

use std::io::Read as _;

use flate2::read::GzDecoder;
use modelpack_faulty::{
    Class, Contents, Fault, FaultyRegistry, Filler, Link, Origin, Rule, When, sha256_digest,
};

use super::raw::{Wire, get, sample, with_fault};

const TAG: &str = "/v2/a/manifests/v1";

/// A registry with a manifest `{"n":1}` under `v1` of `a`.
fn with_manifest(fault: Fault) -> FaultyRegistry {
    let contents = Contents::new();
    contents.add_manifest("a", "v1", "x/y", r#"{"n":1}"#);
    let rule = Rule::new(When::class(Class::Manifest), fault);
    FaultyRegistry::builder()
        .contents(&contents)
        .rule(rule)
        .start()
}

#[test]
fn a_digest_header_is_wrong_or_missing() {
    let value = Some(sha256_digest(b"other"));
    let registry = with_manifest(Fault::DigestHeader { value });
    assert_eq!(
        get(&registry, TAG).told("docker-content-digest"),
        sha256_digest(b"other")
    );
    let registry = with_manifest(Fault::DigestHeader { value: None });
    assert_eq!(get(&registry, TAG).header("docker-content-digest"), None);
}

#[test]
fn headers_are_set_with_placeholders_and_removed() {
    let registry = with_manifest(Fault::SetHeader {
        name: "content-TYPE".to_owned(),
        value: "{registry} {elsewhere} {tokens} {target}".to_owned(),
    });
    let expected = format!(
        "{0} {1} {0} {TAG}",
        registry.url(Origin::Registry),
        registry.url(Origin::Elsewhere)
    );
    let answer = get(&registry, TAG);
    assert_eq!(answer.told("content-type"), expected);
    let types = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert_eq!(types.count(), 1);
    let registry = with_manifest(Fault::RemoveHeader {
        name: "Content-Type".to_owned(),
    });
    assert_eq!(get(&registry, TAG).header("content-type"), None);
    let registry = with_manifest(Fault::MediaType {
        value: "text/plain".to_owned(),
    });
    assert_eq!(get(&registry, TAG).told("content-type"), "text/plain");
}

#[test]
fn a_body_is_compressed_or_only_said_to_be() {
    let blobs = When::new("GET", Class::Blob);
    let (registry, path) = with_fault(blobs.clone(), Fault::Gzip { real: true });
    let answer = get(&registry, &path);
    assert_eq!(answer.told("content-encoding"), "gzip");
    let mut bytes = Vec::new();
    GzDecoder::new(answer.body.as_slice())
        .read_to_end(&mut bytes)
        .expect("gzip");
    assert_eq!(bytes, sample());
    let (registry, path) = with_fault(blobs, Fault::Gzip { real: false });
    let answer = get(&registry, &path);
    assert_eq!(
        (answer.told("content-encoding"), answer.body.clone()),
        ("gzip", sample())
    );
}

#[test]
fn another_body_has_its_own_digest() {
    for (body, expected) in [
        (Filler::Empty, String::new()),
        (Filler::Deep(3), "[[[]]]".to_owned()),
        (Filler::Spaces(4), "    ".to_owned()),
        (Filler::Text("{target}".to_owned()), TAG.to_owned()),
    ] {
        let registry = with_manifest(Fault::Body { body });
        let answer = get(&registry, TAG);
        assert_eq!((answer.status, answer.text()), (200, expected.clone()));
        assert_eq!(
            answer.told("docker-content-digest"),
            sha256_digest(expected.as_bytes())
        );
        assert_eq!(answer.told("content-type"), "x/y");
    }
    let registry = with_manifest(Fault::Body { body: Filler::Html });
    assert!(get(&registry, TAG).text().starts_with("<!DOCTYPE html>"));
}

#[test]
fn documents_have_room_before_them() {
    let registry = with_manifest(Fault::Padding { bytes: Some(5) });
    assert_eq!(get(&registry, TAG).text(), r#"     {"n":1}"#);
}

#[test]
fn bodies_have_no_end() {
    let endless = [
        Fault::Padding { bytes: None },
        Fault::Body {
            body: Filler::Endless,
        },
        Fault::Status {
            status: 500,
            body: Filler::Endless,
            retry_after: None,
            timing: Default::default(),
        },
    ];
    for fault in endless {
        for (class, target) in [
            (Class::Manifest, TAG),
            (Class::Tags, "/v2/a/tags/list"),
            (Class::Token, "/token"),
        ] {
            let contents = Contents::new();
            contents.add_manifest("a", "v1", "x/y", "{}");
            let registry = FaultyRegistry::builder()
                .contents(&contents)
                .rule(Rule::new(When::class(class), fault.clone()))
                .start();
            let mut wire = Wire::open(registry.address(Origin::Registry));
            wire.send(&format!("GET {target}"), &[], &[]);
            let answer = wire.head().expect("headers");
            assert_eq!(answer.told("transfer-encoding"), "chunked");
            assert_eq!(wire.read(1_000_000).len(), 1_000_000, "{fault:?}");
        }
    }
}

#[test]
fn a_list_never_ends() {
    let tags = "/v2/a/tags/list";
    for (to, links) in [
        (Link::Endless, ["?turn=1", "?turn=2"]),
        (Link::Itself, ["", "?turn=1"]),
    ] {
        let registry = with_manifest(Fault::IgnoreRange);
        registry.set_rules([Rule::new(When::class(Class::Tags), Fault::Link { to })]);
        for (asked, next) in [("", links[0]), ("?turn=1", links[1])] {
            let answer = get(&registry, &format!("{tags}{asked}"));
            assert_eq!(answer.text(), r#"{"name":"a","tags":["v1"]}"#);
            assert_eq!(answer.told("link"), format!("<{tags}{next}>; rel=\"next\""));
        }
    }
    let registry = with_manifest(Fault::IgnoreRange);
    registry.add_rule(Rule::new(
        When::any(),
        Fault::Link {
            to: Link::Elsewhere,
        },
    ));
    let next = format!("<{}{tags}>; rel=\"next\"", registry.url(Origin::Elsewhere));
    assert_eq!(get(&registry, tags).told("link"), next);
    let mut wire = Wire::open(registry.address(Origin::Elsewhere));
    let page = wire
        .ask(&format!("GET {tags}"), &[], &[])
        .expect("an answer");
    assert_eq!(page.text(), r#"{"name":"a","tags":["v1"]}"#);
}

#[test]
fn a_tag_moves_between_two_requests() {
    let contents = Contents::new();
    let second = contents.add_manifest("a", "v2", "x/y", "2");
    let first = contents.add_manifest("a", "v1", "x/y", "1");
    let rule = Rule::new(
        When::class(Class::Manifest).of("v1"),
        Fault::MoveTag { to: second.clone() },
    );
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .rule(rule.once())
        .start();
    for (body, digest) in [("1", &first), ("2", &second)] {
        let answer = get(&registry, TAG);
        assert_eq!(
            (answer.text().as_str(), answer.told("docker-content-digest")),
            (body, digest.as_str())
        );
    }
    assert_eq!(
        get(&registry, &format!("/v2/a/manifests/{first}")).text(),
        "1"
    );
}

#[test]
fn requests_are_written_down_and_forgotten() {
    let registry = with_manifest(Fault::MediaType {
        value: "x".to_owned(),
    });
    get(&registry, TAG);
    let exchange = registry.requests().remove(0);
    assert_eq!(exchange.line(), format!("GET {TAG}"));
    assert_eq!(exchange.header("HOST"), Some("here"));
    assert_eq!(exchange.repository.as_deref(), Some("a"));
    assert_eq!(exchange.reference.as_deref(), Some("v1"));
    assert_eq!(
        (exchange.rules, exchange.status, exchange.sent),
        (vec![0], Some(200), 7)
    );
    registry.forget_requests();
    assert!(registry.requests().is_empty());
    get(&registry, TAG);
    assert_eq!(registry.requests().len(), 1);
}
