//! Certificates, and the other ways to reach a registry than a plain socket.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use modelpack_server::{
    ListenOptions, Listener, MemoryStorage, Options, Registry, TlsIdentity, listen,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

fn registry() -> Registry {
    Registry::new(MemoryStorage::new(), Options::default())
}

/// A listener with a certificate of its own, and what connects to it.
async fn start(mut options: ListenOptions) -> (Listener, TlsConnector) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]);
    let certificate = certificate.unwrap().self_signed(&key).unwrap();
    let identity =
        TlsIdentity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
    options.tls = Some(identity.unwrap());
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry(), options).await.unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (listener, TlsConnector::from(Arc::new(config)))
}

async fn connect(listener: &Listener, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let name = "localhost".try_into().unwrap();
    connector.connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn https_by_certificate_files() {
    let mut options = ListenOptions::default();
    options.header_timeout = Duration::from_millis(500);
    let (listener, connector) = start(options).await;
    let mut stream = connect(&listener, &connector).await;
    let request = b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    // Servers that end without a farewell are common; the answer counts.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    // Whoever speaks no TLS, or says nothing, gets nothing and keeps nothing.
    for hello in [&b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], b""] {
        let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
        stream.write_all(hello).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"));
    }
    assert!(listener.shutdown(Duration::from_secs(10)).await);
}

/// S11: Whoever is one too many and says nothing at all makes room for the next one.
#[tokio::test]
async fn s11_the_refused_who_never_shake_hands() {
    let mut options = ListenOptions::default();
    options.max_connections = 1;
    options.header_timeout = Duration::from_secs(3600);
    let (listener, connector) = start(options).await;
    let _first = connect(&listener, &connector).await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(listener.local_addr()).await.unwrap());
    }
    let next = tokio::time::timeout(Duration::from_secs(60), connect(&listener, &connector));
    let mut next = next.await.expect("a place for the next one becomes free");
    let request = b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    next.write_all(request).await.unwrap();
    let mut answer = [0; 12];
    next.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
}

/// A shutdown waits for requests, and nobody who has not shaken hands has made one.
#[tokio::test]
async fn a_shutdown_does_not_wait_for_handshakes() {
    let mut options = ListenOptions::default();
    options.header_timeout = Duration::from_secs(3600);
    let (listener, connector) = start(options).await;
    let _silent = TcpStream::connect(listener.local_addr()).await.unwrap();
    // The listener takes one after the other, so it has taken the first.
    drop(connect(&listener, &connector).await);
    assert!(listener.shutdown(Duration::from_secs(20)).await);
}

#[test]
fn certificates_that_cannot_be_used() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]);
    let certificate = certificate.unwrap().self_signed(&key).unwrap().pem();
    for (chain, key, says) in [
        ("", key.serialize_pem(), "cannot read the certificates"),
        (&*certificate, String::new(), "cannot read the private key"),
        (
            &certificate,
            other.serialize_pem(),
            "cannot use the certificate with this key",
        ),
    ] {
        let error = TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), says);
        assert!(std::error::Error::source(&error).is_some());
    }
}

/// S11: A client that stops reading in the middle of a large answer does not hold its connection for ever.
#[tokio::test]
async fn s11_a_client_that_does_not_read() {
    let registry = registry();
    let content = vec![b'x'; 64 * 1024 * 1024];
    let digest = modelpack_spec::Digest::sha256(&content);
    let push = Request::post(format!("/v2/a/blobs/uploads/?digest={digest}"));
    let push = push.body(http_body_util::Full::new(bytes::Bytes::from(content)));
    assert_eq!(registry.handle(push.unwrap()).await.status(), 201);
    let mut options = ListenOptions::default();
    options.write_timeout = Duration::from_millis(100);
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry, options).await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request = format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    // The connection ends although the client still has it open and has not read a byte.
    assert!(listener.shutdown(Duration::from_secs(30)).await);
    drop(stream);
}

#[tokio::test]
async fn a_registry_is_a_service() {
    let mut service = registry();
    std::future::poll_fn(|context| Service::<Request<String>>::poll_ready(&mut service, context))
        .await
        .unwrap();
    let request = Request::get("/v2/").body(String::new()).unwrap();
    let answer = service.call(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{}");
}
