//! Cases of proxy addresses and of the hosts that they are not for.

use proptest::prelude::*;

use super::*;

fn no_proxy(text: &str) -> NoProxy {
    text.parse().expect("every text is taken")
}

#[test]
fn hosts_without_a_proxy() {
    for (list, host, port, expected) in [
        ("*", "ghcr.io", 443, true),
        ("", "ghcr.io", 443, false),
        (" , ,", "ghcr.io", 443, false),
        // Domains, with all the ways to say "and below".
        ("example.com", "example.com", 443, true),
        ("example.com", "r.example.com", 443, true),
        (".example.com", "r.example.com", 443, true),
        (".example.com", "example.com", 443, true),
        ("*.example.com", "r.example.com", 443, true),
        ("example.com", "badexample.com", 443, false),
        ("example.com", "example.com.evil", 443, false),
        ("Example.COM", "R.example.com.", 443, true),
        ("example.com.", "example.com", 443, true),
        ("r.example.com", "example.com", 443, false),
        (".", "example.com", 443, false),
        ("*.", "example.com", 443, false),
        // Ports.
        ("example.com:5000", "example.com", 5000, true),
        ("example.com:5000", "example.com", 443, false),
        ("example.com:5000", "r.example.com", 5000, true),
        ("example.com:", "example.com", 443, false),
        ("example.com:99999", "example.com", 443, false),
        ("192.0.2.7:5000", "192.0.2.7", 5000, true),
        ("192.0.2.7:5000", "192.0.2.7", 5001, false),
        ("[2001:db8::1]:5000", "[2001:db8::1]", 5000, true),
        ("[2001:db8::1]:5000", "[2001:db8::1]", 443, false),
        // Addresses in their spellings.
        ("192.0.2.7", "192.0.2.7", 443, true),
        ("192.0.2.7", "192.0.2.70", 443, false),
        ("2001:db8::1", "[2001:db8::1]", 443, true),
        ("[2001:db8::1]", "2001:db8:0::1", 443, true),
        ("192.0.2.7", "[::ffff:192.0.2.7]", 443, true),
        // Networks.
        ("10.0.0.0/8", "10.255.1.1", 443, true),
        ("10.0.0.0/8", "11.0.0.1", 443, false),
        ("10.1.2.3/8", "10.9.9.9", 443, true),
        ("192.0.2.0/25", "192.0.2.127", 443, true),
        ("192.0.2.0/25", "192.0.2.128", 443, false),
        ("0.0.0.0/0", "8.8.8.8", 443, true),
        ("0.0.0.0/0", "[2001:db8::1]", 443, false),
        ("fd00::/8", "[fd12::1]", 443, true),
        ("fd00::/8", "[fe80::1]", 443, false),
        ("10.0.0.0/33", "10.0.0.1", 443, false),
        // A name is not resolved, and is no address.
        ("10.0.0.0/8", "ten.example.com", 443, false),
        ("2.7", "192.0.2.7", 443, false),
        // Several, with spaces.
        ("localhost, .corp 10.0.0.0/8", "a.b.corp", 443, true),
        ("localhost, .corp 10.0.0.0/8", "10.0.0.1", 443, true),
        ("localhost, .corp 10.0.0.0/8", "ghcr.io", 443, false),
    ] {
        assert_eq!(
            no_proxy(list).matches(host, port),
            expected,
            "{list:?} {host}:{port}"
        );
    }
}

#[test]
fn each_scheme_has_its_proxy_and_this_machine_none() {
    let proxy = |text: &str| Some(text.parse::<Proxy>().expect(text));
    let mut proxies = Proxies {
        http: proxy("plain:1"),
        https: proxy("tls:2"),
        all: proxy("all:3"),
        no_proxy: no_proxy("direct.corp"),
    };
    let chosen = |proxies: &Proxies, is_https, host| {
        proxies.of(is_https, host, 443).map(ToString::to_string)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(chosen(&proxies, true, "r.io"), some("http://tls:2"));
    assert_eq!(chosen(&proxies, false, "r.io"), some("http://plain:1"));
    assert_eq!(chosen(&proxies, true, "direct.corp"), None);
    for host in [
        "localhost",
        "a.localhost.",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "::ffff:127.0.0.1",
    ] {
        assert_eq!(chosen(&proxies, true, host), None, "{host}");
    }
    proxies.https = None;
    assert_eq!(chosen(&proxies, true, "r.io"), some("http://all:3"));
    assert_eq!(chosen(&Proxies::default(), true, "r.io"), None);
}

#[test]
fn proxy_addresses() {
    for (text, expected) in [
        ("http://proxy.corp:3128", Some("http://proxy.corp:3128")),
        ("http://proxy.corp:3128/", Some("http://proxy.corp:3128")),
        ("proxy.corp:3128", Some("http://proxy.corp:3128")),
        (" proxy.corp ", Some("http://proxy.corp:80")),
        ("10.0.0.1:8080", Some("http://10.0.0.1:8080")),
        ("http://[::1]:8080", Some("http://[::1]:8080")),
        ("socks5://proxy.corp", Some("socks5://proxy.corp:1080")),
        ("socks5h://proxy.corp:9", Some("socks5://proxy.corp:9")),
        ("http://me:s3cret@proxy.corp:1", Some("http://proxy.corp:1")),
        ("https://proxy.corp", None),
        ("ftp://proxy.corp", None),
        ("http://", None),
        ("", None),
        ("http://proxy.corp/path", None),
        ("http://proxy.corp?q", None),
        ("http://proxy corp", None),
        ("http://proxy.corp:99999", None),
    ] {
        let proxy = text.parse::<Proxy>();
        assert_eq!(
            proxy.ok().map(|proxy| proxy.to_string()).as_deref(),
            expected,
            "{text:?}"
        );
    }
}

/// C9: A proxy is shown without its login.
#[test]
fn c9_the_password_of_a_proxy_is_never_shown() {
    let proxy: Proxy = "http://me:s3%40cret@proxy.corp:1".parse().expect("a proxy");
    assert_eq!(
        proxy.authorization().expect("a login"),
        "Basic bWU6czNAY3JldA=="
    );
    let shown = format!("{proxy} {proxy:?} {:?}", proxy.authorization());
    assert!(!shown.contains("s3") && !shown.contains("bWU6"), "{shown}");
    let error = "https://me:s3cret@proxy.corp"
        .parse::<Proxy>()
        .expect_err("no TLS");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

proptest! {
    #[test]
    fn any_list_is_taken(text in "[ -~]{0,40}", host in "[ -~]{0,20}", port: u16) {
        let _ = no_proxy(&text).matches(&host, port);
        let _ = text.parse::<Proxy>();
    }

    #[test]
    fn a_network_has_the_addresses_of_its_prefix(address: u32, other: u32, bits in 0_u8..=32) {
        let text = |address: u32| std::net::Ipv4Addr::from(address).to_string();
        let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        let list = no_proxy(&format!("{}/{bits}", text(address)));
        prop_assert_eq!(list.matches(&text(other), 1), address & mask == other & mask);
        prop_assert!(list.matches(&text((address & mask) | (other & !mask)), 1));
    }
}
