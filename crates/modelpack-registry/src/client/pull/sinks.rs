//! Sinks of the client's own: one that hashes what passes, and one that keeps it in memory.

use std::future::ready;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use modelpack_spec::{Algorithm, Digest, Hasher};

use crate::content::{BlobSink, Pending, Verification};

/// Hashes what goes into another sink. Pieces must come in order.
pub(super) struct Hashing {
    inner: Arc<dyn BlobSink>,
    hasher: Mutex<Hasher>,
}

impl Hashing {
    pub(super) fn new(inner: Arc<dyn BlobSink>, algorithm: Algorithm) -> Self {
        Self {
            inner,
            hasher: Mutex::new(Hasher::new(algorithm)),
        }
    }

    /// Digest of everything that has passed.
    pub(super) fn digest(&self) -> Digest {
        lock(&self.hasher).clone().finish()
    }
}

impl BlobSink for Hashing {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        lock(&self.hasher).update(&piece);
        self.inner.write_at(offset, piece)
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}

/// Keeps what comes in order from an offset on.
pub(super) struct Memory {
    begin: u64,
    content: Mutex<Vec<u8>>,
}

impl Memory {
    pub(super) fn new(begin: u64) -> Self {
        Self {
            begin,
            content: Mutex::default(),
        }
    }

    pub(super) fn take(&self) -> Bytes {
        std::mem::take(&mut *lock(&self.content)).into()
    }
}

impl BlobSink for Memory {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        let mut content = lock(&self.content);
        debug_assert_eq!(
            self.begin + content.len() as u64,
            offset,
            "pieces come in order"
        );
        content.extend_from_slice(&piece);
        Box::pin(ready(Ok(())))
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
