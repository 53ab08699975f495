//! Through proxies: tunnels, whole URLs, logins, and the rules that hold there as well.

use std::net::SocketAddr;

use modelpack_registry::hosts::{Hosts, ProxyChoice};
use modelpack_registry::{Client, Credential, Error, Name, PlainHttp, Proxies, Proxy, SingleHost};
use modelpack_spec::{Descriptor, Digest, MediaType};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Reply, Request, Server, options};

const CONTENT: &[u8] = b"weights";
/// Addresses for documentation: public ones that nobody has.
const REGISTRY: &str = "192.0.2.10";
const ELSEWHERE: &str = "192.0.2.11";

fn descriptor() -> Descriptor {
    let digest = Digest::sha256(CONTENT);
    Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64)
}

fn name(host: &str) -> Name {
    Name::new(
        host.parse().expect("a host"),
        "a".parse().expect("a repository"),
    )
}

async fn pull(client: &Client, name: &Name) -> Result<bytes::Bytes, Error> {
    client.get_blob(name, &descriptor(), 1024).await
}

fn proxy(text: String) -> Proxy {
    text.parse().expect("a proxy")
}

/// A proxy for plain HTTP is a server that is told the whole URL.
fn through(proxy_server: &Server, login: &str) -> Proxies {
    let mut proxies = Proxies::default();
    proxies.http = Some(proxy(format!("http://{login}{}", proxy_server.address)));
    proxies
}

#[tokio::test]
async fn plain_http_is_handed_to_the_proxy_whole() {
    let server = Server::start(|request| match request.header("authorization") {
        Some("Basic bWU6czNjcmV0") => Reply::new(200).body(CONTENT),
        _ => Reply::new(401).header("www-authenticate", "Basic realm=x"),
    })
    .await;
    let client = options()
        .plain_http(PlainHttp::Always)
        .proxies(through(&server, "pro:xy@"))
        .credentials(SingleHost::new(
            REGISTRY.parse().expect("a host"),
            Credential::password("me", "s3cret"),
        ))
        .build()
        .expect("good options");
    pull(&client, &name(REGISTRY)).await.expect("there");
    let digest = Digest::sha256(CONTENT);
    let line = format!("GET http://{REGISTRY}/v2/a/blobs/{digest}");
    assert_eq!(server.lines(), [line.clone(), line]);
    for request in server.requests() {
        // pro:xy
        assert_eq!(
            request.header("proxy-authorization"),
            Some("Basic cHJvOnh5")
        );
        assert_eq!(request.header("host"), Some(REGISTRY));
    }
}

#[tokio::test]
async fn this_machine_is_asked_without_the_proxy_unless_its_settings_say_so() {
    let proxy_server = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let server = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let proxies = through(&proxy_server, "");
    let client = options()
        .proxies(proxies.clone())
        .build()
        .expect("good options");
    pull(&client, &server.name()).await.expect("there");
    assert!(proxy_server.requests().is_empty());

    let mut hosts = Hosts::default();
    let own = hosts.hosts.entry(server.host()).or_default();
    own.proxy = Some(ProxyChoice::Through(proxies.http.expect("a proxy")));
    let client = options().hosts(hosts).build().expect("good options");
    pull(&client, &server.name()).await.expect("there");
    assert_eq!(proxy_server.requests().len(), 1);
    assert_eq!(server.requests().len(), 1);
}

/// C2, C4: The rules hold behind a proxy.
#[tokio::test]
async fn c2_c4_a_proxy_changes_nothing_about_where_answers_may_lead() {
    // The proxy stands on this machine, the registry behind it does not.
    let redirect = |target: &'static str| {
        move |request: &Request| match request.target.as_str() {
            url if url.starts_with("http://192.0.2.10/") => {
                Reply::new(307).header("location", target)
            }
            _ => Reply::new(200).body(CONTENT),
        }
    };
    for target in [
        "http://10.0.0.1/x",
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://169.254.169.254/x",
        "http://[::1]/x",
        "http://2130706433/x",
    ] {
        let server = Server::start(redirect(target)).await;
        let client = options()
            .plain_http(PlainHttp::Always)
            .proxies(through(&server, ""))
            .build()
            .expect("good options");
        let error = pull(&client, &name(REGISTRY)).await.expect_err(target);
        assert!(matches!(error, Error::Policy { .. }), "{error}");
        assert_eq!(server.requests().len(), 1, "{target}");
    }
    let server = Server::start(redirect("http://192.0.2.11/x")).await;
    let client = options()
        .plain_http(PlainHttp::Always)
        .proxies(through(&server, ""))
        .header(
            http::HeaderName::from_static("x-secret"),
            http::HeaderValue::from_static("1"),
        )
        .build()
        .expect("good options");
    pull(&client, &name(REGISTRY)).await.expect("allowed");
    let last = server.requests().pop().expect("a request");
    assert_eq!(last.target, format!("http://{ELSEWHERE}/x"));
    assert_eq!(last.header("x-secret"), None);
}

/// C3, C4: A proxy makes no address public.
#[tokio::test]
async fn c3_c4_a_token_service_inside_is_refused_behind_a_proxy_too() {
    let server = Server::start(|_| {
        Reply::new(401).header(
            "www-authenticate",
            "Bearer realm=\"http://127.0.0.1/token\"",
        )
    })
    .await;
    let client = options()
        .plain_http(PlainHttp::Always)
        .proxies(through(&server, ""))
        .build()
        .expect("good options");
    let error = pull(&client, &name(REGISTRY)).await.expect_err("inside");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert_eq!(server.requests().len(), 1);
}

/// The server's side of RFC 1928 with a password (RFC 1929), for one connection.
async fn socks(mut client: TcpStream, target: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).await?;
    let mut methods = vec![0; greeting[1].into()];
    client.read_exact(&mut methods).await?;
    assert!(methods.contains(&2), "a login is offered");
    client.write_all(&[5, 2]).await?;
    let mut seen = Vec::new();
    assert_eq!(client.read_u8().await?, 1);
    for _ in 0..2 {
        let length = client.read_u8().await?;
        let mut text = vec![0; length.into()];
        client.read_exact(&mut text).await?;
        seen.extend(text);
        seen.push(b' ');
    }
    client.write_all(&[1, 0]).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let mut address = match request[3] {
        1 => vec![0; 4],
        3 => vec![0; client.read_u8().await?.into()],
        _ => vec![0; 16],
    };
    client.read_exact(&mut address).await?;
    seen.extend(address);
    client.read_u16().await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    let mut server = TcpStream::connect(target).await?;
    tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
    Ok(seen)
}

#[tokio::test]
async fn a_socks_proxy_is_a_tunnel_for_everything() {
    let server = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let target = server.address;
    let seen = tokio::spawn(async move {
        let (client, _) = listener.accept().await?;
        socks(client, target).await
    });
    let mut proxies = Proxies::default();
    proxies.all = Some(proxy(format!("socks5://pro:xy@{address}")));
    let client = options()
        .plain_http(PlainHttp::Always)
        .proxies(proxies)
        .build()
        .expect("good options");
    pull(&client, &name(REGISTRY)).await.expect("there");
    let seen = seen.await.expect("no panic").expect("a good handshake");
    assert!(seen.starts_with(b"pro xy "), "{seen:?}");
    let request = server.requests().pop().expect("a request");
    assert!(
        request.target.starts_with("/v2/a/blobs/"),
        "{}",
        request.target
    );
    assert_eq!(request.header("proxy-authorization"), None);
}
