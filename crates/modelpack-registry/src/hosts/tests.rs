//! Cases of settings: what is read, what is refused, and what holds for which host.

use super::*;

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn origin(text: &str) -> Origin {
    Origin::of(&text.parse().expect("a URL")).expect("an origin")
}

#[test]
fn sizes_and_rates() {
    for (text, expected) in [
        ("1", Some(1)),
        ("64MiB", Some(64 << 20)),
        ("64 mib", Some(64 << 20)),
        (" 5 GB ", Some(5_000_000_000)),
        ("1.5KiB", Some(1536)),
        ("1TiB", Some(1 << 40)),
        ("16777216 TiB", None),
        ("0", None),
        ("0.1", None),
        ("", None),
        ("MiB", None),
        ("-1", None),
        ("1e9", None),
        ("1 M", None),
        ("1..5MB", None),
        ("10MB/s", None),
    ] {
        let size = text.parse::<ByteSize>();
        assert_eq!(size.ok().map(ByteSize::bytes), expected, "{text:?}");
    }
    for (text, expected) in [
        ("50MB/s", Some(50_000_000)),
        ("50 MiB", Some(50 << 20)),
        ("1024", Some(1024)),
        ("1023", None),
        ("50MB/min", None),
        ("/s", None),
    ] {
        let rate = text.parse::<ByteRate>();
        let rate = rate.ok().map(ByteRate::bytes_per_second);
        assert_eq!(rate, expected, "{text:?}");
    }
}

#[test]
fn addresses_of_mirrors() {
    for (text, expected) in [
        ("https://m.corp", Some("https://m.corp")),
        ("https://m.corp/", Some("https://m.corp")),
        ("http://127.0.0.1:65001", Some("http://127.0.0.1:65001")),
        ("http://[::1]:65001", Some("http://[::1]:65001")),
        ("https://M.Corp", Some("https://m.corp")),
        ("m.corp", None),
        ("ftp://m.corp", None),
        ("https://", None),
        ("https://m.corp/v2", None),
        ("https://me:s3cret@m.corp", None),
        ("https://m.corp?ns=x", None),
    ] {
        let url = text.parse::<MirrorUrl>();
        assert_eq!(
            url.as_ref().ok().map(ToString::to_string).as_deref(),
            expected
        );
        if let Err(error) = url {
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }
}

#[test]
fn a_host_has_its_settings_and_the_default_for_the_rest() {
    let mut hosts = Hosts::default();
    hosts.default.connections = NonZeroU16::new(8);
    hosts.default.user_agent = Some("all".to_owned());
    hosts.default.ca_pem = vec![b"all".to_vec()];
    hosts.default.plain_http = Some(false);
    let hub = HostSettings {
        connections: NonZeroU16::new(2),
        ca_pem: vec![b"hub".to_vec()],
        ..HostSettings::default()
    };
    hosts.hosts.insert(host("docker.io"), hub);
    let local = HostSettings {
        plain_http: Some(true),
        ..HostSettings::default()
    };
    hosts.hosts.insert(host("localhost:5000"), local);

    for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        let settings = hosts.of(&host(name));
        assert_eq!(settings.connections, NonZeroU16::new(2), "{name}");
        assert_eq!(settings.user_agent.as_deref(), Some("all"));
        assert_eq!(settings.ca_pem, [b"hub".to_vec(), b"all".to_vec()]);
        assert_eq!(settings.plain_http, Some(false));
    }
    assert_eq!(hosts.of(&host("ghcr.io")), hosts.default);
    assert_eq!(hosts.of(&host("localhost:5000")).plain_http, Some(true));
    assert_eq!(hosts.of(&host("localhost")).plain_http, Some(false));

    // Changed under another name, they are still those of one registry.
    hosts.entry(host("registry-1.docker.io")).user_agent = Some("hub".to_owned());
    hosts.entry(host("new.example")).user_agent = Some("new".to_owned());
    assert_eq!(
        hosts.of(&host("docker.io")).user_agent.as_deref(),
        Some("hub")
    );
    assert_eq!(
        hosts.of(&host("new.example")).connections,
        NonZeroU16::new(8)
    );
    assert_eq!(hosts.hosts.len(), 3);

    // By the origin that is spoken to.
    let connections = |url: &str| hosts.at(&origin(url)).connections.map(u16::from);
    assert_eq!(connections("https://registry-1.docker.io/v2/"), Some(2));
    assert_eq!(connections("https://docker.io.evil/v2/"), Some(8));
    assert_eq!(connections("https://registry-1.docker.io:8443/"), Some(8));
}

