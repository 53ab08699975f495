//! What was uploaded to, deleted from or fetched for a repository, remembered as empty files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use modelpack_spec::{Digest, Reference, Tag};

use crate::Error;

/// No component of a repository begins with an underscore, so these meet no repository.
const LINKED: &str = "_linked";
const DELETED: &str = "_deleted";
const FETCHED: &str = "_fetched";

/// Whether a digest was uploaded to or deleted from a repository.
///
/// One empty file per digest, `HOST/REPOSITORY/_linked/sha256-…`, and `HOST/REPOSITORY/_fetched/TAG/sha256-…` for
/// a tag that another registry decides about: creating and removing it is atomic
/// for any number of processes. A file that a crash loses costs one more upload and no content.
#[derive(Debug)]
pub(super) struct Links {
    root: PathBuf,
    /// Held while a link is made, and while one is removed because its blob is gone: a link is made
    /// only for a blob that is there.
    changing: Mutex<()>,
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
        Self {
            root,
            changing: Mutex::new(()),
        }
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
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Whether the tag pointed to this digest when it was fetched from another registry.
    pub(super) fn is_fetched(&self, own: &Reference, tag: &Tag, digest: &Digest) -> bool {
        path(&self.fetched(own), tag.as_str(), digest).exists()
    }

    /// Remembers that another registry has this digest under the tag, beside what it had before.
    pub(super) fn add_fetched(
        &self,
        own: &Reference,
        tag: &Tag,
        digest: &Digest,
    ) -> Result<(), Error> {
        create(&path(&self.fetched(own), tag.as_str(), digest))
    }

    /// Forgets what other registries had under the tag, but for this digest.
    pub(super) fn keep_fetched(
        &self,
        own: &Reference,
        tag: &Tag,
        digest: Option<&Digest>,
    ) -> Result<(), Error> {
        for (other, mark) in links_in(&self.fetched(own).join(tag.as_str())) {
            if digest != Some(&other) {
                remove(&mark)?;
            }
        }
        Ok(())
    }

    /// Forgets that other registries had this digest, under whichever tag.
    pub(super) fn forget_fetched(&self, own: &Reference, digest: &Digest) -> Result<(), Error> {
        let Ok(tags) = fs::read_dir(self.fetched(own)) else {
            return Ok(());
        };
        for tag in tags.filter_map(Result::ok) {
            if let Some(tag) = tag.file_name().to_str() {
                remove(&path(&self.fetched(own), tag, digest))?;
            }
        }
        Ok(())
    }

    fn fetched(&self, own: &Reference) -> PathBuf {
        self.directory(own).join(FETCHED)
    }

    /// Whether a digest was uploaded to any repository that may be looked into.
    pub(super) fn find(&self, digest: &Digest, may_look: &dyn Fn(&Reference) -> bool) -> bool {
        self.repositories().iter().any(|directory| {
            path(directory, LINKED, digest).exists()
                && self
                    .reference_of(directory)
                    .is_some_and(|own| may_look(&own))
        })
    }

    /// Digests that were linked within this time, by the clock of the file system.
    pub(super) fn younger_than(&self, age: Duration) -> Result<Vec<Digest>, Error> {
        if !self.root.is_dir() {
            return Ok(Vec::new());
        }
        let now = now_of(&self.root)
            .map_err(|error| Error::storage(format!("write {}", self.root.display()), error))?;
        let mut young = Vec::new();
        for directory in self.repositories() {
            for (digest, link) in links_in(&directory.join(LINKED)) {
                let linked = link.metadata().and_then(|metadata| metadata.modified());
                // A link that vanishes meanwhile needs no protection.
                if linked.is_ok_and(|linked| {
                    now.duration_since(linked)
                        .map_or(true, |passed| passed <= age)
                }) {
                    young.push(digest);
                }
            }
        }
        Ok(young)
    }

    /// Forgets uploads whose blob is gone.
    pub(super) fn sweep(&self, is_gone: impl Fn(&Digest) -> bool) -> Result<(), Error> {
        for directory in self.repositories() {
            for (digest, link) in links_in(&directory.join(LINKED)) {
                let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
                if is_gone(&digest) {
                    remove(&link)?;
                }
            }
        }
        Ok(())
    }

    /// Every directory that has links or marks.
    fn repositories(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            let Ok(entries) = fs::read_dir(&directory) else {
                continue;
            };
            for entry in entries.filter_map(Result::ok) {
                let name = entry.file_name();
                if name == LINKED {
                    found.push(directory.clone());
                } else if !name.as_encoded_bytes().starts_with(b"_") && entry.path().is_dir() {
                    directories.push(entry.path());
                }
            }
        }
        found
    }

    fn reference_of(&self, directory: &Path) -> Option<Reference> {
        let below = directory.strip_prefix(&self.root).ok()?;
        below.to_str()?.parse::<Reference>().ok()
    }

    fn directory(&self, own: &Reference) -> PathBuf {
        // Both are checked names: no component is empty, `.` or `..`.
        self.root
            .join(own.host.as_str())
            .join(own.repository.as_str())
    }
}

/// Digests of a directory of links, with their files.
fn links_in(directory: &Path) -> Vec<(Digest, PathBuf)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let digest = name.to_str()?.replacen('-', ":", 1).parse().ok()?;
            Some((digest, entry.path()))
        })
        .collect()
}

/// What time it is for the file system that holds a directory.
fn now_of(directory: &Path) -> io::Result<SystemTime> {
    let path = directory.join("_now");
    File::create(&path)?;
    let now = fs::metadata(&path)?.modified()?;
    fs::remove_file(&path)?;
    Ok(now)
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
