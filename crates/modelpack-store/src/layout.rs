//! Where everything lies below the root of a store.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use modelpack_spec::{Algorithm, Digest, Hasher};

use crate::buffer::{BUFFER, Buffer};
use crate::error::IoContext;
use crate::{Error, Lease, MappedBlob, durable};

/// Version of everything below [`OWN`]. Raised when an older program could damage what a newer one wrote.
const VERSION: u64 = 1;
/// The directory that is ours inside the OCI image layout.
const OWN: &str = "modelpack";
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const EMPTY_INDEX: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// A store on disk. Clones share it; so do other processes.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<PathBuf>,
}

impl Store {
    /// Opens a store that exists.
    ///
    /// # Errors
    /// [`Error::NotAStore`] or [`Error::NewerStore`].
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref();
        let not_a_store = || Error::NotAStore {
            path: root.to_owned(),
        };
        let root = fs::canonicalize(root).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => not_a_store(),
            _ => Error::io("open", root, error),
        })?;
        let store = Self {
            root: Arc::new(root),
        };
        match store.version()? {
            Some(found) if found > VERSION => Err(Error::NewerStore {
                path: store.root.to_path_buf(),
                found,
                known: VERSION,
            }),
            Some(_) => Ok(store),
            None => Err(not_a_store()),
        }
    }

    /// Opens a store, making it when there is none. Makes parent directories as well.
    ///
    /// # Errors
    /// [`Error::NewerStore`], or [`Error::Io`] when the path cannot be written.
    pub fn create(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref();
        match Self::open(root) {
            Err(Error::NotAStore { .. }) => {}
            opened => return opened,
        }
        fs::create_dir_all(root).at("create", root)?;
        let store = Self {
            root: Arc::new(fs::canonicalize(root).at("open", root)?),
        };
        for directory in [
            store.own("leases"),
            store.own("ingest"),
            store.own("partials"),
            store.root.join("blobs/sha256"),
            store.root.join("blobs/sha512"),
        ] {
            fs::create_dir_all(&directory).at("create", &directory)?;
            directory.parent().map_or(Ok(()), durable::sync_directory)?;
        }
        durable::sync_directory(&store.root)?;
        // Two processes may be here at once. Each step is atomic and never replaces content, and the
        // version file, which makes the directory a store, comes last.
        let lock = store.lock_index()?;
        let scratch = store.own("ingest");
        for (path, content) in [
            (store.root.join("oci-layout"), OCI_LAYOUT),
            (store.index_path(), EMPTY_INDEX),
            (
                store.own("store.json"),
                format!(r#"{{"version":{VERSION}}}"#).as_bytes(),
            ),
        ] {
            if !path.exists() {
                durable::replace(&path, &scratch, content)?;
            }
        }
        drop(lock);
        Self::open(root)
    }

    fn version(&self) -> Result<Option<u64>, Error> {
        #[derive(serde::Deserialize)]
        struct StoreFile {
            version: u64,
        }
        let path = self.own("store.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        let file: StoreFile = serde_json::from_slice(&text).map_err(|error| Error::Damaged {
            path,
            reason: error.to_string(),
        })?;
        Ok(Some(file.version))
    }

    /// The root directory, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the directory that is ours inside the layout.
    #[must_use]
    pub fn own(&self, name: &str) -> PathBuf {
        self.root.join(OWN).join(name)
    }

    pub(crate) fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    /// Where a blob lies, or would lie. Files there are read-only, complete and never changed in place.
    #[must_use]
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("blobs")
            .join(digest.algorithm().as_str())
            .join(digest.hex())
    }

    /// Size of a blob in bytes, when it is here.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let path = self.blob_path(digest);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Err(Error::NotAFile { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// Opens a blob without hashing it. It was verified when it was stored; a disk can rot since.
    ///
    /// # Errors
    /// [`Error::UnknownBlob`].
    pub fn open_blob_unverified(&self, digest: &Digest) -> Result<File, Error> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::UnknownBlob { digest: *digest },
            _ => Error::io("open", &path, error),
        })
    }

    /// Reads a whole blob of at most `limit` bytes and verifies it.
    ///
    /// # Errors
    /// [`Error::UnknownBlob`], [`Error::TooLarge`], [`Error::DigestMismatch`].
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Bytes, Error> {
        let file = self.open_blob_unverified(digest)?;
        let path = self.blob_path(digest);
        let size = file.metadata().at("read", &path)?.len();
        if size > limit {
            return Err(Error::TooLarge {
                digest: *digest,
                size,
                limit,
            });
        }
        let mut content = Vec::new();
        file.take(limit)
            .read_to_end(&mut content)
            .at("read", &path)?;
        let actual = Digest::of(digest.algorithm(), &content);
        if actual != *digest {
            return Err(Error::DigestMismatch {
                expected: *digest,
                actual,
            });
        }
        Ok(content.into())
    }

    /// Whether a blob is here and no longer has the digest that is its name.
    pub(crate) fn is_damaged(&self, digest: &Digest) -> Result<bool, Error> {
        let path = self.blob_path(digest);
        let file = self.open_blob_unverified(digest)?;
        let size = file.metadata().at("read", &path)?.len();
        let hasher = hash_prefix(&file, digest.algorithm(), size, |_| Ok(())).at("read", &path)?;
        Ok(hasher.finish() != *digest)
    }

    /// Maps a blob into memory, which costs neither a copy nor a read. Its bytes are not hashed
    /// again, see [`Self::open_blob_unverified`].
    ///
    /// # Errors
    /// [`Error::UnknownBlob`].
    pub fn map(&self, digest: &Digest) -> Result<MappedBlob, Error> {
        MappedBlob::open(&self.open_blob_unverified(digest)?).at("map", &self.blob_path(digest))
    }

    /// Bytes that this process may still write to the disk of the store.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn available_space(&self) -> Result<u64, Error> {
        let stat = rustix::fs::statvfs(self.root.as_path()).at("read", &self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Begins an operation: what it touches stays until the lease is dropped.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn lease(&self) -> Result<Lease, Error> {
        Lease::begin(self.clone())
    }

    /// Held while `index.json` is read, changed and written.
    pub(crate) fn lock_index(&self) -> Result<Lock, Error> {
        Lock::take(&self.own("index.lock"), File::lock)
    }

    /// Held shared for the moment in which something becomes protected, alone while prune sweeps.
    pub(crate) fn lock_sweep(&self, lock: fn(&File) -> io::Result<()>) -> Result<Lock, Error> {
        Lock::take(&self.own("sweep.lock"), lock)
    }
}

