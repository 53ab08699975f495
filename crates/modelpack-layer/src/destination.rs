//! A directory into which files are written, never outside of it and never by halves.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use modelpack_spec::{Digest, FilePath, Hasher};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, FileAttributes};

/// Files are written into a directory of this name inside the destination, then renamed into place.
const STAGING: &str = ".modelpack-staging-";
const BUFFER: usize = 256 * 1024;

/// What bytes must be before they become visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Their digest.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

/// A directory into which files are written.
///
/// Every path is walked from an open handle of the directory without following links, so nothing
/// that lies in it, and nobody who changes it meanwhile, can lead a write outside. Dropping it
/// removes what is unfinished, and the directory itself if it was made here and stayed empty.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    root: OwnedFd,
    staging: OwnedFd,
    staging_name: String,
    next: AtomicU64,
    created: bool,
    _lock: File,
}

impl Destination {
    /// Opens a directory, making it and its parents when they are not there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let fail = |action| move |error: io::Error| Error::io(action, path.display(), error);
        let created = !path.exists();
        fs::create_dir_all(path).map_err(fail("create"))?;
        let path = fs::canonicalize(path).map_err(fail("open"))?;
        remove_abandoned(&path);
        let root = open_directory(rustix::fs::CWD, path.as_os_str())
            .map_err(|errno| fail("open")(errno.into()))?;
        let (staging_name, staging) =
            make_staging(&root).map_err(|errno| fail("write into")(errno.into()))?;
        let lock = File::from(staging.try_clone().map_err(fail("open"))?);
        lock.lock().map_err(fail("lock"))?;
        Ok(Self {
            path,
            root,
            staging,
            staging_name,
            next: AtomicU64::new(0),
            created,
            _lock: lock,
        })
    }

    /// The directory, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one file. It becomes visible, replacing an older one, when its bytes are verified.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`], [`Error::DigestMismatch`], [`Error::Blocked`], [`Error::Io`]. The
    /// directory is then as it was.
    pub fn write_raw(
        &self,
        path: &FilePath,
        attributes: &FileAttributes,
        content: &mut dyn Read,
        expected: &Expected,
    ) -> Result<(), Error> {
        let (staged, mut file) = self.stage(path)?;
        let actual = copy_hashed(path, content, &mut file, expected)?;
        if actual != expected.digest {
            return Err(Error::DigestMismatch {
                expected: expected.digest,
                actual,
            });
        }
        finish_file(path, &file, attributes)?;
        self.publish(&staged, path)
    }

    /// Makes an empty file that nobody sees yet.
    pub(crate) fn stage(&self, path: &FilePath) -> Result<(Staged<'_>, File), Error> {
        let staged = self.staged_name();
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(
            &self.staging,
            staged.name.as_str(),
            flags,
            Mode::RUSR | Mode::WUSR,
        )
        .map_err(|errno| Error::io("create", path, errno))?;
        Ok((staged, File::from(file)))
    }

    /// A name in the staging directory that is not in use.
    pub(crate) fn staged_name(&self) -> Staged<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Staged {
            directory: &self.staging,
            name: number.to_string(),
        }
    }

    /// Renames a finished file to its place.
    pub(crate) fn publish(&self, staged: &Staged<'_>, path: &FilePath) -> Result<(), Error> {
        let parent = self.make_parent(path)?;
        match rustix::fs::renameat(
            &self.staging,
            staged.name.as_str(),
            &parent,
            path.file_name(),
        ) {
            Ok(()) => {}
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
                return Err(Error::Blocked {
                    path: path.clone(),
                    reason: "a directory is in the way",
                });
            }
            Err(errno) => return Err(Error::io("write", path, errno)),
        }
        rustix::fs::fsync(&parent).map_err(|errno| Error::io("sync the directory of", path, errno))
    }

    /// Whether a directory stands where a file should go. Asked before several files become visible
    /// together, so that the first is not published when the second cannot be.
    pub(crate) fn is_blocked(&self, path: &FilePath) -> bool {
        rustix::fs::statat(&self.root, path.as_str(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir())
    }

    /// Opens the directory of a path from the root down, making what is missing.
    fn make_parent(&self, path: &FilePath) -> Result<OwnedFd, Error> {
        match path.parent() {
            Some(parent) => self.make_directory(&parent, path),
            None => self
                .root
                .try_clone()
                .map_err(|error| Error::io("open", path, error)),
        }
    }

    pub(crate) fn make_directory(
        &self,
        directory: &FilePath,
        path: &FilePath,
    ) -> Result<OwnedFd, Error> {
        let mut current = self
            .root
            .try_clone()
            .map_err(|error| Error::io("open", path, error))?;
        for name in directory.components() {
            match rustix::fs::mkdirat(&current, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(Error::io("create the directory of", path, errno)),
            }
            current = match open_directory(&current, name) {
                Ok(opened) => opened,
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return Err(Error::Blocked {
                        path: path.clone(),
                        reason: "a link or file is in the way",
                    });
                }
                Err(errno) => return Err(Error::io("open the directory of", path, errno)),
            };
        }
        Ok(current)
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        // Best effort: what a crash leaves is removed by the next `open`.
        let _ = fs::remove_dir_all(self.path.join(&self.staging_name));
        if self.created {
            let _ = fs::remove_dir(&self.path);
        }
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

/// Copies at most `expected.size` bytes and returns their digest.
pub(crate) fn copy_hashed(
    path: &FilePath,
    content: &mut dyn Read,
    file: &mut File,
    expected: &Expected,
) -> Result<Digest, Error> {
    let mut hasher = Hasher::new(expected.digest.algorithm());
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                total += read as u64;
                if total > expected.size {
                    return Err(Error::SizeMismatch {
                        expected: expected.size,
                        actual: total,
                    });
                }
                hasher.update(&buffer[..read]);
                file.write_all(&buffer[..read])
                    .map_err(|error| Error::io("write", path, error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path, error)),
        }
    }
    if total != expected.size {
        return Err(Error::SizeMismatch {
            expected: expected.size,
            actual: total,
        });
    }
    Ok(hasher.finish())
}

/// Sets mode and time through the open file, never through a name, and syncs it.
pub(crate) fn finish_file(
    path: &FilePath,
    file: &File,
    attributes: &FileAttributes,
) -> Result<(), Error> {
    file.set_permissions(Permissions::from_mode(attributes.safe_mode()))
        .map_err(|error| Error::io("set the mode of", path, error))?;
    if let Some(modified) = attributes.modified() {
        file.set_modified(modified)
            .map_err(|error| Error::io("set the time of", path, error))?;
    }
    file.sync_all()
        .map_err(|error| Error::io("sync", path, error))
}

fn open_directory(
    at: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

fn make_staging(root: &OwnedFd) -> rustix::io::Result<(String, OwnedFd)> {
    let mut number = 0_u32;
    loop {
        let name = format!("{STAGING}{}-{number}", std::process::id());
        match rustix::fs::mkdirat(root, name.as_str(), Mode::RWXU) {
            Ok(()) => {
                let opened = open_directory(root, name.as_str())?;
                return Ok((name, opened));
            }
            Err(Errno::EXIST) => number += 1,
            Err(errno) => return Err(errno),
        }
    }
}

/// Removes staging directories of processes that died: those which nobody holds locked.
fn remove_abandoned(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let is_staging = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(STAGING));
        if is_staging
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && File::open(entry.path()).is_ok_and(|directory| directory.try_lock().is_ok())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
