//! The certificate with which a listener proves its name.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::Error;

/// A certificate chain and its private key.
#[derive(Clone)]
pub struct TlsIdentity(TlsAcceptor);

impl TlsIdentity {
    /// Reads a chain, the server's own certificate first, and a key, both in PEM.
    ///
    /// # Errors
    /// [`Error::Tls`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let failed = |what: &'static str, source: Box<dyn std::error::Error + Send + Sync>| {
            Error::Tls { what, source }
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| failed("read the certificates", error.into()))?;
        if chain.is_empty() {
            return Err(failed(
                "read the certificates",
                "there is none in the file".into(),
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| failed("read the private key", error.into()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed("set up TLS", error.into()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| failed("use the certificate with this key", error.into()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}
