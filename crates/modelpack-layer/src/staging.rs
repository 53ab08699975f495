//! The hidden directory in which files are written before they get their names.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// Names that begin like this are ours; an artifact may not have a file of that name at its top.
const RESERVED: &str = ".modelpack-";
const PREFIX: &str = ".modelpack-staging-";

/// Whether a name at the top of a destination is kept for unfinished files. The comparison ignores
/// case, since the file system may do so too.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.get(..RESERVED.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

/// A locked directory of unfinished files, flat.
///
/// Whoever holds the lock is alive: a directory that can be locked by somebody else is abandoned and
/// may be removed.
#[derive(Debug)]
pub(crate) struct Staging {
    root: OwnedFd,
    directory: OwnedFd,
    name: String,
    next: AtomicU64,
}

impl Staging {
    /// Makes one in `root`, and removes those of processes that died.
    pub(crate) fn open(root: &OwnedFd) -> rustix::io::Result<Self> {
        remove_abandoned(root);
        let root = rustix::io::fcntl_dupfd_cloexec(root, 0)?;
        let mut number = 0_u32;
        loop {
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            number += 1;
            match rustix::fs::mkdirat(&root, name.as_str(), Mode::RWXU) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(errno),
            }
            let directory = match open_directory(&root, name.as_str()) {
                Ok(directory) => directory,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            };
            // A file system without locks fails here and in `remove_abandoned` alike, and then
            // nobody removes anything.
            let _ = rustix::fs::flock(&directory, FlockOperation::LockExclusive);
            // Another process may have taken it for abandoned before it was locked.
            if is_same(&root, &name, &directory) {
                return Ok(Self {
                    root,
                    directory,
                    name,
                    next: AtomicU64::new(0),
                });
            }
        }
    }

    /// A name that was never given out before.
    pub(crate) fn name(&self) -> Staged<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Staged {
            directory: &self.directory,
            name: number.to_string(),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // It is empty, since each `Staged` borrows it and removes its file. Best effort: what a crash
        // leaves is removed by the next `open`.
        let _ = rustix::fs::unlinkat(&self.root, self.name.as_str(), AtFlags::REMOVEDIR);
    }
}

/// A name in the staging directory. What still has it in the end is removed.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    pub(crate) directory: &'a OwnedFd,
    pub(crate) name: String,
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let _ = rustix::fs::unlinkat(self.directory, self.name.as_str(), AtFlags::empty());
    }
}

/// Opens a directory that is no link.
pub(crate) fn open_directory(
    at: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

fn is_same(root: &OwnedFd, name: &str, directory: &OwnedFd) -> bool {
    let named = rustix::fs::statat(root, name, AtFlags::SYMLINK_NOFOLLOW);
    match (named, rustix::fs::fstat(directory)) {
        (Ok(named), Ok(opened)) => (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino),
        _ => false,
    }
}

/// Removes the staging directories that nobody holds locked. The lock is kept until each is gone, so
/// that a process that has just made one waits, and then sees that it lost it.
fn remove_abandoned(root: &OwnedFd) {
    for name in names(root) {
        if !name.starts_with(PREFIX) {
            continue;
        }
        let Ok(directory) = open_directory(root, name.as_str()) else {
            continue;
        };
        if rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        for file in names(&directory) {
            let _ = rustix::fs::unlinkat(&directory, file, AtFlags::empty());
        }
        let _ = rustix::fs::unlinkat(root, name, AtFlags::REMOVEDIR);
    }
}

/// The UTF-8 names in a directory, which all of ours are.
fn names(directory: &OwnedFd) -> Vec<String> {
    let Ok(entries) = Dir::read_from(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| name != "." && name != "..")
        .collect()
}
