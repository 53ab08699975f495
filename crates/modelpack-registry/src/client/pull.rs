//! Pulling a blob: stream, check, and go on where a broken answer ended.

use std::ops::Range;

use bytes::Bytes;
use modelpack_spec::distribution::Endpoint;
use modelpack_spec::{Descriptor, Digest, Hasher};
use tokio::time::sleep;

use super::pull_scope;
use crate::content::{BlobSink, Progress, Verification};
use crate::error::{At, Error};
use crate::exchange::{Body, GetBlob, Head};
use crate::policy::Failure;
use crate::target::Target;
use crate::transport::{Reply, Transport, random};

/// Largest piece that a range into memory may have, in bytes; more is what sinks are for.
const MAX_RANGE_BYTES: u64 = 64 * 1024 * 1024;

pub(super) async fn into_sink(
    transport: &Transport,
    target: &Target,
    descriptor: &Descriptor,
    sink: &mut dyn BlobSink,
    start: u64,
    progress: &Progress,
) -> Result<(), Error> {
    let is_verified_here = sink.verification() == Verification::ByClient;
    // What was never seen here cannot be verified here.
    let start = if is_verified_here { 0 } else { start };
    let mut pull = Pull {
        transport,
        target,
        descriptor,
        offset: start,
        end: descriptor.size,
    };
    if start > descriptor.size {
        return Err(Error::SizeMismatch {
            at: pull.at(),
            expected: descriptor.size,
            actual: start,
        });
    }
    let mut drain = Drain {
        digest: descriptor.digest,
        begin: 0,
        sink,
        hasher: is_verified_here.then(|| Hasher::new(descriptor.digest.algorithm())),
        progress,
    };
    // An empty rest needs no request; an empty blob needs one, since it must be there.
    if start < descriptor.size || descriptor.size == 0 {
        pull.run(&mut drain).await?;
    }
    match drain.hasher.map(Hasher::finish) {
        Some(actual) if actual != descriptor.digest => Err(Error::DigestMismatch {
            at: pull.at(),
            what: "blob",
            expected: descriptor.digest,
            actual,
        }),
        _ => Ok(()),
    }
}

pub(super) async fn into_memory(
    transport: &Transport,
    target: &Target,
    descriptor: &Descriptor,
    limit: u64,
) -> Result<Bytes, Error> {
    if descriptor.size > limit {
        let whole = 0..descriptor.size;
        return Err(Error::TooLarge {
            at: at(&get(target, descriptor, whole)),
            what: "blob",
            limit,
        });
    }
    let mut content: Vec<u8> = Vec::new();
    let none = Progress::none();
    into_sink(transport, target, descriptor, &mut content, 0, &none).await?;
    Ok(content.into())
}

pub(super) async fn range(
    transport: &Transport,
    target: &Target,
    descriptor: &Descriptor,
    range: Range<u64>,
) -> Result<Bytes, Error> {
    let end = range.end.min(descriptor.size);
    if range.start >= end {
        return Ok(Bytes::new());
    }
    if end - range.start > MAX_RANGE_BYTES {
        return Err(Error::TooLarge {
            at: at(&get(target, descriptor, range)),
            what: "range",
            limit: MAX_RANGE_BYTES,
        });
    }
    let mut pull = Pull {
        transport,
        target,
        descriptor,
        offset: range.start,
        end,
    };
    let mut content = Vec::new();
    let mut drain = Drain {
        digest: descriptor.digest,
        begin: range.start,
        sink: &mut content,
        hasher: None,
        progress: &Progress::none(),
    };
    pull.run(&mut drain).await?;
    Ok(content.into())
}

/// Where the bytes of a pull go.
struct Drain<'a> {
    digest: Digest,
    /// Offset of the blob that is offset 0 of the sink.
    begin: u64,
    sink: &'a mut dyn BlobSink,
    hasher: Option<Hasher>,
    progress: &'a Progress,
}

