//! Writing the journal of a partial blob, never ahead of the disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use modelpack_spec::{Hasher, RangeSet};

use super::shared::Shared;
use crate::Error;
use crate::error::IoContext;
use crate::journal::Journal;

/// A followed blob is synced and recorded after so many of its parts, but not more often than after
/// [`MIN_STRIDE`] bytes and not less often than after [`MAX_STRIDE`]: what a crash can cost.
const PARTS: u64 = 16;
/// As much as a disk takes in the time that a sync needs anyway.
const MIN_STRIDE: u64 = 1024 * 1024;
/// Fractions of a second on a fast line.
const MAX_STRIDE: u64 = 64 * 1024 * 1024;
/// On a slow line it is recorded when so much time has passed.
const INTERVAL: Duration = Duration::from_secs(2);

/// The journal's file.
#[derive(Debug)]
pub(super) struct Recorder {
    path: PathBuf,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    file: File,
    /// Length up to the end of the last whole line.
    end: u64,
    recorded: RangeSet,
    hashed: u64,
    /// The file may hold a line with a hash, also one of which nobody knows whether it has arrived.
    has_hash: bool,
    /// A sync of the data has failed. The system tells that once and forgets the bytes that it could not
    /// write, so a later sync that succeeds proves nothing.
    is_doubtful: bool,
}

impl Recorder {
    pub(super) fn new(file: File, path: PathBuf, end: u64, journal: &Journal) -> Self {
        let log = Log {
            file,
            end,
            recorded: journal.done.clone(),
            hashed: journal.hashed.as_ref().map_or(0, |(offset, _)| *offset),
            has_hash: journal.hashed.is_some(),
            is_doubtful: false,
        };
        Self {
            path,
            log: Mutex::new(log),
        }
    }

    /// Records everything that is written.
    pub(super) fn record(&self, shared: &Shared) -> Result<(), Error> {
        let mut log = self.log();
        self.check(&log)?;
        let (written, hashed, hasher) = {
            let state = shared.state();
            (state.written.clone(), state.hashed, state.hasher.clone())
        };
        let mut text: String = written
            .iter()
            .flat_map(|range| log.recorded.gaps(range))
            .map(|range| Journal::record(&range))
            .collect();
        // What is hashed was written before, so the lines above, or earlier ones, say that it is on disk.
        if hashed > log.hashed {
            text.push_str(&Journal::record_hash(hashed, &hasher));
        }
        if text.is_empty() {
            return Ok(());
        }
        if let Err(error) = shared.data.sync_data() {
            log.is_doubtful = true;
            return Err(Error::io("sync the data of", &self.path, error));
        }
        log.has_hash |= hashed > log.hashed;
        self.append(&mut log, &text)?;
        log.recorded = written;
        log.hashed = hashed;
        Ok(())
    }

    /// Says that nothing is hashed. Must come before bytes are changed that were hashed: their hash would
    /// vouch for what is not there any more.
    pub(super) fn forget_hash(&self, shared: &Shared) -> Result<(), Error> {
        let mut log = self.log();
        if log.has_hash {
            let nothing = Hasher::new(shared.digest.algorithm());
            self.append(&mut log, &Journal::record_hash(0, &nothing))?;
            log.has_hash = false;
        }
        log.hashed = 0;
        Ok(())
    }

    /// Whether everything that was synced has arrived, as far as anybody knows.
    ///
    /// # Errors
    /// [`Error::Io`] after a sync of the data has failed.
    pub(super) fn check_synced(&self) -> Result<(), Error> {
        self.check(&self.log())
    }

    fn check(&self, log: &Log) -> Result<(), Error> {
        if log.is_doubtful {
            let reason = io::Error::other("an earlier sync failed, and what it lost is not known");
            return Err(Error::io("sync the data of", &self.path, reason));
        }
        Ok(())
    }

    fn append(&self, log: &mut Log, text: &str) -> Result<(), Error> {
        log.file
            .write_all_at(text.as_bytes(), log.end)
            .at("write", &self.path)?;
        log.file.sync_data().at("sync", &self.path)?;
        log.end += text.len() as u64;
        Ok(())
    }

    /// Records now and then until there is nothing left to wait for. An error is told to who writes next.
    pub(super) fn follow(&self, shared: &Shared) {
        let stride = (shared.size / PARTS).clamp(MIN_STRIDE, MAX_STRIDE);
        let mut recorded = self.recorded();
        while shared.wait_for_bytes(recorded, stride, INTERVAL) {
            if let Err(error) = self.record(shared) {
                shared.fail(error);
                return;
            }
            recorded = self.recorded();
        }
    }

    fn recorded(&self) -> u64 {
        self.log().recorded.len()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