/// A lock between processes, held until dropped. The operating system frees it when a process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock.
    pub(crate) fn take(path: &Path, lock: fn(&File) -> io::Result<()>) -> Result<Self, Error> {
        loop {
            let file = Self::open(path)?;
            match lock(&file) {
                Ok(()) if is_at(&file, path)? => return Ok(Self { _file: file }),
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("lock", path, error)),
            }
        }
    }

    /// Takes the lock alone unless somebody has it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        loop {
            let file = Self::open(path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path)? => return Ok(Some(Self { _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
            }
        }
    }

    fn open(path: &Path) -> Result<File, Error> {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .at("open the lock", path)
    }
}

/// Whether the file is still the one with this name. Who held a lock may remove its file before he
/// lets go; a lock on such a file keeps nobody out.
pub(crate) fn is_at(file: &File, path: &Path) -> Result<bool, Error> {
    let locked = file.metadata().at("read", path)?;
    match fs::metadata(path) {
        Ok(named) => Ok((locked.dev(), locked.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// Hashes `size` bytes of a file from its beginning. An error of `progress` ends it.
pub(crate) fn hash_prefix(
    file: &File,
    algorithm: Algorithm,
    size: u64,
    progress: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<Hasher> {
    let mut hasher = Hasher::new(algorithm);
    hash_range(file, &mut hasher, 0..size, progress)?;
    Ok(hasher)
}

/// Goes on hashing with a part of a file.
pub(crate) fn hash_range(
    file: &File,
    hasher: &mut Hasher,
    range: Range<u64>,
    mut progress: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    let mut buffer = Buffer::new();
    let mut offset = range.start;
    while offset < range.end {
        let rest = usize::try_from(range.end - offset).unwrap_or(BUFFER);
        let want = rest.min(BUFFER);
        let read = match file.read_at(&mut buffer[..want], offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        offset += read as u64;
        progress(read as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
