//! A directory into which files are written, never outside of it and never by halves.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use modelpack_spec::{Digest, FilePath, Hasher, PathSet};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::staging::{Staged, Staging, is_reserved, open_directory};
use crate::{Error, FileAttributes};

/// Bytes are read, hashed and written in pieces of this size, which still fit into a core's cache.
pub(crate) const BUFFER: u64 = 256 * 1024;

/// What bytes must be before they become visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Their digest.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

/// A directory into which the files of one artifact are written.
///
/// Every path is walked from an open handle of the directory without following links, so nothing
/// that lies in it, and nobody who changes it meanwhile, can lead a write outside. A link that stands
/// at the very place of a file is replaced by the file; what it points to is left alone.
///
/// A path can be written once: two layers of an artifact that claim the same file, or two files that
/// differ only in case, are refused. Dropping it removes what is unfinished, and the directories that
/// [`Destination::open`] made, if they stayed empty.
#[derive(Debug)]
pub struct Destination {
    // In the order in which they must be dropped.
    staging: Staging,
    root: OwnedFd,
    path: PathBuf,
    written: Mutex<Written>,
    _made: MadeDirectories,
}

/// What was written through a destination.
#[derive(Debug, Default)]
struct Written {
    paths: PathSet,
    /// Files that were not there before.
    files: Vec<FilePath>,
    /// Directories that were not there before, outer ones first.
    directories: Vec<FilePath>,
}

impl Destination {
    /// Opens a directory, making it and its parents when they are not there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let fail = |action| move |error: io::Error| Error::io(action, path.display(), error);
        let made = MadeDirectories::new(path).map_err(fail("create"))?;
        let path = fs::canonicalize(path).map_err(fail("open"))?;
        let root = open_directory(rustix::fs::CWD, path.as_os_str())
            .map_err(|errno| fail("open")(errno.into()))?;
        let staging = Staging::open(&root).map_err(|errno| fail("write into")(errno.into()))?;
        Ok(Self {
            staging,
            root,
            path,
            written: Mutex::default(),
            _made: made,
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
    /// [`Error::SizeMismatch`], [`Error::DigestMismatch`], [`Error::UnsafeEntry`] when it collides
    /// with a file written before, [`Error::Blocked`], [`Error::Io`]. The directory is then as it was.
    pub fn write_raw(
        &self,
        path: &FilePath,
        attributes: &FileAttributes,
        content: &mut dyn Read,
        expected: &Expected,
    ) -> Result<(), Error> {
        self.check_free(path)?;
        let (staged, mut file) = self.stage(path)?;
        copy_verified(path, content, &mut file, expected)?;
        finish_file(path, &file, attributes)?;
        self.claim(path)?;
        self.publish(&staged, path)
    }

    /// Whether there is a plain file with exactly these bytes, which are read and hashed: neither a
    /// time nor an attribute of the file is trusted.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read.
    pub fn holds(&self, path: &FilePath, expected: &Expected) -> Result<bool, Error> {
        let Some(parent) = self.find_parent(path)? else {
            return Ok(false);
        };
        // Opening a pipe would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match rustix::fs::openat(&parent, path.file_name(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(false),
            Err(errno) => return Err(Error::io("open", path, errno)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| Error::io("read", path, error))?;
        if !metadata.is_file() || metadata.len() != expected.size {
            return Ok(false);
        }
        match copy_verified(path, &mut file, &mut io::sink(), expected) {
            Ok(()) => Ok(true),
            Err(error) if error.is_integrity() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes back what was written so far: removes the files that were not there before and the
    /// directories that were made for them, as far as these are empty. A file that replaced an older
    /// one stays, since it is whole and verified.
    ///
    /// Best effort, for the way out of a failed run.
    pub fn discard(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Written {
            files, directories, ..
        } = std::mem::take(&mut *written);
        let directories = directories
            .iter()
            .rev()
            .map(|path| (path, AtFlags::REMOVEDIR));
        for (path, flags) in files
            .iter()
            .map(|path| (path, AtFlags::empty()))
            .chain(directories)
        {
            if let Ok(Some(parent)) = self.find_parent(path) {
                let _ = rustix::fs::unlinkat(&parent, path.file_name(), flags);
            }
        }
    }

    /// Makes an empty file that nobody sees yet.
    pub(crate) fn stage(&self, path: &FilePath) -> Result<(Staged<'_>, File), Error> {
        let staged = self.staging.name();
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(
            staged.directory,
            staged.name.as_str(),
            flags,
            Mode::RUSR | Mode::WUSR,
        )
        .map_err(|errno| Error::io("create", path, errno))?;
        Ok((staged, File::from(file)))
    }

    /// A name that nobody sees, with no file yet.
    pub(crate) fn staged_name(&self) -> Staged<'_> {
        self.staging.name()
    }

    /// Refuses a path that cannot become a file here, without changing anything. Asked early, so that
    /// no work is lost, and for all files of an archive before the first of them becomes visible.
    pub(crate) fn check_free(&self, path: &FilePath) -> Result<(), Error> {
        let blocked = |reason| {
            Err(Error::Blocked {
                path: path.clone(),
                reason,
            })
        };
        if path.components().next().is_some_and(is_reserved) {
            return blocked("the name is kept for unfinished files");
        }
        let Some(parent) = self.find_parent(path)? else {
            return Ok(());
        };
        match rustix::fs::statat(&parent, path.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile | FileType::Symlink => Ok(()),
                FileType::Directory => blocked("a directory is in the way"),
                _ => blocked("a device, pipe or socket is in the way"),
            },
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::io("look at", path, errno)),
        }
    }

    /// Refuses a path that cannot become a directory here, without changing anything.
    pub(crate) fn check_directory(&self, directory: &FilePath) -> Result<(), Error> {
        if directory.components().next().is_some_and(is_reserved) {
            return Err(Error::Blocked {
                path: directory.clone(),
                reason: "the name is kept for unfinished files",
            });
        }
        match self.find_parent(directory)? {
            Some(parent) => self.enter(&parent, directory, directory).map(drop),
            None => Ok(()),
        }
    }

    /// Notes that a path is written now, and refuses one that collides with an earlier one.
    pub(crate) fn claim(&self, path: &FilePath) -> Result<(), Error> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written
            .paths
            .insert(path)
            .map_err(|error| Error::unsafe_entry(path.as_str(), &error))
    }

