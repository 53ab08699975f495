//! References: the grammar, and what decides when tag and digest are both given.

use modelpack_spec::{Digest, Host, Reference, Selector};

const DIGEST: &str = "sha256:1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef";

/// Host, repository, tag and digest of a reference that is accepted.
fn check(text: &str, expected: (&str, &str, Option<&str>, Option<&str>)) {
    let reference: Reference = text
        .parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let digest = reference.digest.map(|digest| digest.to_string());
    let found = (
        reference.host.as_str(),
        reference.repository.as_str(),
        reference.tag.as_ref().map(AsRef::as_ref),
        digest.as_deref(),
    );
    assert_eq!(found, expected, "{text:?}");
    let canonical = text.strip_prefix("oci://").unwrap_or(text);
    assert_eq!(reference.to_string(), canonical);
}

fn refused(text: &str, reason: &str) {
    let error = text.parse::<Reference>().expect_err("the text is refused");
    assert_eq!(
        error.to_string(),
        format!("invalid reference `{text}`: {reason}")
    );
}

#[test]
fn accepted() {
    let pinned = format!("example.com/repo@{DIGEST}");
    let both = format!("example.com/repo:tag@{DIGEST}");
    check(
        "example.com/repo:tag",
        ("example.com", "repo", Some("tag"), None),
    );
    check(&pinned, ("example.com", "repo", None, Some(DIGEST)));
    check(&both, ("example.com", "repo", Some("tag"), Some(DIGEST)));
    check(
        "oci://example.com/repo:tag",
        ("example.com", "repo", Some("tag"), None),
    );
    check("example.com/repo", ("example.com", "repo", None, None));
    check(
        "localhost/repo:tag",
        ("localhost", "repo", Some("tag"), None),
    );
    check(
        "localhost:5000/repo:tag",
        ("localhost:5000", "repo", Some("tag"), None),
    );
    check(
        "127.0.0.1:5000/a/b:tag",
        ("127.0.0.1:5000", "a/b", Some("tag"), None),
    );
    check(
        "[::1]:5000/repo:tag",
        ("[::1]:5000", "repo", Some("tag"), None),
    );
    check(
        "[2001:db8::1]/repo:tag",
        ("[2001:db8::1]", "repo", Some("tag"), None),
    );
    check(
        "Registry.Example.com/repo",
        ("Registry.Example.com", "repo", None, None),
    );
    check("LOCAL/repo", ("LOCAL", "repo", None, None));
    check(
        "host:5000/a.b_c__d---e/f",
        ("host:5000", "a.b_c__d---e/f", None, None),
    );
    check("h.io/r:v1.0_x-Y", ("h.io", "r", Some("v1.0_x-Y"), None));
    check("h.io/r:_", ("h.io", "r", Some("_"), None));
}

#[test]
fn missing_hosts_are_guessed() {
    let guess = |text: &str, meant: &str| {
        refused(
            text,
            &format!("the registry host is missing; did you mean `{meant}`?"),
        );
    };
    guess("invalid", "docker.io/library/invalid");
    guess("qwen3:0.6b", "docker.io/library/qwen3:0.6b");
    guess("ai/qwen3", "docker.io/ai/qwen3");
    refused(
        "invalid reference",
        "expected host[:port]/repository[:tag][@digest]",
    );
    refused("", "expected host[:port]/repository[:tag][@digest]");
    refused("UPPER", "expected host[:port]/repository[:tag][@digest]");
}

