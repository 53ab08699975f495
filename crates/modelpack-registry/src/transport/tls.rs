//! Which servers TLS trusts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::client::ClientBuilder;
use crate::error::Error;

/// The roots of the operating system and those of the caller. A system without roots is no error here:
/// the first handshake will say so, and plain HTTP works without.
pub(super) fn config(options: &ClientBuilder) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| setup("TLS has no usable version", Some(error)))?;
    if options.accept_invalid_certs {
        let verifier = Arc::new(AcceptAll(provider));
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in &options.extra_ca_pem {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate
                .map_err(|error| setup("a certificate authority is no PEM", Some(error)))?;
            roots
                .add(certificate)
                .map_err(|error| setup("a certificate authority cannot be read", Some(error)))?;
        }
        if roots.len() == before {
            return Err(setup::<rustls::Error>(
                "a file of certificate authorities has no certificate in PEM",
                None,
            ));
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn setup<E: std::error::Error + Send + Sync + 'static>(reason: &str, source: Option<E>) -> Error {
    Error::Setup {
        reason: reason.to_owned(),
        source: source.map(Into::into),
    }
}

/// Takes any certificate, but still wants the handshake to be signed by its key.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
