//! Finding and mending the damaged piece of a blob that came with wrong bytes.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use modelpack_registry::{BlobSink, Client, Name, Pending, Progress, Verification};
use modelpack_spec::{Descriptor, Digest, RangeSet};
use modelpack_store::{Error as StoreError, Partial};

use crate::error::Culprit;
use crate::{Control, Error, Event, blocking};

/// Damage is taken to end within so many bytes; then it is looked whether that was all of it.
const PIECE: u64 = 16 * 1024 * 1024;

/// Fetches the blob once more and compares it with what is there, only as far as it takes to make it
/// right. `actual` is the digest that it has now.
///
/// # Errors
/// [`Error::WrongBytes`], after which the partial is gone; those of the client, which keep it.
pub(crate) async fn mend(
    client: &Client,
    name: &Name,
    layer: &Descriptor,
    partial: Partial,
    actual: Digest,
    control: &Control,
) -> Result<Partial, Error> {
    control.report(Event::Warning(&format!(
        "{} has digest {actual} after its transfer; it is fetched again to find the damaged piece",
        layer.digest
    )));
    // A mirror may have sent them, so that the registry itself is the better second source.
    client.distrust_mirrors(name);
    let comparison = Arc::new(Comparison(Mutex::new(State {
        partial: Some(partial),
        compared: RangeSet::default(),
        differing: RangeSet::default(),
        stops_early: true,
    })));
    loop {
        let there = comparison.state().compared.clone();
        let sink = Arc::clone(&comparison) as Arc<dyn BlobSink>;
        let outcome = client
            .pull_blob(name, layer, sink, &there, &Progress::none())
            .await;
        let (compared, differing) = {
            let state = comparison.state();
            (state.compared.clone(), state.differing.clone())
        };
        let is_whole = compared.contains(0..layer.size);
        let has_stopped = !is_whole && comparison.state().has_seen_enough();
        if let (Err(error), false, false) = (outcome, is_whole, has_stopped) {
            return Err(error.into());
        }
        if !differing.is_empty()
            && is_right(&comparison).await?
            && let Some(partial) = comparison.state().partial.take()
        {
            control.report(Event::Warning(&format!(
                "{} was damaged on the way at bytes {}; mended",
                layer.digest,
                text(&differing)
            )));
            return Ok(partial);
        }
        if is_whole {
            let culprit = if differing.is_empty() {
                Culprit::Registry
            } else {
                Culprit::Transfer
            };
            let partial = comparison.state().partial.take();
            if let Some(partial) = partial {
                blocking::run(move || Ok(partial.discard()?)).await?;
            }
            return Err(Error::WrongBytes {
                what: format!("{name}@{}", layer.digest),
                actual,
                culprit,
            });
        }
        // One piece was not all of it.
        comparison.state().stops_early = false;
    }
}

/// Whether the blob has its digest now.
async fn is_right(comparison: &Arc<Comparison>) -> Result<bool, Error> {
    let comparison = Arc::clone(comparison);
    blocking::run(move || match comparison.state().partial.as_mut() {
        None => Ok(false),
        Some(partial) => match partial.verify() {
            Ok(()) => Ok(true),
            Err(StoreError::DigestMismatch { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        },
    })
    .await
}

fn text(ranges: &RangeSet) -> String {
    let text = |range: Range<u64>| format!("{}-{}", range.start, range.end - 1);
    let mut texts: Vec<String> = ranges.iter().take(4).map(text).collect();
    if ranges.iter().nth(4).is_some() {
        texts.push("…".to_owned());
    }
    texts.join(", ")
}

/// A sink that compares what comes with what is there, and puts right what differs.
struct Comparison(Mutex<State>);

struct State {
    /// There until the end.
    partial: Option<Partial>,
    compared: RangeSet,
    differing: RangeSet,
    stops_early: bool,
}

impl Comparison {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the piece in which the first difference lies has been compared.
    fn has_seen_enough(&self) -> bool {
        let first = self.differing.iter().next();
        self.stops_early
            && first.is_some_and(|first| {
                let piece = first.start / PIECE * PIECE;
                let end = self.partial.as_ref().map_or(0, Partial::size);
                self.compared
                    .contains(first.start..(piece + PIECE).min(end))
            })
    }

    fn compare(&mut self, offset: u64, piece: &[u8]) -> io::Result<()> {
        let range = offset..offset + piece.len() as u64;
        let partial = self.partial.as_mut();
        let partial = partial.ok_or_else(|| io::Error::other("the comparison has ended"))?;
        if partial.repair_at(offset, piece).map_err(io::Error::other)? {
            self.differing.insert(range.clone());
        }
        self.compared.insert(range);
        if self.has_seen_enough() {
            return Err(io::Error::other("the damaged piece has been found"));
        }
        Ok(())
    }
}

impl BlobSink for Comparison {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        // Rare, and a piece is small: some hundred kilobytes are compared where the runtime is.
        Box::pin(std::future::ready(self.state().compare(offset, &piece)))
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}
