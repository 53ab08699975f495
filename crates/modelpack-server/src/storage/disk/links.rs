//! What was uploaded to or deleted from a repository, remembered as empty files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use modelpack_spec::{Digest, Reference};

use crate::Error;

/// No component of a repository begins with an underscore, so these meet no repository.
const LINKED: &str = "_linked";
const DELETED: &str = "_deleted";

/// Whether a digest was uploaded to or deleted from a repository.
///
/// One empty file per digest, `HOST/REPOSITORY/_linked/sha256-…`: creating and removing it is atomic
/// for any number of processes. A file that a crash loses costs one more upload and no content.
#[derive(Debug)]
pub(super) struct Links {
    root: PathBuf,
}

/// What is remembered of a digest in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkState {
    /// It was uploaded or mounted there.
    Linked,
    /// It was deleted there, whatever manifests still say.
    Deleted,
    /// Nothing.
    None,
}

impl Links {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn state(&self, own: &Reference, digest: &Digest) -> LinkState {
        let directory = self.directory(own);
        if path(&directory, DELETED, digest).exists() {
            LinkState::Deleted
        } else if path(&directory, LINKED, digest).exists() {
            LinkState::Linked
        } else {
            LinkState::None
        }
    }

    /// Whether anything was ever uploaded to the repository.
    pub(super) fn knows(&self, own: &Reference) -> bool {
        self.directory(own).join(LINKED).is_dir()
    }

    pub(super) fn link(&self, own: &Reference, digest: &Digest) -> Result<(), Error> {
        let directory = self.directory(own);
        create(&path(&directory, LINKED, digest))?;
        remove(&path(&directory, DELETED, digest))
    }

    pub(super) fn delete(&self, own: &Reference, digest: &Digest) -> Result<(), Error> {
        let directory = self.directory(own);
        create(&path(&directory, DELETED, digest))?;
        remove(&path(&directory, LINKED, digest))
    }

    /// Forgets that something was deleted.
    pub(super) fn forget(&self, own: &Reference, digest: &Digest) -> Result<(), Error> {
        remove(&path(&self.directory(own), DELETED, digest))
    }

    /// Whether a digest was uploaded to any repository.
    pub(super) fn is_linked_anywhere(&self, digest: &Digest) -> bool {
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            if path(&directory, LINKED, digest).exists() {
                return true;
            }
            let Ok(entries) = fs::read_dir(&directory) else {
                continue;
            };
            directories.extend(
                entries
                    .filter_map(Result::ok)
                    .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"_"))
                    .map(|entry| entry.path())
                    .filter(|path| path.is_dir()),
            );
        }
        false
    }

    fn directory(&self, own: &Reference) -> PathBuf {
        // Both are checked names: no component is empty, `.` or `..`.
        self.root
            .join(own.host.as_str())
            .join(own.repository.as_str())
    }
}

fn path(directory: &Path, kind: &str, digest: &Digest) -> PathBuf {
    directory
        .join(kind)
        .join(format!("{}-{}", digest.algorithm(), digest.hex()))
}

fn create(path: &Path) -> Result<(), Error> {
    let create = || {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map(drop)
    };
    create().map_err(|error| Error::storage(format!("write {}", path.display()), error))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::storage(format!("remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}
