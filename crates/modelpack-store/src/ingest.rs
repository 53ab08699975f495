//! Taking a file into the store with at most one read of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use modelpack_spec::{Algorithm, Digest};

use crate::blob::{Scratch, publish};
use crate::cache::{DigestCache, FileKey};
use crate::copy::Copy;
use crate::error::IoContext;
use crate::hash::open;
use crate::layout::hash_prefix;
use crate::{Batch, Error, Lease, durable};

/// How a file may become a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Adopt {
    /// Share the bytes by reflink where the file system can, else copy them.
    #[default]
    ReflinkOrCopy,
    /// Always copy.
    Copy,
    /// Hard link: no second copy; between file systems it is reflinked or copied. **The blob changes when somebody later writes
    /// into the file in place**, so it is only for files that are replaced and never edited.
    DangerHardLink,
}

/// How a file became a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adopted {
    /// The digest cache knew the file and the blob was there: nothing was read.
    Cached,
    /// The blob was there; the file was read once to learn that.
    Existing,
    /// Shares its bytes with the file.
    Reflinked,
    /// Is the same file.
    Linked,
    /// Was copied.
    Copied,
}

/// A file that is in the store now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ingested {
    /// Digest of its content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// How it got there.
    pub how: Adopted,
}

impl Lease {
    /// Stores the content of a regular file, reading it at most once, and not at all when it is known
    /// to be unchanged. `progress` gets the number of bytes since its last call and can stop the work by
    /// an error.
    ///
    /// # Errors
    /// [`Error::NotAFile`], [`Error::FileChanged`] when the file is written to meanwhile,
    /// [`Error::NoSpace`], [`Error::Io`]. Nothing stays in the store then.
    pub fn ingest_file(
        &self,
        path: &Path,
        adopt: Adopt,
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<Ingested, Error> {
        self.ingest_into(path, adopt, progress, None)
    }

    /// Stores a file at once, or with the others of a batch.
    pub(crate) fn ingest_into(
        &self,
        path: &Path,
        adopt: Adopt,
        progress: &mut dyn FnMut(u64) -> io::Result<()>,
        batch: Option<&Batch>,
    ) -> Result<Ingested, Error> {
        let (file, key) = open(path)?;
        let size = key.size();
        let cache = DigestCache::new(self.store());
        if let Some(digest) = self.known().lookup(&key)
            && self.protect(&digest)? == Some(size)
        {
            progress(size).at("read", path)?;
            return Ok(Ingested {
                digest,
                size,
                how: Adopted::Cached,
            });
        }

        let (scratch, copy) = Scratch::create(self)?;
        let mut tick = |bytes| progress(bytes);
        let copied_to = copy.metadata().at("read", &scratch.path)?;
        let began = copied_to.mtime();
        // Only a file of the same file system can be linked; then it has to be hashed where it is.
        let (digest, mut how) = if adopt == Adopt::DangerHardLink && copied_to.dev() == key.device()
        {
            (hash(&file, size, path, &mut tick)?, Adopted::Linked)
        } else if adopt == Adopt::ReflinkOrCopy && reflink(&copy, &file) {
            // The clone is a snapshot, so it is the clone that is hashed.
            (hash(&copy, size, path, &mut tick)?, Adopted::Reflinked)
        } else {
            preallocate(&copy, size, &scratch.path)?;
            let copying = Copy {
                from: &file,
                to: &copy,
                size,
                path,
                scratch: &scratch.path,
            };
            (copying.run(&mut tick)?, Adopted::Copied)
        };
        let after = FileKey::new(&file.metadata().at("read", path)?);
        let copied = copy.metadata().at("read", &scratch.path)?.len();
        if after != key || (how != Adopted::Linked && copied != size) {
            return Err(Error::FileChanged {
                path: path.to_owned(),
            });
        }

        if how == Adopted::Linked {
            if let Some(linked) = self.hard_link(&file, path, &key, &digest, size)? {
                how = linked;
            } else {
                // The system forbids this one link (its owner, its number of links): the second read
                // has been counted already.
                drop((scratch, copy));
                let mut progress = |_| progress(0);
                return self.ingest_into(path, Adopt::ReflinkOrCopy, &mut progress, batch);
            }
        } else {
            let stored = match batch {
                Some(batch) => batch.publish(scratch, copy, &digest, size)?,
                None => publish(self, scratch, &copy, &digest, size)?,
            };
            if stored.existed {
                how = Adopted::Existing;
            }
        }
        // When the reading began, by the clock of the file system: what was written since is not known.
        if cache.remember(&key, &digest, began) {
            self.known().insert(&key, digest);
        }
        Ok(Ingested { digest, size, how })
    }

    /// Links the file under the name of its blob; nothing when the file system cannot.
    fn hard_link(
        &self,
        file: &File,
        path: &Path,
        key: &FileKey,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Adopted>, Error> {
        if self.protect(digest)? == Some(size) {
            return Ok(Some(Adopted::Existing));
        }
        // Under a name of its own first: what the path names now need not be what was hashed.
        let scratch = Scratch::reserve(self);
        let source = std::fs::canonicalize(path).at("open", path)?;
        if std::fs::hard_link(&source, &scratch.path).is_err() {
            return Ok(None);
        }
        let linked = std::fs::metadata(&scratch.path).at("read", &scratch.path)?;
        // The link itself has changed ctime, so only what a link leaves alone is compared.
        if !key.is_same_content(&FileKey::new(&linked)) {
            return Err(Error::FileChanged {
                path: path.to_owned(),
            });
        }
        file.sync_all().at("sync", path)?;
        let blob = self.store().blob_path(digest);
        std::fs::rename(&scratch.path, &blob).at("rename", &scratch.path)?;
        blob.parent().map_or(Ok(()), durable::sync_directory)?;
        self.note_added(digest);
        Ok(Some(Adopted::Linked))
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn reflink(to: &File, from: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reflink(_to: &File, _from: &File) -> bool {
    false
}

type Tick<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

fn hash(file: &File, size: u64, path: &Path, tick: Tick<'_>) -> Result<Digest, Error> {
    match hash_prefix(file, Algorithm::Sha256, size, tick) {
        Ok(hasher) => Ok(hasher.finish()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::FileChanged {
            path: path.to_owned(),
        }),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// Reserves room, so that a full disk is noticed at once and the file lies in one piece.
///
/// # Errors
/// [`Error::NoSpace`] with `size`, [`Error::Io`].
pub(crate) fn preallocate(file: &File, size: u64, path: &Path) -> Result<(), Error> {
    if size == 0 {
        return Ok(());
    }
    // Asked first, because some file systems fill the disk before they say that it is too small.
    let stat = rustix::fs::fstatvfs(file).at("read", path)?;
    // A file system that says nothing about itself says zero.
    if stat.f_blocks > 0 && stat.f_bavail.saturating_mul(stat.f_frsize) < size {
        return Err(Error::NoSpace {
            path: path.to_owned(),
            needed: Some(size),
        });
    }
    #[cfg(target_os = "linux")]
    if !is_in_memory(file) {
        use rustix::io::Errno;
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            result => {
                return result
                    .at("allocate", path)
                    .map_err(|error| error.needing(size));
            }
        }
    }
    file.set_len(size).at("allocate", path)
}

/// Whether the file lies on a tmpfs. That has no extents that could be reserved: to allocate there is to take
/// every page, for as long as writing takes, before the first byte is asked for.
#[cfg(target_os = "linux")]
fn is_in_memory(file: &File) -> bool {
    // `TMPFS_MAGIC` of statfs(2).
    rustix::fs::fstatfs(file).is_ok_and(|stat| stat.f_type == 0x0102_1994)
}
