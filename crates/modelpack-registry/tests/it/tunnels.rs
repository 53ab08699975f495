//! Tunnels through a proxy: what it sees, and what is said when it refuses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use modelpack_registry::{Client, Error, Name, Proxies, Proxy, RetryPolicy};
use modelpack_spec::{Descriptor, Digest, MediaType};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::server::{Reply, Server};

const CONTENT: &[u8] = b"weights";
/// An address for documentation: a public one that nobody has.
const REGISTRY: &str = "192.0.2.10";

async fn pull(client: &Client) -> Result<bytes::Bytes, Error> {
    let (host, repository) = (REGISTRY.parse(), "a".parse());
    let name = Name::new(host.expect("a host"), repository.expect("a repository"));
    let digest = Digest::sha256(CONTENT);
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64);
    client.get_blob(&name, &descriptor, 1024).await
}

fn proxy(text: String) -> Proxy {
    text.parse().expect("a proxy")
}

fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!("\n{cause}\n{cause:?}"));
        next = cause.source();
    }
    text
}

/// A proxy that tunnels, and takes everything to one place.
struct Tunnels {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tunnels {
    async fn start(answer: &'static str, target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    log.lock().expect("no test panics in here").push(head);
                    client.write_all(answer.as_bytes()).await?;
                    if answer.contains(" 200 ") {
                        let mut server = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut client, &mut server).await?;
                    }
                    Ok::<(), std::io::Error>(())
                });
            }
        });
        Self {
            address,
            heads,
            task,
        }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panics in here").clone()
    }
}

#[tokio::test]
async fn https_goes_through_a_tunnel_that_sees_only_the_host() {
    let authority = crate::tls::Authority::new();
    let (config, shown) = authority.server(REGISTRY);
    let server = Server::start_tls(config, |_| Reply::new(200).body(CONTENT)).await;
    let tunnels = Tunnels::start("HTTP/1.1 200 Tunnel\r\n\r\n", server.address).await;
    let (identity, certificate) = authority.identity("me");
    let mut proxies = Proxies::default();
    proxies.https = Some(proxy(format!("http://pro:xy@{}", tunnels.address)));
    let client = Client::builder()
        .add_ca_pem(authority.pem())
        .client_identity(identity)
        .proxies(proxies)
        .build()
        .expect("good options");
    pull(&client).await.expect("there");
    let heads = tunnels.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(
        heads[0].starts_with("CONNECT 192.0.2.10:443 HTTP/1.1\r\n"),
        "{heads:?}"
    );
    assert!(heads[0].contains("Basic cHJvOnh5"), "{heads:?}");
    assert_eq!(shown.all(), [certificate]);
    let requests = server.requests();
    assert_eq!(requests[0].header("proxy-authorization"), None);
    assert!(requests[0].target.starts_with("/v2/a/blobs/"));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    for (answer, says) in [
        ("HTTP/1.1 407 Login\r\n\r\n", "authorization required"),
        ("HTTP/1.1 403 No\r\n\r\n", "unsuccessful"),
        ("garbage\r\n\r\n", "unsuccessful"),
        ("HTTP/1.1 200 ", "unexpected end"),
    ] {
        let nowhere = "127.0.0.1:1".parse().expect("an address");
        let tunnels = Tunnels::start(answer, nowhere).await;
        let mut proxies = Proxies::default();
        proxies.all = Some(proxy(format!("http://pro:s3cret@{}", tunnels.address)));
        let client = Client::builder()
            .proxies(proxies)
            .retry(RetryPolicy::never())
            .build()
            .expect("good options");
        let error = pull(&client).await.expect_err(answer);
        assert!(matches!(error, Error::Network { .. }), "{error}");
        let text = causes(&error);
        let address = format!("the proxy http://{} made no connection", tunnels.address);
        assert!(text.contains(&address) && text.contains(says), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}
