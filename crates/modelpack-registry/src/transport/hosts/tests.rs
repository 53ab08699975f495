//! Cases of which proxy stands on the way, and of limits that are shared.

use super::*;

fn origin(url: &str) -> Origin {
    Origin::of(&url.parse().expect("a URL")).expect("an origin")
}

fn through(text: &str) -> Option<ProxyChoice> {
    Some(ProxyChoice::Through(text.parse().expect("a proxy")))
}

fn table(hosts: Hosts, environment: &str, no_proxy: &str) -> HostTable {
    let proxies = Proxies {
        https: environment.parse().ok(),
        no_proxy: no_proxy.parse().expect("every text is taken"),
        ..Proxies::default()
    };
    HostTable::new(&ClientBuilder::default().hosts(hosts).proxies(proxies))
}

fn proxy(table: &HostTable, url: &str) -> Option<String> {
    let uri = url.parse().expect("a URI");
    table.proxy(&uri).map(|proxy| proxy.to_string())
}

#[test]
fn the_closest_word_about_a_proxy_counts() {
    let some = |text: &str| Some(text.to_owned());
    let mut hosts = Hosts::default();
    let set = |hosts: &mut Hosts, host: &str, choice| {
        let host = host.parse().expect("a host");
        hosts.hosts.entry(host).or_default().proxy = choice;
    };
    set(&mut hosts, "own.corp", through("own:1"));
    set(&mut hosts, "direct.example", Some(ProxyChoice::Direct));
    set(&mut hosts, "docker.io", through("hub:1"));
    set(&mut hosts, "localhost", through("own:1"));

    let environment = table(hosts.clone(), "env:1", ".corp");
    assert_eq!(
        proxy(&environment, "https://r.example"),
        some("http://env:1")
    );
    assert_eq!(proxy(&environment, "http://r.example"), None);
    assert_eq!(proxy(&environment, "https://a.corp"), None);
    assert_eq!(proxy(&environment, "https://direct.example"), None);
    assert_eq!(
        proxy(&environment, "https://own.corp"),
        some("http://own:1")
    );
    assert_eq!(proxy(&environment, "https://own.corp:8443"), None);
    assert_eq!(
        proxy(&environment, "https://localhost"),
        some("http://own:1")
    );
    assert_eq!(
        proxy(&environment, "https://registry-1.docker.io"),
        some("http://hub:1")
    );

    hosts.default.proxy = through("file:1");
    let file = table(hosts.clone(), "env:1", "r.example");
    assert_eq!(proxy(&file, "https://r.example"), None);
    assert_eq!(proxy(&file, "https://a.corp"), some("http://file:1"));
    assert_eq!(proxy(&file, "http://a.corp"), some("http://file:1"));
    assert_eq!(proxy(&file, "https://127.0.0.1"), None);
    assert_eq!(proxy(&file, "https://direct.example"), None);

    hosts.no_proxy = Some("a.corp".parse().expect("every text is taken"));
    let list = table(hosts.clone(), "env:1", "r.example");
    assert_eq!(proxy(&list, "https://r.example"), some("http://file:1"));
    assert_eq!(proxy(&list, "https://a.corp"), None);

    hosts.default.proxy = Some(ProxyChoice::Direct);
    let direct = table(hosts, "env:1", "");
    assert_eq!(proxy(&direct, "https://r.example"), None);
    assert_eq!(proxy(&direct, "https://own.corp"), some("http://own:1"));
}

#[test]
fn a_login_for_the_proxy_is_sent_only_where_the_proxy_reads_it() {
    let mut hosts = Hosts::default();
    hosts.default.proxy = through("http://me:s3cret@p:1");
    let http = table(hosts.clone(), "", "");
    let login = |table: &HostTable, url: &str| {
        let url = url.parse().expect("a URL");
        table.proxy_authorization(&url).is_some()
    };
    assert!(login(&http, "http://r.example"));
    assert!(!login(&http, "https://r.example"), "that is in the tunnel");
    assert!(
        !login(&http, "http://127.0.0.1"),
        "that is no way of the proxy"
    );
    hosts.default.proxy = through("socks5://me:s3cret@p:1");
    assert!(!login(&table(hosts, "", ""), "http://r.example"));
}

#[tokio::test]
async fn limits_are_shared_by_origin_and_by_nothing_else() {
    let mut hosts = Hosts::default();
    hosts.default.connections = NonZeroU16::new(1);
    let table = table(hosts, "", "");
    let one = table
        .at(&origin("https://a.example"))
        .limits
        .connection()
        .await;
    let again = table.at(&origin("https://a.example:443"));
    let semaphore = again.limits.connections.as_ref().expect("a limit");
    assert_eq!((one.is_some(), semaphore.available_permits()), (true, 0));
    let other = table.at(&origin("https://b.example")).limits.clone();
    assert!(other.connection().await.is_some());
    let without = HostTable::new(&ClientBuilder::default());
    assert!(
        without
            .at(&origin("https://a.example"))
            .limits
            .connection()
            .await
            .is_none()
    );
}
