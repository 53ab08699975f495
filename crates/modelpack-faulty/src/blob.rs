//! Where the bytes of a blob come from: memory, a formula, or nowhere any more.

use std::sync::{Arc, OnceLock};

use sha2::Sha256;

use super::digest::Hasher;
use crate::random_bytes;

/// One page of a synthetic blob lies in the noise without a break.
const PAGE: u64 = 256 * 1024;

/// Large enough that two pages begin at the same place once in a million pairs.
const NOISE: u64 = 1024 * 1024 + PAGE;

/// A blob of any size that takes no memory: each page is a piece of one fixed block of noise, begun at a place that
/// depends on the seed and on the number of the page.
///
/// No byte is computed while it is served, so a benchmark measures the client and not the server. Bytes that end up
/// at another place than theirs give another digest, as with real data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticBlob {
    len: u64,
    seed: u64,
}

impl SyntheticBlob {
    /// A blob of `len` bytes that depend on `seed`.
    pub fn new(len: u64, seed: u64) -> Self {
        Self { len, seed }
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its `sha256:…` digest. This is one pass over all bytes, so keep it.
    pub fn digest(&self) -> String {
        use sha2::Digest as _;

        let mut hasher = Hasher::Sha256(Sha256::new());
        let mut at = 0;
        while at < self.len {
            let part = self.part(at, usize::MAX);
            hasher.update(part);
            at += part.len() as u64;
        }
        hasher.finish()
    }

    /// The bytes from `at` on, as many as lie together: at least one unless the blob ends there.
    pub fn part(&self, at: u64, max: usize) -> &'static [u8] {
        static BLOCK: OnceLock<Vec<u8>> = OnceLock::new();
        let block = BLOCK.get_or_init(|| random_bytes(NOISE as usize, 0x6d6f_6465));
        let (page, within) = (at / PAGE, at % PAGE);
        let start = mix(self.seed ^ mix(page)) % (NOISE - PAGE) + within;
        let left = self.len.saturating_sub(at).min(PAGE - within);
        let count = usize::try_from(left).map_or(max, |left| left.min(max));
        &block[start as usize..start as usize + count]
    }

    /// All bytes in memory, to compare with.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < self.len {
            bytes.extend_from_slice(self.part(bytes.len() as u64, usize::MAX));
        }
        bytes
    }
}

/// The finaliser of SplitMix64: neighbours end far apart.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a registry holds under a digest.
#[derive(Debug, Clone)]
pub(super) enum Blob {
    Kept(Arc<[u8]>),
    Synthetic(SyntheticBlob),
    /// Was pushed, was counted, is gone.
    Dropped {
        len: u64,
    },
}

impl Blob {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Kept(bytes) => bytes.len() as u64,
            Self::Synthetic(blob) => blob.len(),
            Self::Dropped { len } => *len,
        }
    }

    /// The bytes from `at` on, as many as lie together.
    pub(super) fn part(&self, at: u64, max: usize) -> &[u8] {
        match self {
            Self::Kept(bytes) => {
                let start = usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
                &bytes[start..bytes.len().min(start.saturating_add(max))]
            }
            Self::Synthetic(blob) => blob.part(at, max),
            Self::Dropped { .. } => &[],
        }
    }
}
