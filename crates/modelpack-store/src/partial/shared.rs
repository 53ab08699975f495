//! What the writers of a partial blob share with the threads that hash and record it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use modelpack_spec::{Digest, Hasher, RangeSet};

use super::wrong_size;
use crate::Error;
use crate::buffer::{BUFFER, Buffer};
use crate::error::IoContext;
use crate::journal::Journal;
use crate::layout::hash_range;

/// How much is hashed before the state is shown to the others, in bytes: some milliseconds of work.
const STRIDE: u64 = 8 * 1024 * 1024;

/// The file of a partial blob and what is known about it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) data: File,
    path: PathBuf,
    state: Mutex<State>,
    /// There is something to hash, or the threads end.
    hashable: Condvar,
    /// There is enough to record, or the threads end.
    recordable: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    /// Bytes that are written or being written, each by one writer. Without this, two writers of the same
    /// bytes could leave others on disk than those that were hashed.
    claimed: RangeSet,
    /// Bytes that are written.
    pub(super) written: RangeSet,
    /// Hash of the first `hashed` bytes, which are written.
    pub(super) hasher: Hasher,
    pub(super) hashed: u64,
    /// The hash was begun by another process, whose bytes were not read again.
    is_restored: bool,
    /// The hashing thread has nothing to do. To wake a thread costs as much as to write a small piece, so
    /// writers ask first.
    is_hash_waiting: bool,
    /// The recording thread wants to be woken when so many bytes are written.
    record_at: u64,
    following: Following,
    failure: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Following {
    /// Bytes are hashed by whoever writes them, as long as they come in order.
    No,
    Yes,
    /// Everything that is written is hashed, then the threads end.
    Ending,
    /// The threads end.
    Abandoned,
}

