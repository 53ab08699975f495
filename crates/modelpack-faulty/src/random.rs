//! Bytes that look random, the same on every machine.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// One write call's worth; large enough that a test file of a gigabyte is bound by the disk.
const CHUNK: usize = 64 * 1024;

/// `len` bytes that depend on `seed` alone and do not compress.
pub fn random_bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SplitMix64(seed).fill(&mut bytes);
    bytes
}

/// Writes the file `path` with the `len` bytes that [`random_bytes`] gives, in constant memory.
///
/// # Errors
///
/// When the file cannot be created or written.
pub fn write_random(path: &Path, len: u64, seed: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut numbers = SplitMix64(seed);
    let mut chunk = vec![0; CHUNK];
    let mut left = len;
    while left > 0 {
        let now = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        numbers.fill(&mut chunk[..now]);
        file.write_all(&chunk[..now])?;
        left -= now as u64;
    }
    Ok(())
}

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A partial last number is cut, so only calls of whole multiples of eight bytes may be chained.
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]);
        }
    }
}

#[cfg(test)]
mod tests;
