//! Bytes that differ from run to run and can be had again from the seed.

use modelpack_spec::Digest;

/// A stream of bytes: SHA-256 over seed and counter.
#[derive(Debug)]
pub(super) struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 64);
        while bytes.len() < count {
            let block = format!("{}/{}", self.seed, self.counter);
            self.counter += 1;
            bytes.extend_from_slice(Digest::sha256(block.as_bytes()).as_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    /// A word of capital letters and digits.
    pub(super) fn word(&mut self) -> String {
        self.counter += 1;
        let text = format!("{}/{}", self.seed, self.counter);
        Digest::sha256(text.as_bytes()).hex()[..26].to_uppercase()
    }
}
