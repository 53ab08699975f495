//! Writing a blob whose digest is computed on the way.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use modelpack_spec::{Algorithm, Digest, Hasher};

use crate::error::IoContext;
use crate::layout::hash_prefix;
use crate::{Error, Lease, Stored, durable};

/// Mode of a finished blob: nobody writes to it again.
pub(crate) const BLOB_MODE: u32 = 0o444;

/// A blob that is being written. It becomes visible when it is committed; dropping it removes it.
#[derive(Debug)]
pub struct BlobWriter {
    lease: Lease,
    scratch: Scratch,
    file: File,
    algorithm: Algorithm,
    hasher: Hasher,
    size: u64,
}

impl BlobWriter {
    pub(crate) fn begin(lease: &Lease, algorithm: Algorithm) -> Result<Self, Error> {
        let (scratch, file) = Scratch::create(lease)?;
        Ok(Self {
            lease: lease.clone(),
            scratch,
            file,
            algorithm,
            hasher: Hasher::new(algorithm),
            size: 0,
        })
    }

    /// Adds the next bytes. After an error none of them count, and the same call may be repeated.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Io`].
    pub fn append(&mut self, content: &[u8]) -> Result<(), Error> {
        // At an explicit position: what a failed call left behind is written over by the next one,
        // and cut off at the end.
        self.file
            .write_all_at(content, self.size)
            .at("write", &self.scratch.path)?;
        self.hasher.update(content);
        self.size += content.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens what is being written, to read it meanwhile. The first [`size`](Self::size) bytes stay as they are,
    /// also in the open file of a blob that was committed or dropped since; none of them is verified.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn reader(&self) -> Result<File, Error> {
        // Opened anew, because a copy of our own handle could write.
        File::open(&self.scratch.path).at("open", &self.scratch.path)
    }

    /// Makes the blob visible under the digest of what was written.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn commit(self) -> Result<Stored, Error> {
        let digest = self.hasher.finish();
        publish(&self.lease, self.scratch, &self.file, &digest, self.size)
    }

    /// Makes the blob visible if it is what was promised. When the digest is of another algorithm
    /// than the one that was begun with, what was written is read once more.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] or [`Error::DigestMismatch`], after which nothing is left of it.
    pub fn commit_expecting(self, digest: &Digest, size: u64) -> Result<Stored, Error> {
        let lease = self.lease.clone();
        let (scratch, file) = self.verified(digest, size)?;
        publish(&lease, scratch, &file, digest, size)
    }

    /// The file, when it is what was promised.
    pub(crate) fn verified(self, digest: &Digest, size: u64) -> Result<(Scratch, File), Error> {
        if self.size != size {
            let what = format!("blob {digest}");
            return Err(Error::SizeMismatch {
                what,
                expected: size,
                actual: self.size,
            });
        }
        let actual = if digest.algorithm() == self.algorithm {
            self.hasher.finish()
        } else {
            hash_prefix(&self.file, digest.algorithm(), size, |_| Ok(()))
                .at("read", &self.scratch.path)?
                .finish()
        };
        if actual != *digest {
            return Err(Error::DigestMismatch {
                expected: *digest,
                actual,
            });
        }
        Ok((self.scratch, self.file))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(content, self.size)?;
        self.hasher.update(&content[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file below `ingest/` that is removed unless it becomes a blob.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
}

impl Scratch {
    pub(crate) fn create(lease: &Lease) -> Result<(Self, File), Error> {
        let scratch = Self::reserve(lease);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&scratch.path)
            .at("create", &scratch.path)?;
        Ok((scratch, file))
    }

    /// A name without a file yet.
    pub(crate) fn reserve(lease: &Lease) -> Self {
        Self {
            path: lease.scratch_path(),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After a rename there is nothing at this path; what a crash leaves is found by prune.
        let _ = fs::remove_file(&self.path);
    }
}

/// Moves a complete, verified file to its final name.
pub(crate) fn publish(
    lease: &Lease,
    scratch: Scratch,
    file: &File,
    digest: &Digest,
    size: u64,
) -> Result<Stored, Error> {
    if lease.protect(digest)? == Some(size) {
        return Ok(Stored {
            digest: *digest,
            size,
            existed: true,
        });
    }
    if file.metadata().at("read", &scratch.path)?.len() != size {
        file.set_len(size).at("write", &scratch.path)?;
    }
    move_into_place(&scratch.path, file, &lease.store().blob_path(digest))?;
    lease.note_added(digest);
    Ok(Stored {
        digest: *digest,
        size,
        existed: false,
    })
}

/// Renames a complete file to the name of its blob, so that all of it survives a power loss.
pub(crate) fn move_into_place(from: &Path, file: &File, to: &Path) -> Result<(), Error> {
    file.set_permissions(Permissions::from_mode(BLOB_MODE))
        .at("set the mode of", from)?;
    file.sync_all().at("sync", from)?;
    fs::rename(from, to).at("rename", from)?;
    to.parent().map_or(Ok(()), durable::sync_directory)
}

#[cfg(test)]
mod tests;
