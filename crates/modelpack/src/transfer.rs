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
use modelpack_store::{Error as StoreError, Partial};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Control, Error, Event, Item};

/// Pieces that wait between network and disk. With pieces of at most a quarter of a megabyte this is two
/// megabytes: enough to keep both busy, little enough for many blobs at once.
const QUEUE: usize = 8;
/// Blobs of this size are hashed and recorded by threads of their own while they arrive.
const FOLLOW_BYTES: u64 = 8 * 1024 * 1024;

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

/// A partial blob as a sink, and the thread that writes it while the network goes on.
pub(crate) struct PartialSink {
    pieces: mpsc::Sender<(u64, Bytes)>,
}

/// The thread behind a [`PartialSink`].
pub(crate) struct PartialWriter(JoinHandle<Result<Partial, StoreError>>);

impl PartialSink {
    pub(crate) fn new(mut partial: Partial) -> (Self, PartialWriter) {
        let (pieces, mut queue) = mpsc::channel::<(u64, Bytes)>(QUEUE);
        let writer = tokio::task::spawn_blocking(move || {
            if partial.size() >= FOLLOW_BYTES {
                partial.follow()?;
            }
            let mut written = Ok(());
            while let Some((offset, piece)) = queue.blocking_recv() {
                written = partial.write_at(offset, &piece);
                if written.is_err() {
                    break;
                }
            }
            // What came before a failure is kept as well, if the disk still takes a line in the journal.
            let recorded = match partial.missing().is_empty() {
                true => Ok(()),
                false => partial.record(),
            };
            written.and(recorded)?;
            Ok(partial)
        });
        (Self { pieces }, PartialWriter(writer))
    }
}

impl PartialWriter {
    /// Waits until everything is written that the sink has taken; what is there then is kept. The sink
    /// must be gone.
    pub(crate) async fn finish(self) -> Result<Partial, Error> {
        Ok(self.0.await.map_err(Error::Worker)??)
    }
}

impl BlobSink for PartialSink {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
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
#[derive(Clone)]
pub(crate) struct Meter {
    control: Control,
    item: Item,
    done: Arc<AtomicU64>,
}

impl Meter {
    pub(crate) fn new(control: &Control, item: &Item) -> Self {
        Self {
            control: control.clone(),
            item: item.clone(),
            done: Arc::default(),
        }
    }

    /// So many bytes are done.
    pub(crate) fn reach(&self, now: u64) {
        let now = now.min(self.item.size);
        let before = self.done.fetch_max(now, Ordering::Relaxed);
        if let Some(bytes) = now.checked_sub(before).filter(|bytes| *bytes > 0) {
            let item = &self.item;
            self.control.report(Event::Advanced { item, bytes });
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        let meter = self.clone();
        Progress::new(move |now| meter.reach(now))
    }
}

#[cfg(test)]
mod tests;
