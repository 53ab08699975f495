//! Which servers TLS trusts, and which of them see our certificate.

use std::sync::Arc;

use http::Uri;
use modelpack_spec::Host;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use url::Url;

use super::connect::Party;
use crate::client::ClientBuilder;
use crate::error::Error;
use crate::hosts::{ClientIdentity, HostSettings, Hosts};
use crate::policy::Origin;
use crate::target::answering_host;

/// The configurations of all hosts.
///
/// Authorities belong to the server that is connected to, whoever has named it. A certificate of ours is
/// shown only where the user has sent us: to a registry or mirror at its own origin. Each configuration
/// has a store of TLS sessions of its own, so that none is resumed with an identity that it must not have.
pub(super) struct Configs {
    default: Variants,
    hosts: Vec<(Host, Variants)>,
}

/// What one host gets from the parties.
struct Variants {
    /// Without a certificate of ours.
    bare: Arc<ClientConfig>,
    /// With the certificate that is set for this host.
    own: Option<Arc<ClientConfig>>,
    /// With the certificate for all registries that the user names.
    common: Option<Arc<ClientConfig>>,
}

impl Configs {
    pub(super) fn new(options: &ClientBuilder) -> Result<Self, Error> {
        let factory = Factory::new(options)?;
        let settings = &options.hosts;
        let default = factory.variants(&settings.default, options, "every host")?;
        let mut hosts = Vec::new();
        for host in settings.hosts.keys() {
            let merged = settings.of(host);
            if !needs_own(settings, host) {
                continue;
            }
            let variants = factory.variants(&merged, options, host.as_str())?;
            let host = answering_host(host).parse();
            hosts.push((host.expect("the name of a registry is a host"), variants));
        }
        Ok(Self { default, hosts })
    }

    /// The configuration for a connection to `target`.
    pub(super) fn get(&self, party: Party, target: &Uri) -> Arc<ClientConfig> {
        let origin = Url::parse(&target.to_string())
            .ok()
            .and_then(|url| Origin::of(&url));
        let own = origin.and_then(|origin| self.hosts.iter().find(|(host, _)| origin.is_at(host)));
        let variants = own.map_or(&self.default, |(_, variants)| variants);
        let config = match party {
            Party::Registry => variants.own.as_ref().or(variants.common.as_ref()),
            Party::Mirror => variants.own.as_ref(),
            Party::Named(_) => None,
        };
        Arc::clone(config.unwrap_or(&variants.bare))
    }
}

/// Whether a host has TLS settings that differ from the default.
fn needs_own(settings: &Hosts, host: &Host) -> bool {
    settings.hosts.get(host).is_some_and(|own| {
        !own.ca_pem.is_empty()
            || own.identity.is_some()
            || own.danger_accept_invalid_certs.is_some()
    })
}

/// Makes configurations from what they share.
struct Factory {
    provider: Arc<CryptoProvider>,
    roots: RootCertStore,
}

impl Factory {
    /// The roots of the operating system and those of the caller. A system without roots is no error
    /// here: the first handshake will say so, and plain HTTP works without.
    fn new(options: &ClientBuilder) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        add_authorities(&mut roots, &options.extra_ca_pem, "every host")?;
        Ok(Self {
            provider: Arc::new(ring::default_provider()),
            roots,
        })
    }

    fn variants(
        &self,
        settings: &HostSettings,
        options: &ClientBuilder,
        host: &str,
    ) -> Result<Variants, Error> {
        let mut roots = self.roots.clone();
        add_authorities(&mut roots, &settings.ca_pem, host)?;
        let accepts_all = settings
            .danger_accept_invalid_certs
            .unwrap_or(options.accept_invalid_certs);
        let config = |identity: Option<&ClientIdentity>| {
            self.config(&roots, accepts_all, identity, host)
                .map(Arc::new)
        };
        let with = |identity: &Option<ClientIdentity>| {
            let identity = identity.as_ref();
            identity.map(|identity| config(Some(identity))).transpose()
        };
        Ok(Variants {
            bare: config(None)?,
            own: with(&settings.identity)?,
            common: with(&options.identity)?,
        })
    }

    fn config(
        &self,
        roots: &RootCertStore,
        accepts_all: bool,
        identity: Option<&ClientIdentity>,
        host: &str,
    ) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| setup("TLS has no usable version", Some(error)))?;
        let builder = if accepts_all {
            let verifier = Arc::new(AcceptAll(Arc::clone(&self.provider)));
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(roots.clone())
        };
        let Some(identity) = identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(identity.cert_pem())
                .collect::<Result<_, _>>()
                .map_err(|error| {
                    setup(
                        &format!("the client certificate for {host} is no PEM"),
                        Some(error),
                    )
                })?;
        if chain.is_empty() {
            let reason = format!("the client certificate for {host} has no certificate in PEM");
            return Err(setup::<rustls::Error>(&reason, None));
        }
        // The parser's error could quote the key.
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem()).map_err(|_| {
            let reason = format!("the client key for {host} has no private key in PEM");
            setup::<rustls::Error>(&reason, None)
        })?;
        builder.with_client_auth_cert(chain, key).map_err(|error| {
            let reason = format!("the client certificate for {host} does not go with its key");
            setup(&reason, Some(error))
        })
    }
}

fn add_authorities(roots: &mut RootCertStore, pems: &[Vec<u8>], host: &str) -> Result<(), Error> {
    for pem in pems {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| {
                setup(
                    &format!("a certificate authority for {host} is no PEM"),
                    Some(error),
                )
            })?;
            roots.add(certificate).map_err(|error| {
                setup(
                    &format!("a certificate authority for {host} cannot be read"),
                    Some(error),
                )
            })?;
        }
        if roots.len() == before {
            let reason =
                format!("a file of certificate authorities for {host} has no certificate in PEM");
            return Err(setup::<rustls::Error>(&reason, None));
        }
    }
    Ok(())
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
