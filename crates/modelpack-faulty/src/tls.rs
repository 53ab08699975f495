//! HTTPS by an authority that exists for one registry.

use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::wire::Wire;

/// What a server needs to speak HTTPS.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    config: Arc<ServerConfig>,
    /// What a client needs to believe it.
    pub(super) authority: String,
}

impl Identity {
    /// For `127.0.0.1` and `localhost`.
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("ring makes keys");
        let authority =
            CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
        let key = KeyPair::generate().expect("ring makes keys");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = CertificateParams::new(names)
            .expect("an address and a name are good names")
            .signed_by(&key, &authority)
            .expect("the authority signs");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has both versions of TLS")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("the key is the one of the certificate");
        Self {
            config: Arc::new(config),
            authority: authority.pem(),
        }
    }

    /// The handshake happens with the first byte that is read.
    pub(super) fn wrap(&self, socket: TcpStream) -> Option<Box<dyn Wire>> {
        let connection = ServerConnection::new(Arc::clone(&self.config)).ok()?;
        Some(Box::new(StreamOwned::new(connection, socket)))
    }
}
