//! Where a public key lies inside of its DER wrappings (RFC 5280 section 4.1).

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]`: the version of a certificate.
const VERSION: u8 = 0xa0;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The kinds of keys that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Reads elements one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, which has to have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Keys and certificates are shorter than what three bytes can say.
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

/// Kind and bits of the key in a `SubjectPublicKeyInfo`.
pub(super) fn public_key(info: &[u8]) -> Option<(KeyKind, &[u8])> {
    let mut info = Reader(Reader(info).take(SEQUENCE)?);
    let mut algorithm = Reader(info.take(SEQUENCE)?);
    // The first byte says how many bits of the last one are not used: none, for keys.
    let (0, bits) = info.take(BIT_STRING)?.split_first()? else {
        return None;
    };
    let kind = match algorithm.take(OBJECT)? {
        RSA => KeyKind::Rsa,
        ED25519 => KeyKind::Ed25519,
        EC => match algorithm.take(OBJECT)? {
            P256 => KeyKind::P256,
            P384 => KeyKind::P384,
            _ => return None,
        },
        _ => return None,
    };
    Some((kind, bits))
}

/// Modulus and exponent of an RSA key, without leading zeros.
pub(super) fn rsa_numbers(bits: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut numbers = Reader(Reader(bits).take(SEQUENCE)?);
    let mut number = || {
        let bytes = numbers.take(INTEGER)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(&bytes[zeros..])
    };
    Some((number()?, number()?))
}

/// The `SubjectPublicKeyInfo` of a certificate.
pub(super) fn key_of_certificate(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut certificate = Reader(Reader(certificate).take(SEQUENCE)?);
    let mut signed = Reader(certificate.take(SEQUENCE)?);
    let _ = signed.take(VERSION);
    signed.take(INTEGER)?;
    // Algorithm, issuer, validity and subject.
    for _ in 0..4 {
        signed.take(SEQUENCE)?;
    }
    let before = signed.0;
    signed.take(SEQUENCE)?;
    let length = before.len() - signed.0.len();
    Some(before[..length].to_vec())
}