    /// Renames a finished file to its place.
    pub(crate) fn publish(&self, staged: &Staged<'_>, path: &FilePath) -> Result<(), Error> {
        let parent = match path.parent() {
            Some(parent) => self.make_directory(&parent)?,
            None => self.clone_root(path)?,
        };
        let name = path.file_name();
        let is_new = matches!(
            rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW),
            Err(Errno::NOENT)
        );
        match rustix::fs::renameat(staged.directory, staged.name.as_str(), &parent, name) {
            Ok(()) => {}
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
                return Err(Error::Blocked {
                    path: path.clone(),
                    reason: "a directory is in the way",
                });
            }
            Err(errno) => return Err(Error::io("write", path, errno)),
        }
        if is_new {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.files.push(path.clone());
        }
        sync_directory(&parent, path)
    }

    /// Opens a directory below the root, making what is missing.
    pub(crate) fn make_directory(&self, directory: &FilePath) -> Result<OwnedFd, Error> {
        let mut current = self.clone_root(directory)?;
        for step in steps(directory) {
            match rustix::fs::mkdirat(&current, step.file_name(), Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    sync_directory(&current, &step)?;
                    let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
                    written.directories.push(step.clone());
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(Error::io("create the directory", step, errno)),
            }
            current = self
                .enter(&current, &step, directory)?
                .ok_or_else(|| Error::io("open the directory", &step, Errno::NOENT))?;
        }
        Ok(current)
    }

    /// Opens the directory of a path; nothing when it is not there.
    fn find_parent(&self, path: &FilePath) -> Result<Option<OwnedFd>, Error> {
        let mut current = self.clone_root(path)?;
        for step in path.parent().iter().flat_map(steps) {
            match self.enter(&current, &step, path)? {
                Some(next) => current = next,
                None => return Ok(None),
            }
        }
        Ok(Some(current))
    }

    /// Goes one directory deeper on the way to `path`, never through a link.
    fn enter(
        &self,
        current: &OwnedFd,
        step: &FilePath,
        path: &FilePath,
    ) -> Result<Option<OwnedFd>, Error> {
        match open_directory(current, step.file_name()) {
            Ok(opened) => Ok(Some(opened)),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => Err(Error::Blocked {
                path: path.clone(),
                reason: "a link or file is in the way",
            }),
            Err(errno) => Err(Error::io("open the directory", step, errno)),
        }
    }

    fn clone_root(&self, path: &FilePath) -> Result<OwnedFd, Error> {
        self.root
            .try_clone()
            .map_err(|error| Error::io("open the directory of", path, error))
    }
}

/// A directory and those around it, the outermost first.
fn steps(directory: &FilePath) -> Vec<FilePath> {
    let mut steps: Vec<_> =
        std::iter::successors(Some(directory.clone()), FilePath::parent).collect();
    steps.reverse();
    steps
}

/// Directories that were made to have a destination. Those that are still empty are removed again.
#[derive(Debug)]
struct MadeDirectories(Vec<PathBuf>);

impl MadeDirectories {
    fn new(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let missing = path
            .ancestors()
            .take_while(|directory| fs::symlink_metadata(directory).is_err())
            .map(Path::to_owned)
            .collect();
        let made = Self(missing);
        fs::create_dir_all(&path)?;
        Ok(made)
    }
}

impl Drop for MadeDirectories {
    fn drop(&mut self) {
        for directory in &self.0 {
            // Fails when it is not empty, and then those around it are not empty either.
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Copies content of the expected size and digest.
pub(crate) fn copy_verified(
    path: &FilePath,
    content: &mut dyn Read,
    to: &mut dyn Write,
    expected: &Expected,
) -> Result<(), Error> {
    let mut hasher = Hasher::new(expected.digest.algorithm());
    // One byte more than expected is asked for, to notice content that goes on.
    let mut buffer = buffer(expected.size.saturating_add(1));
    let mut total = 0;
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                total += read as u64;
                if total > expected.size {
                    break;
                }
                hasher.update(&buffer[..read]);
                to.write_all(&buffer[..read])
                    .map_err(|error| Error::io("write", path, error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path, error)),
        }
    }
    expected.check(total, || hasher.finish())
}

impl Expected {
    pub(crate) fn check(&self, size: u64, digest: impl FnOnce() -> Digest) -> Result<(), Error> {
        if size != self.size {
            return Err(Error::SizeMismatch {
                expected: self.size,
                actual: size,
            });
        }
        let actual = digest();
        if actual == self.digest {
            Ok(())
        } else {
            Err(Error::DigestMismatch {
                expected: self.digest,
                actual,
            })
        }
    }
}

/// A buffer for content of this size, which for the many small files of an archive is a small one.
pub(crate) fn buffer(size: u64) -> Vec<u8> {
    vec![0; usize::try_from(size.clamp(1, BUFFER)).unwrap_or(1)]
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

/// Syncs a directory, where the file system has such a thing.
fn sync_directory(directory: &OwnedFd, path: &FilePath) -> Result<(), Error> {
    match rustix::fs::fsync(directory) {
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        Err(errno) => Err(Error::io("sync the directory of", path, errno)),
    }
}
