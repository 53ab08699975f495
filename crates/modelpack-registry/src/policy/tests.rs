//! Cases of origins, redirects and repeats.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use url::Url;

use super::*;

fn url(text: &str) -> Url {
    text.parse().expect(text)
}

fn origin(text: &str) -> Origin {
    Origin::of(&url(text)).expect(text)
}

#[test]
fn origins_are_scheme_host_and_port() {
    assert_eq!(origin("https://R.io/x?y"), origin("https://r.io:443"));
    assert_ne!(origin("https://r.io"), origin("http://r.io"));
    assert_ne!(origin("https://r.io"), origin("https://r.io:444"));
    assert_ne!(origin("https://r.io"), origin("https://r.io.evil.io"));
    assert_eq!(Origin::of(&url("ftp://r.io")), None);
    assert_eq!(Origin::of(&url("data:x")), None);
    let at = |origin_: &str, host: &str| origin(origin_).is_at(&host.parse().expect(host));
    assert!(at("https://r.io", "r.io"));
    assert!(at("https://r.io", "R.io:443"));
    assert!(!at("https://r.io", "r.io:80"));
    assert!(at("http://[::1]:5000", "[::1]:5000"));
}

/// C4: Every spelling of an address has the reach of what it means.
#[test]
fn addresses_have_a_reach() {
    let check = |text: &str, expected: Reach| {
        let address: IpAddr = text.parse().expect(text);
        assert_eq!(Reach::of(address), expected, "{text}");
    };
    for text in [
        "8.8.8.8",
        "100.128.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "2606:4700::1",
        "64:ff9b::808:808",
    ] {
        check(text, Reach::Public);
    }
    for text in [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.0.1",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:c0a8:1::",
    ] {
        check(text, Reach::Private);
    }
    for text in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "::",
        "::1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:169.254.169.254",
    ] {
        check(text, Reach::Local);
    }
}

/// C2: Where a redirect may lead, by scheme, host, port and nearness.
#[test]
fn c2_redirects_that_are_followed() {
    let from = "https://r.io/v2/a/blobs/x";
    let decide = |location: &str, rule, reach| {
        follow(&url(from), location, &origin(from), rule, 0, reach).map(String::from)
    };
    let any = |location: &str| decide(location, Redirects::Anywhere, Reach::Public);
    assert_eq!(any("/y"), Ok("https://r.io/y".to_owned()));
    assert_eq!(any("y?z#f"), Ok("https://r.io/v2/a/blobs/y?z".to_owned()));
    assert_eq!(any("//cdn.io/y"), Ok("https://cdn.io/y".to_owned()));
    assert_eq!(
        any("https://cdn.io:8443/y"),
        Ok("https://cdn.io:8443/y".to_owned())
    );
    for location in [
        "http://r.io/y",
        "http://cdn.io/y",
        "https://u:p@cdn.io/y",
        "https://r.io@cdn.io/y",
        "file:///etc/passwd",
        "https://127.0.0.1/y",
        "https://localhost/y",
        "https://10.0.0.1/y",
        "https://169.254.169.254/y",
        "https://[::ffff:10.0.0.1]/y",
        "https://2130706433/y",
    ] {
        assert!(
            matches!(any(location), Err(Refusal::Policy(_))),
            "{location}"
        );
    }
    assert!(matches!(any("https://"), Err(Refusal::Invalid(_))));
    // From inside of a network its other machines can be named, but not ourselves.
    let inside = |location: &str| decide(location, Redirects::Anywhere, Reach::Private).is_ok();
    assert!(inside("https://10.0.0.1/y"));
    assert!(!inside("https://127.0.0.1/y"));

    let same = |location: &str| decide(location, Redirects::SameOrigin, Reach::Public).is_ok();
    assert!(same("/y"));
    assert!(same("https://r.io:443/y"));
    assert!(!same("https://r.io:444/y"));
    assert!(!same("https://cdn.io/y"));
    assert!(decide("/y", Redirects::Never, Reach::Public).is_err());
    let hops = |hops| {
        let rule = Redirects::Anywhere;
        follow(&url(from), "/y", &origin(from), rule, hops, Reach::Public).is_ok()
    };
    assert!(hops(9));
    assert!(!hops(10));
}

/// C5, C6: Which addresses continue an operation.
#[test]
fn c5_c6_operations_continue_on_the_same_origin() {
    let decide = |location: &str| continuation(&url("https://r.io/v2/a/blobs/uploads/"), location);
    for location in [
        "/up/1?x=y",
        "1",
        "https://r.io/up",
        "https://r.io:443/up",
        "//r.io/up",
    ] {
        assert!(decide(location).is_ok(), "{location}");
    }
    for location in [
        "http://r.io/up",
        "https://r.io:444/up",
        "https://evil.io/up",
        "//evil.io/up",
        "\\\\evil.io/up",
        "https://r.io@evil.io/up",
        "https://u@r.io/up",
    ] {
        assert!(
            matches!(decide(location), Err(Refusal::Policy(_))),
            "{location}"
        );
    }
}

/// MD9: What is repeated.
#[test]
fn what_is_repeated() {
    let policy = RetryPolicy::default();
    let delay = |made, failure| policy.delay(made, failure, u64::MAX);
    for status in [408, 429, 500, 502, 503, 504] {
        assert!(
            delay(1, Failure::Status(status, None)).is_some(),
            "{status}"
        );
    }
    for status in [
        200, 206, 307, 400, 401, 403, 404, 405, 409, 413, 416, 501, 505,
    ] {
        assert!(
            delay(1, Failure::Status(status, None)).is_none(),
            "{status}"
        );
    }
    assert!(delay(4, Failure::Connection).is_some());
    assert!(delay(5, Failure::Connection).is_none());
    let wanted = |seconds| delay(1, Failure::Status(503, Some(Duration::from_secs(seconds))));
    assert_eq!(wanted(300), Some(Duration::from_secs(300)));
    assert_eq!(wanted(301), None);
    assert!(
        RetryPolicy::never()
            .delay(1, Failure::Connection, 0)
            .is_none()
    );
    assert_eq!(
        policy.delay(3, Failure::Connection, 0),
        Some(Duration::ZERO)
    );
}

proptest! {
    #[test]
    fn waits_stay_below_their_bound(made in 1_u32..200, random: u64) {
        let policy = RetryPolicy { attempts: u32::MAX, ..RetryPolicy::default() };
        let delay = policy.delay(made, Failure::Connection, random).expect("attempts are left");
        let bound = policy.base.saturating_mul(2_u32.saturating_pow(made - 1)).min(policy.cap);
        prop_assert!(delay <= bound);
    }

    #[test]
    fn retry_after_takes_any_text(text in "[ -~]{0,40}") {
        let _ = retry_after(&text, Some(&text));
    }
}

#[test]
fn retry_after_is_a_number_or_a_date() {
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    let check = |header: &str, date, expected: Option<u64>| {
        let wait = retry_after(header, date).map(|wait| wait.as_secs());
        assert_eq!(wait, expected, "{header}");
    };
    check("120", None, Some(120));
    check(" 0 ", None, Some(0));
    check("99999999999999999999999", None, Some(u64::MAX));
    check("Sun, 06 Nov 1994 08:50:37 GMT", date, Some(60));
    check("Sun, 06 Nov 1994 08:48:37 GMT", date, Some(0));
    check("Sun, 06 Nov 1994 08:50:37 GMT", None, None);
    check("-1", date, None);
    check("soon", date, None);
    check("", date, None);
}
