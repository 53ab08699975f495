//! The keys that sign tokens (RFC 7515, 7517, 7518).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::Deserialize;

use super::der;

/// The keys with which tokens may be signed. What a token itself carries (`jwk`, `jku`, `x5c`) is
/// never looked at, and what kind of signature a key makes is never the token's to say.
pub struct TokenKeys(Vec<Named>);

struct Named {
    id: Option<String>,
    key: Key,
}

enum Key {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// A point, uncompressed.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

/// Why a text holds no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeyError {
    /// It is neither a public key or certificate in PEM nor a JSON web key set.
    #[error("neither a public key or certificate in PEM nor a JSON web key set")]
    Unreadable,
    /// A key is of a kind that is not taken, or malformed.
    #[error(
        "key number {number} cannot be used: RSA, EC P-256, EC P-384, Ed25519 and shared secrets can"
    )]
    Unusable {
        /// Its place in the text, from 1.
        number: usize,
    },
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// A key of a set; only the members that its kind has.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

/// The protected header of a token. `crit` would ask for things that nobody here understands.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

impl TokenKeys {
    /// Reads public keys and certificates in PEM, or a JSON web key set: RSA from 2048 bits, EC P-256
    /// and P-384, Ed25519, and in a set also shared secrets. Of a certificate only the key counts.
    ///
    /// # Errors
    /// [`TokenKeyError`].
    pub fn parse(text: &[u8]) -> Result<Self, TokenKeyError> {
        if let Ok(set) = serde_json::from_slice::<JwkSet>(text) {
            let keys = set.keys.into_iter().zip(1..).map(|(jwk, number)| {
                let key = jwk.key().ok_or(TokenKeyError::Unusable { number })?;
                Ok(Named { id: jwk.kid, key })
            });
            return Ok(Self(keys.collect::<Result<_, _>>()?));
        }
        let unreadable = |_| TokenKeyError::Unreadable;
        let keys = SubjectPublicKeyInfoDer::pem_slice_iter(text)
            .map(|key| key.map(|key| key.as_ref().to_vec()));
        let certificates = CertificateDer::pem_slice_iter(text).map(|certificate| {
            certificate.map(|it| der::key_of_certificate(&it).unwrap_or_default())
        });
        let found: Vec<Vec<u8>> = keys
            .chain(certificates)
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        if found.is_empty() {
            return Err(TokenKeyError::Unreadable);
        }
        let keys = found.iter().zip(1..).map(|(info, number)| {
            let key = Key::of_info(info).ok_or(TokenKeyError::Unusable { number })?;
            Ok(Named { id: None, key })
        });
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// A secret that token service and registry share.
    #[must_use]
    pub fn shared_secret(secret: &[u8]) -> Self {
        Self(vec![Named {
            id: None,
            key: Key::Secret(secret.to_vec()),
        }])
    }

    /// These keys and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The claims of a token, as JSON, if one of the keys has signed them.
    pub(super) fn verify(&self, token: &str) -> Option<Vec<u8>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = decode(signature)?;
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if header.crit.is_some() {
            return None;
        }
        let is_signed = self
            .0
            .iter()
            .filter(|named| named.id.is_none() || header.kid.is_none() || named.id == header.kid)
            .any(|named| {
                named
                    .key
                    .has_signed(&header.alg, signed.as_bytes(), &signature)
            });
        if is_signed { decode(claims) } else { None }
    }
}

impl Key {
    /// Reads a `SubjectPublicKeyInfo`.
    fn of_info(info: &[u8]) -> Option<Self> {
        let (kind, bits) = der::public_key(info)?;
        match kind {
            der::KeyKind::Rsa => {
                let (modulus, exponent) = der::rsa_numbers(bits)?;
                Some(Self::Rsa(modulus.to_vec(), exponent.to_vec()))
            }
            der::KeyKind::P256 => Some(Self::P256(bits.to_vec())),
            der::KeyKind::P384 => Some(Self::P384(bits.to_vec())),
            der::KeyKind::Ed25519 => Some(Self::Ed25519(bits.to_vec())),
        }
    }

    fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let by = |method: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(method, key).verify(message, signature)
        };
        let verified = match (self, algorithm) {
            (Self::Rsa(n, e), algorithm) => match rsa(algorithm) {
                Some(method) => RsaPublicKeyComponents { n, e }.verify(method, message, signature),
                None => return false,
            },
            (Self::P256(point), "ES256") => by(&ECDSA_P256_SHA256_FIXED, point),
            (Self::P384(point), "ES384") => by(&ECDSA_P384_SHA384_FIXED, point),
            (Self::Ed25519(key), "EdDSA" | "Ed25519") => by(&ED25519, key),
            (Self::Secret(secret), algorithm) => match hmac(algorithm) {
                Some(method) => {
                    let key = ring::hmac::Key::new(method, secret);
                    ring::hmac::verify(&key, message, signature)
                }
                None => return false,
            },
            _ => return false,
        };
        verified.is_ok()
    }
}

impl Jwk {
    fn key(&self) -> Option<Key> {
        let member = |text: &Option<String>| decode(text.as_deref()?);
        let point = || {
            let (mut x, y) = (member(&self.x)?, member(&self.y)?);
            x.insert(0, 4);
            x.extend(y);
            Some(x)
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(Key::Rsa(member(&self.n)?, member(&self.e)?)),
            ("EC", Some("P-256")) => point().map(Key::P256),
            ("EC", Some("P-384")) => point().map(Key::P384),
            ("OKP", Some("Ed25519")) => member(&self.x).map(Key::Ed25519),
            // An empty secret would let everybody sign.
            ("oct", _) => member(&self.k)
                .filter(|secret| !secret.is_empty())
                .map(Key::Secret),
            _ => None,
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn hmac(algorithm: &str) -> Option<ring::hmac::Algorithm> {
    Some(match algorithm {
        "HS256" => ring::hmac::HMAC_SHA256,
        "HS384" => ring::hmac::HMAC_SHA384,
        "HS512" => ring::hmac::HMAC_SHA512,
        _ => return None,
    })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|named| &named.id))
            .finish()
    }
}