impl Shared {
    pub(super) fn new(data: File, path: PathBuf, journal: Journal) -> Self {
        let is_restored = journal.hashed.is_some();
        let (hashed, hasher) = journal
            .hashed
            .unwrap_or_else(|| (0, Hasher::new(journal.digest.algorithm())));
        Self {
            digest: journal.digest,
            size: journal.size,
            data,
            path,
            state: Mutex::new(State {
                claimed: journal.done.clone(),
                written: journal.done,
                hasher,
                hashed,
                is_restored,
                is_hash_waiting: false,
                record_at: u64::MAX,
                following: Following::No,
                failure: None,
            }),
            hashable: Condvar::new(),
            recordable: Condvar::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write_at(&self, offset: u64, content: &[u8]) -> Result<(), Error> {
        let end = self.check_end(offset, content)?;
        let mine = {
            let mut state = self.state();
            if let Some(failure) = state.failure.take() {
                return Err(failure);
            }
            let mine = state.claimed.gaps(offset..end);
            state.claimed.insert(offset..end);
            mine
        };
        let mut mine = mine.into_iter();
        while let Some(range) = mine.next() {
            let bytes = part(content, offset, range.start, range.end);
            if let Err(error) = self.data.write_all_at(bytes, range.start) {
                let mut state = self.state();
                for range in std::iter::once(range).chain(mine) {
                    state.claimed.remove(range);
                }
                return Err(Error::io("write", &self.path, error));
            }
            let mut state = self.state();
            if state.following == Following::No && state.hashed == range.start {
                state.hasher.update(bytes);
                state.hashed = range.end;
            }
            state.written.insert(range);
            let is_hashable = state.is_hash_waiting && state.written.frontier() > state.hashed;
            let is_recordable = state.written.len() >= state.record_at;
            drop(state);
            if is_hashable {
                self.hashable.notify_one();
            }
            if is_recordable {
                self.recordable.notify_one();
            }
        }
        Ok(())
    }

    /// `before` is called once, before the first byte is changed.
    pub(super) fn repair_at(
        &self,
        offset: u64,
        content: &[u8],
        before: impl Fn() -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let end = self.check_end(offset, content)?;
        let mut differs = false;
        let mut buffer = Buffer::with_length(content.len().min(BUFFER));
        let mut at = offset;
        while at < end {
            let until = end.min(at + BUFFER as u64);
            let bytes = part(content, offset, at, until);
            let found = &mut buffer[..bytes.len()];
            self.data.read_exact_at(found, at).at("read", &self.path)?;
            if found != bytes {
                if !differs {
                    before()?;
                    self.state().forget_hash(&self.digest);
                }
                differs = true;
                self.data.write_all_at(bytes, at).at("write", &self.path)?;
            }
            at = until;
        }
        let mut state = self.state();
        state.claimed.insert(offset..end);
        state.written.insert(offset..end);
        Ok(differs)
    }

    fn check_end(&self, offset: u64, content: &[u8]) -> Result<u64, Error> {
        let end = offset.saturating_add(content.len() as u64);
        if end > self.size {
            return Err(wrong_size(&self.digest, self.size, end));
        }
        Ok(end)
    }

    pub(super) fn begin_following(&self) {
        self.state().following = Following::Yes;
    }

    /// Ends the threads: at once, or when everything that is written is hashed.
    pub(super) fn end_following(&self, is_abandoned: bool) {
        let mut state = self.state();
        state.following = match (state.following, is_abandoned) {
            (Following::No, _) => Following::No,
            (_, true) => Following::Abandoned,
            (_, false) => Following::Ending,
        };
        drop(state);
        self.hashable.notify_one();
        self.recordable.notify_one();
    }

    /// Hashes behind the writers until there is nothing left to wait for. An error ends it; `verify` will
    /// meet it again and say so.
    pub(super) fn follow(&self) {
        let (mut hasher, mut at) = {
            let state = self.state();
            (state.hasher.clone(), state.hashed)
        };
        loop {
            let end = {
                let mut state = self.state();
                state.hasher = hasher.clone();
                state.hashed = at;
                loop {
                    let frontier = state.written.frontier();
                    match state.following {
                        Following::No | Following::Abandoned => return,
                        Following::Ending if frontier <= at => return,
                        _ if frontier > at => break frontier.min(at + STRIDE),
                        _ => {
                            state.is_hash_waiting = true;
                            state = self
                                .hashable
                                .wait(state)
                                .unwrap_or_else(PoisonError::into_inner);
                            state.is_hash_waiting = false;
                        }
                    }
                }
            };
            if hash_range(&self.data, &mut hasher, at..end, |_| Ok(())).is_err() {
                return;
            }
            at = end;
        }
    }

    /// Waits until so many bytes are written that were not recorded, or fewer for so long; false when
    /// there is nothing left to wait for.
    pub(super) fn wait_for_bytes(&self, recorded: u64, count: u64, longest: Duration) -> bool {
        let mut state = self.state();
        state.record_at = recorded.saturating_add(count);
        loop {
            let is_early = |state: &mut State| {
                state.following == Following::Yes && state.written.len() < state.record_at
            };
            let waited = self.recordable.wait_timeout_while(state, longest, is_early);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.following != Following::Yes {
                return false;
            }
            if state.written.len() > recorded {
                // Nobody waits meanwhile.
                state.record_at = u64::MAX;
                return true;
            }
        }
    }

    /// The next write fails with this.
    pub(super) fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
    }

    pub(super) fn verify(&self) -> Result<(), Error> {
        let mut state = self.state();
        let done = state.written.len();
        if done != self.size {
            return Err(wrong_size(&self.digest, self.size, done));
        }
        let mut actual = self.hash_rest(&mut state)?;
        if actual != self.digest && state.is_restored {
            // What the other process saved may be of another version, or its bytes were changed since.
            state.forget_hash(&self.digest);
            actual = self.hash_rest(&mut state)?;
        }
        if actual != self.digest {
            return Err(Error::DigestMismatch {
                expected: self.digest,
                actual,
            });
        }
        Ok(())
    }

    fn hash_rest(&self, state: &mut State) -> Result<Digest, Error> {
        let rest = state.hashed..self.size;
        // On a copy: after an error the state still fits the number of bytes.
        let mut hasher = state.hasher.clone();
        hash_range(&self.data, &mut hasher, rest, |_| Ok(())).at("read", &self.path)?;
        state.hashed = self.size;
        state.hasher = hasher.clone();
        Ok(hasher.finish())
    }
}

impl State {
    fn forget_hash(&mut self, digest: &Digest) {
        self.hasher = Hasher::new(digest.algorithm());
        self.hashed = 0;
        self.is_restored = false;
    }
}

/// The bytes from `start` to `end` of content that begins at `offset`.
fn part(content: &[u8], offset: u64, start: u64, end: u64) -> &[u8] {
    let index = |at: u64| usize::try_from(at - offset).unwrap_or(content.len());
    &content[index(start)..index(end)]
}
