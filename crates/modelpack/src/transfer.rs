//! Between the store, which blocks, and the registry client, which does not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use modelpack_registry::{BlobSink, BlobSource, Pending, Progress, Verification};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Reference, Selector};
use modelpack_store::{Error as StoreError, Partial, Stored};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Control, Error, Event, Item};

/// Pieces that wait between network and disk. With pieces of some ten kilobytes this is a few
/// megabytes: enough to keep both busy, little enough for many blobs at once.
const QUEUE: usize = 64;
/// A partial blob is synced and recorded after this many bytes: what a crash can cost.
const RECORD_BYTES: u64 = 64 * 1024 * 1024;

/// What a reference asks the registry for.
pub(crate) fn wanted(reference: &Reference) -> Result<TagOrDigest, Error> {
    match reference.selector() {
        Some(Selector::Tag(tag)) => Ok(TagOrDigest::Tag(tag.clone())),
        Some(Selector::Digest(digest)) => Ok(TagOrDigest::Digest(*digest)),
        None => Err(Error::NoSelector {
            reference: reference.clone(),
        }),
    }
}

/// A partial blob as a sink. A thread of its own writes and hashes while the network goes on.
pub(crate) struct PartialSink {
    pieces: mpsc::Sender<(u64, Bytes)>,
    writer: JoinHandle<Result<Written, StoreError>>,
}

enum Written {
    Complete(Stored),
    Incomplete,
}

impl PartialSink {
    pub(crate) fn new(partial: Partial) -> Self {
        let (pieces, queue) = mpsc::channel(QUEUE);
        let writer = tokio::task::spawn_blocking(move || write_pieces(partial, queue));
        Self { pieces, writer }
    }

    /// Waits until everything is written and verified. Nothing when bytes are missing; what is there
    /// is kept.
    pub(crate) async fn finish(self) -> Result<Option<Stored>, Error> {
        drop(self.pieces);
        match self.writer.await.map_err(Error::Worker)?? {
            Written::Complete(stored) => Ok(Some(stored)),
            Written::Incomplete => Ok(None),
        }
    }
}

impl BlobSink for PartialSink {
    fn write_at(&mut self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        Box::pin(async move {
            // The writer says itself what went wrong, when it is waited for.
            self.pieces
                .send((offset, piece))
                .await
                .map_err(|_| io::Error::other("the disk writer has stopped"))
        })
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}

fn write_pieces(
    mut partial: Partial,
    mut queue: mpsc::Receiver<(u64, Bytes)>,
) -> Result<Written, StoreError> {
    let mut recorded = partial.frontier();
    let mut written = recorded;
    while let Some((offset, piece)) = queue.blocking_recv() {
        if offset != written {
            partial.record(recorded..written)?;
            recorded = offset;
        }
        partial.write_at(offset, &piece)?;
        written = offset + piece.len() as u64;
        if written - recorded >= RECORD_BYTES && written < partial.size() {
            partial.record(recorded..written)?;
            recorded = written;
        }
    }
    partial.record(recorded..written)?;
    if partial.done() == partial.size() {
        partial.finish().map(Written::Complete)
    } else {
        Ok(Written::Incomplete)
    }
}

/// A blob of the store as a source.
pub(crate) struct FileSource(pub(crate) PathBuf);

impl BlobSource for FileSource {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(&self.0)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(file))
    }
}

/// Turns "so many bytes are done" into "so many more", never going back.
pub(crate) fn progress_of(control: &Control, item: &Item, already: u64) -> Progress {
    let (control, item) = (control.clone(), item.clone());
    let done = Arc::new(AtomicU64::new(already));
    Progress::new(move |now| {
        let before = done.fetch_max(now.min(item.size), Ordering::Relaxed);
        if let Some(bytes) = now
            .min(item.size)
            .checked_sub(before)
            .filter(|bytes| *bytes > 0)
        {
            control.report(Event::Advanced { item: &item, bytes });
        }
    })
}
