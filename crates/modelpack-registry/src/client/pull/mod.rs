//! Pulling a blob: over one connection or several, checked, and gone on with where an answer broke.

mod driver;
mod gauge;
mod pace;
mod piece;
mod schedule;
mod sinks;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use modelpack_spec::{Descriptor, RangeSet};
use tokio::sync::mpsc;

use self::driver::Driver;
use self::piece::{Piece, Source};
use self::schedule::Schedule;
use self::sinks::{Hashing, Memory};
use crate::content::{BlobSink, Progress, Verification};
use crate::error::{At, Error};
use crate::target::Target;
use crate::transport::Transport;

/// Largest piece that a range into memory may have, in bytes; more is what sinks are for.
const MAX_RANGE_BYTES: u64 = 64 * 1024 * 1024;

/// What is pulled from where.
pub(super) struct Pull<'a> {
    pub(super) transport: &'a Arc<Transport>,
    pub(super) target: Target,
    pub(super) descriptor: &'a Descriptor,
}

impl Pull<'_> {
    /// Pulls what is not `there` into a sink.
    pub(super) async fn into_sink(
        self,
        sink: Arc<dyn BlobSink>,
        there: &RangeSet,
        progress: &Progress,
    ) -> Result<(), Error> {
        let (size, mut there) = (self.descriptor.size, there.clone());
        there.remove(size..u64::MAX);
        match sink.verification() {
            Verification::BySink => self.run(sink, there, size, false, progress).await,
            Verification::ByClient => self.hashed(sink, progress).await,
        }
    }

    /// Pulls a small blob into memory.
    pub(super) async fn into_memory(self, limit: u64) -> Result<Bytes, Error> {
        if self.descriptor.size > limit {
            return Err(Error::TooLarge {
                at: self.at(),
                what: "blob",
                limit,
            });
        }
        let memory = Arc::new(Memory::new(0));
        self.hashed(Arc::clone(&memory) as _, &Progress::none())
            .await?;
        Ok(memory.take())
    }

    /// Pulls a part into memory, which cannot be verified.
    pub(super) async fn range(self, range: Range<u64>) -> Result<Bytes, Error> {
        let end = range.end.min(self.descriptor.size);
        if range.start >= end {
            return Ok(Bytes::new());
        }
        if end - range.start > MAX_RANGE_BYTES {
            return Err(Error::TooLarge {
                at: self.at(),
                what: "range",
                limit: MAX_RANGE_BYTES,
            });
        }
        let mut others = RangeSet::default();
        others.insert(0..range.start);
        others.insert(end..self.descriptor.size);
        let memory = Arc::new(Memory::new(range.start));
        let sink = Arc::clone(&memory) as _;
        self.run(sink, others, end, true, &Progress::none()).await?;
        Ok(memory.take())
    }

    /// Everything in order, hashed on the way.
    async fn hashed(self, sink: Arc<dyn BlobSink>, progress: &Progress) -> Result<(), Error> {
        let (at, expected, size) = (self.at(), self.descriptor.digest, self.descriptor.size);
        let hashing = Arc::new(Hashing::new(sink, expected.algorithm()));
        // What was never seen here cannot be verified here, so nothing counts as being there.
        let nothing = RangeSet::default();
        let sink = Arc::clone(&hashing) as _;
        self.run(sink, nothing, size, true, progress).await?;
        let actual = hashing.digest();
        if actual != expected {
            return Err(Error::DigestMismatch {
                at,
                what: "blob",
                expected,
                actual,
            });
        }
        Ok(())
    }

    async fn run(
        self,
        sink: Arc<dyn BlobSink>,
        there: RangeSet,
        until: u64,
        is_sequential: bool,
        progress: &Progress,
    ) -> Result<(), Error> {
        let size = self.descriptor.size;
        let source = Source {
            transport: Arc::clone(self.transport),
            target: Arc::new(self.target),
            descriptor: Arc::new(self.descriptor.clone()),
            sink,
            until,
        };
        if size == 0 {
            return probe(source).await;
        }
        let (transfer, retry) = source.transport.policies(&source.target);
        let schedule = Schedule::new(size, there, &transfer, &retry, is_sequential);
        // A rest of nothing needs no request.
        if schedule.is_done() {
            return Ok(());
        }
        Driver::run(source, schedule, progress).await
    }

    fn at(&self) -> Box<At> {
        at(&self.target, self.descriptor)
    }
}

/// An empty blob has no bytes to pull, but it must be there.
async fn probe(source: Source) -> Result<(), Error> {
    let (answers, _listens) = mpsc::unbounded_channel();
    let piece = Piece {
        id: 0,
        range: 0..0,
        is_plain: false,
        position: Arc::new(AtomicU64::new(0)),
        answers,
    };
    source
        .fetch(piece)
        .await
        .map_err(piece::Failure::into_error)
}

fn at(target: &Target, descriptor: &Descriptor) -> Box<At> {
    let exchange = crate::exchange::GetBlob {
        target,
        digest: descriptor.digest,
        size: descriptor.size,
        range: 0..descriptor.size,
    };
    let request = exchange.start();
    At::new(request.method, &request.url)
}
