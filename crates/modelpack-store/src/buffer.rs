//! Buffers that the kernel copies into quickly.

use std::ops::{Deref, DerefMut};

/// Size of the buffers of this crate, in bytes: small enough to stay in the cache of a core while it is read,
/// hashed and written.
pub(crate) const BUFFER: usize = 128 * 1024;
/// Allocators put large buffers sixteen bytes behind the start of a page. Copying a page of a file to there
/// takes some processors four times as long as to any other place: each store is taken for one that the
/// next load could depend on. The beginning of a cache line is always right.
const ALIGNMENT: usize = 64;

/// Zeroed bytes that begin at the beginning of a cache line.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// One of [`BUFFER`] bytes.
    pub(crate) fn new() -> Self {
        Self::with_length(BUFFER)
    }

    pub(crate) fn with_length(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        // It may say that it does not know; then any place is as good.
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self {
            bytes,
            start,
            length,
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}
