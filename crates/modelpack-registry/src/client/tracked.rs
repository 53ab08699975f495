//! A sink that knows what was written to it, so that another place can bring the rest.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use modelpack_spec::RangeSet;

use crate::content::{BlobSink, Pending, Verification};
use crate::error::Error;

/// Passes everything on to a sink.
pub(super) struct Tracked {
    sink: Arc<dyn BlobSink>,
    there: Mutex<RangeSet>,
    /// How much was there before.
    before: u64,
}

impl Tracked {
    pub(super) fn new(sink: Arc<dyn BlobSink>, there: &RangeSet) -> Self {
        Self {
            sink,
            before: there.len(),
            there: Mutex::new(there.clone()),
        }
    }

    /// What the next place need not bring. (What the client verifies comes from one place as a whole.)
    pub(super) fn there(&self) -> RangeSet {
        self.known().clone()
    }

    /// Whether another place can go on after this outcome. A sink that verifies has hashed what it was
    /// given, so only a connection that broke can be continued, not bytes that were wrong.
    pub(super) fn can_go_on<T>(&self, outcome: &Result<T, Error>) -> bool {
        self.sink.verification() == Verification::ByClient
            || self.known().len() == self.before
            || !matches!(outcome, Err(error) if error.is_integrity())
    }

    fn known(&self) -> MutexGuard<'_, RangeSet> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobSink for Tracked {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        Box::pin(async move {
            let end = offset + piece.len() as u64;
            self.sink.write_at(offset, piece).await?;
            self.known().insert(offset..end);
            Ok(())
        })
    }

    fn verification(&self) -> Verification {
        self.sink.verification()
    }
}