#[test]
fn what_belongs_to_one_origin_has_no_place_in_the_default() {
    let check = |change: fn(&mut Hosts)| {
        let mut hosts = Hosts::default();
        change(&mut hosts);
        hosts.check().map_err(|error| error.to_string())
    };
    assert_eq!(check(|_| {}), Ok(()));
    let refused = |change| check(change).expect_err("it would go everywhere");
    let header: fn(&mut Hosts) = |hosts| {
        let name = HeaderName::from_static("x-secret");
        hosts
            .default
            .headers
            .push(name, HeaderValue::from_static("s3cret"));
    };
    assert!(refused(header).contains("`headers`"));
    assert!(refused(|hosts| hosts.default.client_cert = Some("a".into())).contains("client_cert"));
    assert!(
        refused(|hosts| hosts.default.identity = Some(ClientIdentity::new("a", "b")))
            .contains("client_cert")
    );
    assert!(
        refused(|hosts| hosts.default.token_hosts = vec![host("a.corp")]).contains("token_hosts")
    );
}

#[test]
fn files_are_read_once_and_named_when_that_fails() {
    let settings = HostSettings {
        ca_file: vec!["ca.pem".into()],
        client_cert: Some("cert.pem".into()),
        client_key: Some("key.pem".into()),
        ..HostSettings::default()
    };
    let mut hosts = Hosts::default();
    hosts.hosts.insert(host("r.corp"), settings);
    let unread = hosts.check().expect_err("not read yet").to_string();
    assert!(unread.contains("ca.pem of r.corp"), "{unread}");

    let mut broken = hosts.clone();
    let error = broken
        .load_files(|path| match path.to_str() {
            Some("key.pem") => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(Vec::new()),
        })
        .expect_err("no key");
    assert!(error.to_string().contains("key.pem of r.corp"), "{error}");

    let content = |path: &Path| Ok(path.to_str().expect("text").as_bytes().to_vec());
    hosts.load_files(content).expect("all there");
    hosts.check().expect("all read");
    let settings = hosts.of(&host("r.corp"));
    assert_eq!(settings.ca_pem, [b"ca.pem".to_vec()]);
    assert_eq!(
        settings.identity,
        Some(ClientIdentity::new("cert.pem", "key.pem"))
    );

    let mut half = Hosts::default();
    let settings = HostSettings {
        client_key: Some("key.pem".into()),
        ..HostSettings::default()
    };
    half.hosts.insert(host("r.corp"), settings);
    half.load_files(content)
        .expect("nothing that goes together");
    let error = half.check().expect_err("half an identity").to_string();
    assert!(error.contains("only one of"), "{error}");
}

/// C9: Settings of hosts can be printed.
#[test]
fn c9_settings_show_no_secret() {
    let mut settings = HostSettings {
        identity: Some(ClientIdentity::new("c3rt", "s3cret")),
        ..HostSettings::default()
    };
    let value = HeaderValue::from_static("s3cret");
    settings
        .headers
        .push(HeaderName::from_static("x-token"), value);
    let proxy = "http://me:s3cret@proxy.corp".parse().expect("a proxy");
    settings.proxy = Some(ProxyChoice::Through(proxy));
    let shown = format!("{settings:?}");
    assert!(shown.contains("x-token") && shown.contains("proxy.corp"));
    assert!(
        !shown.contains("s3cret") && !shown.contains("me:"),
        "{shown}"
    );
}

