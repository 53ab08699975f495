//! Digests as they stand in a path: `sha256:…` or `sha512:…`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256, Sha512};

/// The `sha256:…` digest of bytes that are in memory.
pub fn sha256_digest(bytes: &[u8]) -> String {
    let mut hasher = Hasher::Sha256(Sha256::new());
    hasher.update(bytes);
    hasher.finish()
}

/// A running digest in one of the two registered algorithms.
#[derive(Debug, Clone)]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// `None` when the algorithm of `digest` is neither of the two.
    pub(super) fn like(digest: &str) -> Option<Self> {
        match digest.split_once(':')?.0 {
            "sha256" => Some(Self::Sha256(Sha256::new())),
            "sha512" => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> String {
        let (mut text, bytes) = match self {
            Self::Sha256(hasher) => ("sha256:".to_owned(), hasher.finalize().to_vec()),
            Self::Sha512(hasher) => ("sha512:".to_owned(), hasher.finalize().to_vec()),
        };
        for byte in bytes {
            write!(text, "{byte:02x}").expect("a string takes every write");
        }
        text
    }
}

/// The digest of `bytes` in the algorithm that `like` has.
pub(super) fn digest_like(like: &str, bytes: &[u8]) -> Option<String> {
    let mut hasher = Hasher::like(like)?;
    hasher.update(bytes);
    Some(hasher.finish())
}

/// Whether this is a digest that the registry can know.
pub(super) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", hex)) => (hex, 64),
        Some(("sha512", hex)) => (hex, 128),
        _ => return false,
    };
    length.0.len() == length.1
        && length
            .0
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
