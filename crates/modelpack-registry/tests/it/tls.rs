//! Certificates for tests, and servers that write down which ones they are shown.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use modelpack_registry::hosts::ClientIdentity;

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn certificate(&self, name: &str) -> (CertificateDer<'static>, String, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .expect("a name")
            .signed_by(&key, &self.0)
            .expect("a certificate");
        (certificate.der().clone(), certificate.pem(), key)
    }

    /// A server for `name` that asks its clients for a certificate, but does not insist.
    pub(crate) fn server(&self, name: &str) -> (Arc<ServerConfig>, Shown) {
        let (certificate, _, key) = self.certificate(name);
        let shown = Shown::default();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("good versions")
            .with_client_cert_verifier(Arc::new(shown.clone()))
            .with_single_cert(
                vec![certificate],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("a key that fits");
        (Arc::new(config), shown)
    }

    pub(crate) fn identity(&self, name: &str) -> (ClientIdentity, CertificateDer<'static>) {
        let (der, pem, key) = self.certificate(name);
        (ClientIdentity::new(pem, key.serialize_pem()), der)
    }
}

/// The certificates that a server was shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl Shown {
    pub(crate) fn all(&self) -> Vec<CertificateDer<'static>> {
        self.0.lock().expect("no test panics in here").clone()
    }
}

impl ClientCertVerifier for Shown {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let certificate = certificate.clone().into_owned();
        self.0
            .lock()
            .expect("no test panics in here")
            .push(certificate);
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