#[cfg(feature = "hosts-file")]
mod file {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Hosts {
        Hosts::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn everything_that_can_be_said() {
        let hosts = read(
            r#"
            no_proxy = ["localhost", ".corp", "10.0.0.0/8"]

            [default]
            proxy = "http://me:s3cret@proxy.corp:3128"
            ca_file = "ca.pem"
            connections = 8
            user_agent = "me/1"

            [host."R.corp:5000"]
            proxy = "none"
            ca_file = ["a.pem", "b.pem"]
            client_cert = "client.pem"
            client_key = "client.key"
            connections = 16
            download_limit = "50MB/s"
            upload_limit = 1048576
            chunk_size = "64MiB"
            user_agent = "me/2"
            plain_http = false
            danger_accept_invalid_certs = true
            headers = { X-Team = "models" }
            token_hosts = ["sso.corp:8443"]

            [[host."docker.io".mirror]]
            url = "https://harbor.corp"
            path_prefix = "hub"
            priority = 10

            [[host."docker.io".mirror]]
            url = "http://127.0.0.1:65001"
            ns = false
            tags = true
            "#,
        );
        let no_proxy = hosts.no_proxy.as_ref().expect("a list");
        assert!(no_proxy.matches("10.1.2.3", 443) && !no_proxy.matches("ghcr.io", 443));
        let own = &hosts.hosts[&host("r.corp:5000")];
        assert_eq!(own.proxy, Some(ProxyChoice::Direct));
        assert_eq!(own.ca_file, ["a.pem", "b.pem"].map(PathBuf::from));
        assert_eq!(own.client_cert, Some("client.pem".into()));
        assert_eq!(own.client_key, Some("client.key".into()));
        assert_eq!(own.connections, NonZeroU16::new(16));
        assert_eq!(own.download_limit, Some(ByteRate::new(50_000_000)));
        assert_eq!(own.upload_limit, Some(ByteRate::new(1 << 20)));
        assert_eq!(own.chunk_size, Some(ByteSize::new(64 << 20)));
        assert_eq!(own.user_agent.as_deref(), Some("me/2"));
        assert_eq!(own.plain_http, Some(false));
        assert_eq!(own.danger_accept_invalid_certs, Some(true));
        let (name, value) = own.headers.iter().next().expect("a header");
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("x-team", &b"models"[..])
        );
        assert_eq!(own.token_hosts, [host("sso.corp:8443")]);
        let mut first = Mirror::new("https://harbor.corp".parse().expect("a mirror"));
        first.path_prefix = Some("hub".parse().expect("a repository"));
        first.priority = 10;
        let mut second = Mirror::new("http://127.0.0.1:65001".parse().expect("a mirror"));
        second.ns = false;
        second.tags = true;
        assert_eq!(hosts.hosts[&host("docker.io")].mirrors, [first, second]);
        assert_eq!(hosts.default.ca_file, [PathBuf::from("ca.pem")]);
        assert_eq!(read(""), Hosts::default());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, place, says) in [
            ("[defaults]\n", (1, 2), "unknown field `defaults`"),
            (
                "[host.\"r.corp\"]\n\n  conections = 4\n",
                (3, 3),
                "unknown field `conections`",
            ),
            ("[host.\"r.corp\"]\nconnections = 0\n", (2, 15), "nonzero"),
            (
                "[host.\"r.corp\"]\nconnections = \"4\"\n",
                (2, 15),
                "invalid type",
            ),
            (
                "[host.\"r.corp\"]\nchunk_size = \"64 M\"\n",
                (2, 14),
                "write for example `64MiB`",
            ),
            (
                "[host.\"r.corp\"]\ndownload_limit = 12\n",
                (2, 18),
                "at least 1 KiB",
            ),
            (
                "[host.\"r.corp\"]\nproxy = \"https://p\"\n",
                (2, 9),
                "only http and socks5",
            ),
            (
                "[host.\"r.corp\"]\nmirror = [{ url = \"m.corp\" }]\n",
                (2, 19),
                "`https://`",
            ),
            (
                "[host.\"r.corp\"]\nmirror = [{ priority = 1 }]\n",
                (2, 11),
                "missing field `url`",
            ),
            (
                "[[host.\"r.corp\".mirror]]\nurl = \"https://m\"\nport = 1\n",
                (3, 1),
                "`port`",
            ),
            ("[host.\"r corp\"]\n", (1, 7), "host"),
            (
                "[host.\"docker.io\"]\n[host.\"index.docker.io\"]\n",
                (1, 2),
                "one registry",
            ),
            (
                "[host.\"r.corp\"]\nheaders = { \"a b\" = \"c\" }\n",
                (2, 11),
                "no name of a header",
            ),
            (
                "[host.\"r.corp\"]\nheaders = { a = \"s3cret\\n\" }\n",
                (2, 11),
                "no header can carry",
            ),
            (
                "[host.\"r.corp\"]\nuser_agent = \"a\\n\"\n",
                (2, 14),
                "cannot be sent",
            ),
            (
                "[host.\"r.corp\"]\nca_file = 3\n",
                (2, 11),
                "a list of paths",
            ),
            ("[default\n", (1, 9), ""),
            ("é = 1\n", (1, 1), ""),
            ("x = \"é\"  y", (1, 10), ""),
        ] {
            let error = Hosts::from_toml(text).expect_err(text);
            assert_eq!((error.line, error.column), place, "{text}{error}");
            assert!(error.message.contains(says), "{text}{error}");
            assert!(!error.message.contains('\n') && !error.message.contains("s3cret"));
        }
        let large = "#".repeat(2 * 1024 * 1024);
        let error = Hosts::from_toml(&large).expect_err("too large");
        assert!(error.message.contains("limit"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in r#"(\[|\]|host|default|mirror|"|=|\.|\n| |proxy|1|é|\{|\}){0,30}"#) {
            if let Err(error) = Hosts::from_toml(&text) {
                prop_assert!(error.line >= 1 && error.column >= 1);
                prop_assert!(error.line <= text.lines().count() + 1);
            }
        }
    }
}
