//! Cases of environments.

use super::*;

fn with(variables: &[(&str, &str)]) -> Result<Proxies, String> {
    read(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn variables_in_both_cases() {
    let chosen = |variables: &[(&str, &str)], is_https, host| {
        let proxies = with(variables).expect("good values");
        proxies.of(is_https, host, 443).map(ToString::to_string)
    };
    let some = |text: &str| Some(text.to_owned());
    for (variables, is_https, expected) in [
        (&[("HTTPS_PROXY", "a:1")][..], true, some("http://a:1")),
        (&[("https_proxy", "a:1")], true, some("http://a:1")),
        (&[("https_proxy", "a:1")], false, None),
        (
            &[("HTTPS_PROXY", "a:1"), ("https_proxy", "b:1")],
            true,
            some("http://a:1"),
        ),
        (
            &[("HTTPS_PROXY", ""), ("https_proxy", "b:1")],
            true,
            some("http://b:1"),
        ),
        (&[("HTTP_PROXY", "a:1")], false, some("http://a:1")),
        (
            &[("HTTP_PROXY", "a:1"), ("REQUEST_METHOD", "GET")],
            false,
            None,
        ),
        (
            &[("http_proxy", "a:1"), ("REQUEST_METHOD", "GET")],
            false,
            some("http://a:1"),
        ),
        (
            &[("ALL_PROXY", "socks5://a")],
            true,
            some("socks5://a:1080"),
        ),
        (
            &[("all_proxy", "a:1"), ("NO_PROXY", ".example")],
            true,
            None,
        ),
        (
            &[("all_proxy", "a:1"), ("no_proxy", "r.example:443")],
            true,
            None,
        ),
        (
            &[("all_proxy", "a:1"), ("no_proxy", "r.example:80")],
            true,
            some("http://a:1"),
        ),
        (&[], true, None),
    ] {
        assert_eq!(
            chosen(variables, is_https, "r.example"),
            expected,
            "{variables:?}"
        );
    }
}

#[test]
fn a_value_that_is_no_proxy_is_named_but_not_shown() {
    let error = with(&[("https_proxy", "https://me:s3cret@proxy")]).expect_err("no such scheme");
    assert!(
        error.starts_with("https_proxy: ") && error.contains("http and socks5"),
        "{error}"
    );
    assert!(!error.contains("s3cret"), "{error}");
}
