//! Hashing a file where it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use modelpack_spec::{Algorithm, Digest};

use crate::blob::Scratch;
use crate::cache::{DigestCache, FileKey, KnownDigests};
use crate::error::IoContext;
use crate::layout::hash_prefix;
use crate::{Error, Lease};

/// A file that was hashed where it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HashedFile {
    /// Digest of its content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// Whether it was known to be unchanged since it was hashed before, so that nothing was read.
    pub was_known: bool,
    key: FileKey,
}

impl HashedFile {
    /// Whether the file still is what was hashed, by everything that moves when somebody writes into it.
    ///
    /// # Errors
    /// Those of asking the system.
    pub fn is_unchanged(&self, file: &File) -> io::Result<bool> {
        Ok(FileKey::new(&file.metadata()?) == self.key)
    }
}

impl KnownDigests {
    /// The digest of a file that is known to be unchanged since it was hashed.
    #[must_use]
    pub fn find(&self, path: &Path) -> Option<Digest> {
        let (_, key) = open(path).ok()?;
        self.lookup(&key)
    }

    /// The digest of a regular file, which is read unless it is known to be unchanged. Nothing is written.
    ///
    /// # Errors
    /// [`Error::NotAFile`], [`Error::FileChanged`] when the file is written to meanwhile, [`Error::Io`].
    pub fn hash_file(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<HashedFile, Error> {
        let (file, key) = open(path)?;
        let size = key.size();
        if let Some(digest) = self.lookup(&key) {
            progress(size).at("read", path)?;
            return Ok(HashedFile {
                digest,
                size,
                was_known: true,
                key,
            });
        }
        let changed = || Error::FileChanged {
            path: path.to_owned(),
        };
        let hasher = match hash_prefix(&file, Algorithm::Sha256, size, progress) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(changed()),
            hashed => hashed.at("read", path)?,
        };
        let hashed = HashedFile {
            digest: hasher.finish(),
            size,
            was_known: false,
            key,
        };
        if hashed.is_unchanged(&file).at("read", path)? {
            Ok(hashed)
        } else {
            Err(changed())
        }
    }
}

impl Lease {
    /// The digest of a regular file, which is read unless it is known to be unchanged, and is remembered.
    ///
    /// # Errors
    /// Those of [`KnownDigests::hash_file`].
    pub fn hash_file(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<HashedFile, Error> {
        // When the reading begins, by the clock of the file system: what is written from then on is not
        // known. Without it nothing is remembered.
        let began = match self.known().find(path) {
            Some(_) => None,
            None => Scratch::create(self)
                .ok()
                .and_then(|(_scratch, file)| file.metadata().ok())
                .map(|now| now.mtime()),
        };
        let hashed = self.known().hash_file(path, progress)?;
        if let Some(began) = began.filter(|_| !hashed.was_known) {
            let cache = DigestCache::new(self.store());
            if cache.remember(&hashed.key, &hashed.digest, began) {
                self.known().insert(&hashed.key, hashed.digest);
            }
        }
        Ok(hashed)
    }

    /// Whether a file can become a blob without a second copy of its bytes.
    #[must_use]
    pub fn can_share(&self, path: &Path) -> bool {
        let (Ok((file, _)), Ok((_scratch, copy))) = (open(path), Scratch::create(self)) else {
            return false;
        };
        crate::ingest::reflink(&copy, &file)
    }
}

/// Opens a regular file.
pub(crate) fn open(path: &Path) -> Result<(File, FileKey), Error> {
    // Opening a pipe for reading would wait for a writer.
    let file = File::options()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .at("open", path)?;
    let metadata = file.metadata().at("read", path)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok((file, FileKey::new(&metadata)))
}
