//! HTTPS, and the ways out of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use modelpack_faulty::{Class, Fault, FaultyRegistry, Origin, Rule, Target, Tls, When};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::raw::contents;

/// One request over HTTPS; everything that comes until the connection ends.
fn ask(registry: &FaultyRegistry, origin: Origin, path: &str) -> String {
    let pem = registry.authority_pem().expect("an authority");
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    roots.add(authority).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("good versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let socket = TcpStream::connect(registry.address(origin)).expect("it listens");
    let mut stream = StreamOwned::new(connection, socket);
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").expect("it reads");
    let mut bytes = Vec::new();
    // A cut comes without the alert that TLS wants.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn registry(tls: Tls) -> (FaultyRegistry, String) {
    let (contents, path) = contents();
    let to = Target::Signed {
        uses: None,
        get_only: false,
    };
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .tls(tls)
        .rule(Rule::new(
            When::class(Class::Blob),
            Fault::Redirect { to, status: 307 },
        ))
        .rule(Rule::new(When::any(), Fault::Cut { after: 0 }))
        .rule(Rule::new(
            When::any().at(Origin::Elsewhere),
            Fault::Cut { after: 1000 },
        ));
    (registry.start(), path)
}

#[test]
fn a_redirect_leads_from_https_to_http() {
    let (registry, path) = registry(Tls::Registry);
    assert!(registry.url(Origin::Registry).starts_with("https://"));
    let answer = ask(&registry, Origin::Registry, &path);
    let place = format!(
        "Location: http://{}/signed/",
        registry.address(Origin::Elsewhere)
    );
    assert!(answer.contains(&place), "{answer}");
}

#[test]
fn all_origins_speak_https() {
    let (registry, path) = registry(Tls::Everywhere);
    let answer = ask(&registry, Origin::Registry, &path);
    let place = format!("Location: {}", registry.url(Origin::Elsewhere));
    let (_, path) = answer.split_once(&place).expect("the other origin");
    let path = path.lines().next().expect("a path");
    assert!(place.contains("https://"));
    let answer = ask(&registry, Origin::Elsewhere, path);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Content-Length: 1000\r\n"), "{answer}");
}