#[test]
fn refused_texts() {
    let repository = "a component of the repository is not made of a-z, 0-9 and the separators `.`, `_`, `__`, `-`";
    let host = "the host name has a character or shape that host names do not have";
    refused("h.io/", "the repository is empty");
    refused(
        "h.io/Repo",
        "the repository has upper-case letters; only lower case is allowed",
    );
    for path in [
        "a//b", "/a", "a/", "a..b", "a___b", "-a", "a-", "a._b", "a b", "é", "..", "a/../b",
        "a%2fb",
    ] {
        refused(&format!("h.io/{path}"), repository);
    }
    refused("h.io/r:", "the tag is empty");
    refused("h.io/r:.x", "the tag begins with `.` or `-`");
    refused("h.io/r:-x", "the tag begins with `.` or `-`");
    refused(
        "h.io/r:a/b",
        "the tag has a character other than letters, digits, `_`, `.` and `-`",
    );
    refused("-h.io/r", host);
    refused("h..io/r", host);
    refused("h_x.io/r", host);
    refused(
        "user:secret.x@h.io/r",
        "invalid digest `h.io/r`: no colon between algorithm and hex digits",
    );
    refused("h.io:/r", "the port is no number from 0 to 65535");
    refused("h.io:65536/r", "the port is no number from 0 to 65535");
    refused("h.io:+80/r", "the port is no number from 0 to 65535");
    refused("[::1/r", host);
    refused("[::g]/r", "the text in brackets is no IPv6 address");
    refused(
        "h.io/r@",
        "invalid digest ``: no colon between algorithm and hex digits",
    );
    refused(
        "h.io/r@sha256:00",
        "invalid digest `sha256:00`: wrong number of hex digits for its algorithm",
    );
    let scheme = |scheme: &str| {
        format!(
            "`{scheme}://` is no prefix of a reference; write `host/repository:tag` or `oci://host/repository:tag`"
        )
    };
    refused("https://h.io/r", &scheme("https"));
    refused("docker://h.io/r", &scheme("docker"));
    refused("oci://oci://h.io/r", &scheme("oci"));
}

#[test]
fn lengths() {
    let name = |count: usize| format!("h.io/{}", "a".repeat(count));
    check(&name(250), ("h.io", &"a".repeat(250), None, None));
    refused(
        &name(251),
        "host and repository together are longer than 255 bytes",
    );
    refused(&name(256), "the repository is longer than 255 bytes");
    let tag = |count: usize| format!("h.io/r:{}", "t".repeat(count));
    check(&tag(128), ("h.io", "r", Some(&"t".repeat(128)), None));
    refused(&tag(129), "the tag is longer than 128 characters");
}

#[test]
fn the_digest_decides() {
    let digest: Digest = DIGEST.parse().expect("the text is a digest");
    let parse = |text: String| text.parse::<Reference>().expect("the text is a reference");
    let tagged = parse("h.io/r:v1".into());
    let tag = tagged.tag.clone().expect("there is a tag");
    assert_eq!(tagged.selector(), Some(Selector::Tag(&tag)));
    let both = tagged.with_digest(digest);
    assert_eq!(both.selector(), Some(Selector::Digest(&digest)));
    assert_eq!(both.to_string(), format!("h.io/r:v1@{DIGEST}"));
    assert_eq!(both.with_tag(tag), tagged);
    assert_eq!(both.without_selector().selector(), None);
    assert_eq!(both.name(), "h.io/r");
}

#[test]
fn hosts() {
    let check = |text: &str, name: &str, port: Option<u16>, loopback: bool| {
        let host: Host = text.parse().expect("the text is a host");
        assert_eq!(
            (host.name(), host.port(), host.is_loopback()),
            (name, port, loopback)
        );
    };
    check("localhost", "localhost", None, true);
    check(
        "registry.localhost:80",
        "registry.localhost",
        Some(80),
        true,
    );
    check("127.8.9.1:5000", "127.8.9.1", Some(5000), true);
    check("[::1]:5000", "::1", Some(5000), true);
    check("[::1]", "::1", None, true);
    check("[2001:db8::1]:443", "2001:db8::1", Some(443), false);
    check(
        "localhost.example.com",
        "localhost.example.com",
        None,
        false,
    );
    check("10.0.0.1", "10.0.0.1", None, false);
    for text in [
        "",
        ":80",
        "a:b:80",
        "::1",
        "a/b",
        "a@b",
        "a b",
        "a%41",
        "[::1]x",
        "[fe80::1%25eth0]",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text:?}");
    }
}
