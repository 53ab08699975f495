//! Copying a file while it is hashed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

use modelpack_spec::{Algorithm, Digest, Hasher};

use crate::Error;
use crate::buffer::Buffer;
use crate::error::IoContext;

/// Files of this size are written and synced by threads of their own while they are read and hashed.
const THREADED_BYTES: u64 = 8 * 1024 * 1024;
/// Buffers that go round between the threads: a megabyte, so that a short wait of one stops no other.
const BUFFERS: usize = 8;
/// So much is written between two syncs. The disk works while the rest is hashed, instead of after it.
const SYNC_BYTES: u64 = 64 * 1024 * 1024;

/// What is copied.
pub(crate) struct Copy<'a> {
    pub(crate) from: &'a File,
    pub(crate) to: &'a File,
    /// Size of `from`; a file that has another one at the end was written to meanwhile.
    pub(crate) size: u64,
    /// Name of `from`, for errors.
    pub(crate) path: &'a Path,
    /// Name of `to`.
    pub(crate) scratch: &'a Path,
}

impl Copy<'_> {
    /// Copies and gives the digest of the bytes that were written. `tick` gets the number of bytes since
    /// its last call and can stop the work by an error.
    pub(crate) fn run(&self, tick: &mut dyn FnMut(u64) -> io::Result<()>) -> Result<Digest, Error> {
        if self.size < THREADED_BYTES {
            return self.hash(tick, |buffer, read| {
                self.write(&buffer[..read]).map(|()| buffer)
            });
        }
        scope(|scope| {
            let (to_write, full) = sync_channel::<(Buffer, usize)>(BUFFERS);
            let (give_back, free) = sync_channel(BUFFERS);
            for _ in 1..BUFFERS {
                give_back.try_send(Buffer::new()).ok();
            }
            let (to_sync, written) = sync_channel(1);
            let writer = self.start(scope, "modelpack-write", move || {
                self.write_all(&full, &give_back, &to_sync)
            })?;
            let syncer = self.start(scope, "modelpack-sync", move || self.sync_all(&written))?;
            // When the writer has failed nobody takes or gives buffers, and its own error says why.
            let gone = || Error::io("write", self.scratch, io::ErrorKind::BrokenPipe.into());
            let hashed = self.hash(tick, |buffer, read| {
                to_write.send((buffer, read)).map_err(|_| gone())?;
                free.recv().map_err(|_| gone())
            });
            drop(to_write);
            let (wrote, synced) = (join(writer), join(syncer));
            wrote.and(synced).and(hashed)
        })
    }

    fn start<'scope, 'env>(
        &self,
        scope: &'scope Scope<'scope, 'env>,
        name: &str,
        work: impl FnOnce() -> Result<(), Error> + Send + 'scope,
    ) -> Result<ScopedJoinHandle<'scope, Result<(), Error>>, Error> {
        Builder::new()
            .name(name.to_owned())
            .spawn_scoped(scope, work)
            .at("start a thread for", self.scratch)
    }

    /// Reads and hashes everything. `pass` takes each buffer with its number of bytes and gives an empty one.
    fn hash(
        &self,
        tick: &mut dyn FnMut(u64) -> io::Result<()>,
        mut pass: impl FnMut(Buffer, usize) -> Result<Buffer, Error>,
    ) -> Result<Digest, Error> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut buffer = Buffer::new();
        let (mut from, mut total) = (self.from, 0);
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("read", self.path, error)),
            };
            total += read as u64;
            // A file that grows without end must not fill the disk.
            if total > self.size {
                break;
            }
            hasher.update(&buffer[..read]);
            buffer = pass(buffer, read)?;
            tick(read as u64).at("read", self.path)?;
        }
        if total != self.size {
            return Err(Error::FileChanged {
                path: self.path.to_owned(),
            });
        }
        Ok(hasher.finish())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut to = self.to;
        to.write_all(bytes).at("write", self.scratch)
    }

    fn write_all(
        &self,
        full: &Receiver<(Buffer, usize)>,
        give_back: &SyncSender<Buffer>,
        to_sync: &SyncSender<()>,
    ) -> Result<(), Error> {
        let mut since_sync = 0;
        for (buffer, read) in full {
            self.write(&buffer[..read])?;
            since_sync += read as u64;
            if since_sync >= SYNC_BYTES {
                match to_sync.try_send(()) {
                    Ok(()) => since_sync = 0,
                    // The disk is behind; it is asked again after the next buffer.
                    Err(TrySendError::Full(())) => {}
                    // The syncer has failed and says so itself.
                    Err(TrySendError::Disconnected(())) => return Ok(()),
                }
            }
            // Nobody takes it when everything is read.
            give_back.try_send(buffer).ok();
        }
        Ok(())
    }

    /// An error is told once by the system, which forgets the bytes then: it must not get lost here.
    fn sync_all(&self, written: &Receiver<()>) -> Result<(), Error> {
        for () in written {
            self.to.sync_data().at("sync", self.scratch)?;
        }
        Ok(())
    }
}

fn join(thread: ScopedJoinHandle<'_, Result<(), Error>>) -> Result<(), Error> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests;
