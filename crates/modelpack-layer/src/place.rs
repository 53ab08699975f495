//! Putting a verified blob into a directory without a second copy where the file system can.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use modelpack_spec::FilePath;
use rustix::fs::AtFlags;

use crate::destination::{Destination, Expected, copy_verified, finish_file};
use crate::{Error, FileAttributes};

/// How a blob may become a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// A hard link, else a reflink, else a copy. A linked file is read-only and shares mode, owner
    /// and time with the blob; a file that must be executable is therefore never linked.
    Link,
    /// A reflink, else a copy: a file of its own that can be edited.
    Own,
    /// The blob itself, which is gone from where it was then. For blobs on the same file system that
    /// nobody else needs.
    Move,
}

/// How a blob became a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placed {
    /// It is a hard link.
    Linked,
    /// It shares its bytes on disk until one of the two is written to.
    Reflinked,
    /// It is the blob itself.
    Moved,
    /// It was copied, and verified on the way.
    Copied,
}

impl Destination {
    /// Puts the content of `blob`, which has been verified when it was stored, at `path`. A file that
    /// is there is replaced atomically.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`]; [`Error::DigestMismatch`] when a copy shows that the blob has rotted;
    /// [`Error::UnsafeEntry`] when it collides with a file written before; [`Error::Blocked`],
    /// [`Error::Io`]. The directory is then as it was.
    pub fn place(
        &self,
        blob: &Path,
        path: &FilePath,
        attributes: &FileAttributes,
        expected: &Expected,
        placement: Placement,
    ) -> Result<Placed, Error> {
        self.check_free(path)?;
        let mut source =
            File::open(blob).map_err(|error| Error::io("open", blob.display(), error))?;
        let metadata = source
            .metadata()
            .map_err(|error| Error::io("read", blob.display(), error))?;
        if metadata.len() != expected.size {
            return Err(Error::SizeMismatch {
                expected: expected.size,
                actual: metadata.len(),
            });
        }
        let is_executable = attributes.safe_mode() & 0o111 != 0;
        if placement == Placement::Link && !is_executable && metadata.mode() & 0o222 == 0 {
            let staged = self.staged_name();
            let linked = rustix::fs::linkat(
                rustix::fs::CWD,
                blob,
                staged.directory,
                staged.name.as_str(),
                // Should the blob be a symbolic link, its file is meant, as it was when it was opened.
                AtFlags::SYMLINK_FOLLOW,
            );
            if linked.is_ok() {
                self.claim(path)?;
                // When the place holds a link to the same file already, the rename does nothing and
                // the staged name is removed when it is dropped.
                self.publish(&staged, path)?;
                return Ok(Placed::Linked);
            }
        }
        if placement == Placement::Move {
            // Through the open file, before anybody can see it under its new name.
            finish_file(path, &source, attributes)?;
            return self.take(blob, path).map(|()| Placed::Moved);
        }
        let (staged, mut file) = self.stage(path)?;
        let placed = if reflink(&file, &source) {
            Placed::Reflinked
        } else {
            copy_verified(path, &mut source, &mut file, expected)?;
            Placed::Copied
        };
        finish_file(path, &file, attributes)?;
        self.claim(path)?;
        self.publish(&staged, path)?;
        Ok(placed)
    }

    /// Renames a file to its place, or leaves it where it is.
    fn take(&self, blob: &Path, path: &FilePath) -> Result<(), Error> {
        use rustix::fs::{CWD, renameat};
        self.claim(path)?;
        let staged = self.staged_name();
        let name = staged.name.as_str();
        renameat(CWD, blob, staged.directory, name)
            .map_err(|errno| Error::io("move", path, errno))?;
        self.publish(&staged, path).inspect_err(|_| {
            let _ = renameat(staged.directory, name, CWD, blob);
        })
    }
}

#[cfg(target_os = "linux")]
fn reflink(to: &File, from: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_to: &File, _from: &File) -> bool {
    false
}
