//! Challenges as registries write them.

use super::{Challenge, parse};

#[test]
fn challenges() {
    let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(ToOwned::to_owned),
            scope: scope.map(ToOwned::to_owned),
        })
    };
    for (header, expected) in [
        ("Basic realm=\"x\"", Some(Challenge::Basic)),
        ("BASIC", Some(Challenge::Basic)),
        ("Negotiate", None),
        ("Bearer service=x", None),
        (
            "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
            bearer("https://a/t", Some("s"), Some("repository:x:pull,push")),
        ),
        (
            "bearer realm=https://a/t, service=s",
            bearer("https://a/t", Some("s"), None),
        ),
    ] {
        assert_eq!(parse(header), expected, "{header}");
    }
}