impl Drain<'_> {
    async fn take(&mut self, offset: u64, piece: Bytes) -> Result<(), Error> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        let done = offset + piece.len() as u64;
        self.sink
            .write_at(offset - self.begin, piece)
            .await
            .map_err(|source| Error::Sink {
                digest: self.digest,
                source,
            })?;
        self.progress.report(done);
        Ok(())
    }
}

fn get<'a>(target: &'a Target, descriptor: &Descriptor, range: Range<u64>) -> GetBlob<'a> {
    GetBlob {
        target,
        digest: descriptor.digest,
        size: descriptor.size,
        range,
    }
}

fn at(exchange: &GetBlob<'_>) -> Box<At> {
    let request = exchange.start();
    At::new(request.method, &request.url)
}

/// A pull that is under way.
struct Pull<'a> {
    transport: &'a Transport,
    target: &'a Target,
    descriptor: &'a Descriptor,
    /// Next byte that is missing.
    offset: u64,
    /// End of what is wanted.
    end: u64,
}

impl Pull<'_> {
    /// Gives `drain` all bytes from `offset` to `end`, each once and in order. An answer that breaks is
    /// continued by another request as long as each brings something, or the retry policy has patience.
    async fn run(&mut self, drain: &mut Drain<'_>) -> Result<(), Error> {
        let scopes = pull_scope(self.target);
        let mut fruitless = 0;
        loop {
            let exchange = get(self.target, self.descriptor, self.offset..self.end);
            let request = exchange.start();
            let mut reply = self.transport.send(self.target, &scopes, &request).await?;
            if !reply.head.status.is_success() {
                let body = reply.read_error().await;
                return Err(reply.head.failure(&body));
            }
            let before = self.offset;
            let body = exchange.accept(&reply.head)?;
            let Err(error) = self.stream(&mut reply, body, drain).await else {
                return Ok(());
            };
            let is_cut = matches!(
                error,
                Error::Network { .. } | Error::Truncated { .. } | Error::Timeout { .. }
            );
            if !is_cut {
                return Err(error);
            }
            fruitless = if self.offset > before {
                1
            } else {
                fruitless + 1
            };
            match self
                .transport
                .retry
                .delay(fruitless, Failure::Connection, random())
            {
                Some(delay) => sleep(delay).await,
                None => return Err(error),
            }
        }
    }

    async fn stream(
        &mut self,
        reply: &mut Reply,
        body: Body,
        drain: &mut Drain<'_>,
    ) -> Result<(), Error> {
        // Of a whole blob the beginning, which we have, is passed over, and so is the end of a range.
        let (mut position, body_end) = match body {
            Body::Wanted => (self.offset, self.end),
            Body::Whole => (0, self.descriptor.size),
        };
        while let Some(mut piece) = reply.next().await? {
            let piece_end = position + piece.len() as u64;
            if piece_end > body_end {
                return Err(self.too_long(&reply.head, body, piece_end));
            }
            let skip = self.offset.saturating_sub(position).min(piece.len() as u64);
            let keep = self.end.saturating_sub(position).min(piece.len() as u64);
            position = piece_end;
            if skip >= keep {
                continue;
            }
            piece.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
            let piece = piece.slice(usize::try_from(skip).unwrap_or(piece.len())..);
            let offset = self.offset;
            self.offset += piece.len() as u64;
            drain.take(offset, piece).await?;
            if self.offset == self.end && self.end < body_end {
                return Ok(());
            }
        }
        if position == body_end {
            return Ok(());
        }
        Err(Error::Truncated {
            at: reply.head.at(),
            expected: self.descriptor.size,
            actual: position,
        })
    }

    fn too_long(&self, head: &Head, body: Body, position: u64) -> Error {
        if body == Body::Wanted && self.end < self.descriptor.size {
            return head.invalid("more bytes were sent than the range has", None);
        }
        Error::SizeMismatch {
            at: head.at(),
            expected: self.descriptor.size,
            actual: position,
        }
    }

    fn at(&self) -> Box<At> {
        let endpoint = Endpoint::GetBlob {
            name: self.target.repository().clone(),
            digest: self.descriptor.digest,
        };
        At::new(http::Method::GET, &self.target.url(&endpoint))
    }
}
