//! TLS with a certificate authority of the test's own.

use std::sync::Arc;

use modelpack_registry::{Client, Credential, Error, SingleHost};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{Reply, Server, client};

/// A server configuration, and the PEM of the authority that vouches for it.
fn certificates() -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .expect("an address")
        .signed_by(&key, &authority)
        .expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("good versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("a key that fits");
    (Arc::new(config), authority.pem())
}

#[tokio::test]
async fn a_known_authority_is_trusted_and_others_are_not() {
    let (config, pem) = certificates();
    let server = Server::start_tls(config, |_| Reply::new(200)).await;
    let trusting = Client::builder()
        .add_ca_pem(pem)
        .build()
        .expect("good options");
    trusting.ping(&server.host()).await.expect("trusted");
    assert_eq!(server.lines(), ["GET /v2/"]);

    let strict = Client::builder().build().expect("good options");
    let error = strict
        .ping(&server.host())
        .await
        .expect_err("unknown authority");
    assert!(matches!(error, Error::Network { .. }), "{error}");
    assert_eq!(server.requests().len(), 1);

    let careless = Client::builder()
        .danger_accept_invalid_certs(true)
        .build()
        .expect("good options");
    careless.ping(&server.host()).await.expect("anything goes");
}

/// C2: TLS is never given up.
#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let plain = Server::start(|_| Reply::new(200).body("0123456789")).await;
    let target = plain.url("/x");
    let (config, pem) = certificates();
    let server = Server::start_tls(config, move |_| {
        Reply::new(307).header("location", target.clone())
    })
    .await;
    let client = Client::builder()
        .add_ca_pem(pem)
        .build()
        .expect("good options");
    let digest = modelpack_spec::Digest::sha256(b"0123456789");
    let descriptor = modelpack_spec::Descriptor::new("a/b".into(), digest, 10);
    let error = client
        .get_blob(&server.name(), &descriptor, 10)
        .await
        .expect_err("no TLS there");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(plain.requests().is_empty());
}

/// C2: A password for plain HTTP is not one for TLS.
#[tokio::test]
async fn c2_a_redirect_to_another_scheme_carries_no_secret() {
    const CONTENT: &[u8] = b"0123456789";
    let (config, pem) = certificates();
    let secure = Server::start_tls(config, |_| Reply::new(200).body(CONTENT)).await;
    let target = format!("https://{}/x", secure.address);
    let plain = Server::start(move |request| match request.header("authorization") {
        Some(_) => Reply::new(307).header("location", target.clone()),
        None => Reply::new(401).header("www-authenticate", "Basic realm=x"),
    })
    .await;
    let login = Credential::password("me", "s3cret");
    let client = crate::server::options()
        .add_ca_pem(pem)
        .credentials(SingleHost::new(plain.host(), login))
        .build()
        .expect("good options");
    let digest = modelpack_spec::Digest::sha256(CONTENT);
    let descriptor = modelpack_spec::Descriptor::new("a/b".into(), digest, 10);
    client
        .get_blob(&plain.name(), &descriptor, 10)
        .await
        .expect("it may be elsewhere");
    let requests = secure.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("authorization"), None);
    assert_eq!(requests[0].header("cookie"), None);
}

/// C3: Behind TLS no realm is without it.
#[tokio::test]
async fn c3_a_token_service_without_tls_is_refused() {
    let (config, pem) = certificates();
    let server = Server::start_tls(config, |_| {
        Reply::new(401).header(
            "www-authenticate",
            "Bearer realm=\"http://127.0.0.1/token\"",
        )
    })
    .await;
    let client = Client::builder()
        .add_ca_pem(pem)
        .build()
        .expect("good options");
    let error = client.ping(&server.host()).await.expect_err("no TLS there");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
}

#[tokio::test]
async fn plain_http_does_not_answer_tls() {
    let (config, _) = certificates();
    let server = Server::start_tls(config, |_| Reply::new(200)).await;
    client().ping(&server.host()).await.expect_err("TLS there");
}

#[test]
fn a_file_that_holds_no_certificate_is_refused() {
    let error = Client::builder().add_ca_pem("nonsense").build();
    assert!(matches!(error, Err(Error::Setup { .. })));
}
