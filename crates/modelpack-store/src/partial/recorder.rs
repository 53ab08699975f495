//! Writing the journal of a partial blob, never ahead of the disk.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use modelpack_spec::RangeSet;

use super::shared::Shared;
use crate::Error;
use crate::error::IoContext;
use crate::journal::Journal;

/// A followed blob is synced and recorded after this many bytes: what a crash can cost.
const STRIDE: u64 = 64 * 1024 * 1024;

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
}

impl Recorder {
    pub(super) fn new(file: File, path: PathBuf, end: u64, journal: &Journal) -> Self {
        let log = Log {
            file,
            end,
            recorded: journal.done.clone(),
            hashed: journal.hashed.as_ref().map_or(0, |(offset, _)| *offset),
        };
        Self {
            path,
            log: Mutex::new(log),
        }
    }

    /// Records everything that is written.
    pub(super) fn record(&self, shared: &Shared) -> Result<(), Error> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
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
        shared.data.sync_data().at("sync", &self.path)?;
        log.file
            .write_all_at(text.as_bytes(), log.end)
            .at("write", &self.path)?;
        log.file.sync_data().at("sync", &self.path)?;
        log.end += text.len() as u64;
        log.recorded = written;
        log.hashed = hashed;
        Ok(())
    }

    /// Records now and then until there is nothing left to wait for. An error is told to who writes next.
    pub(super) fn follow(&self, shared: &Shared) {
        let mut recorded = self.recorded();
        while shared.wait_for_bytes(recorded, STRIDE) {
            if let Err(error) = self.record(shared) {
                shared.fail(error);
                return;
            }
            recorded = self.recorded();
        }
    }

    fn recorded(&self) -> u64 {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.recorded.len()
    }
}
