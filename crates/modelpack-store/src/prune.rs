//! Freeing what nothing needs any more, with a reason for each thing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use modelpack_spec::Digest;

use crate::error::IoContext;
use crate::layout::Lock;
use crate::partial::Files;
use crate::reach::{Reach, is_manifest};
use crate::{Error, Store};

/// What [`Store::prune`] may remove.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PruneOptions {
    /// Only say what would be removed.
    pub dry_run: bool,
    /// Also remove partial blobs to which nothing was added for this long before the given moment.
    pub partials_older_than: Option<(Duration, SystemTime)>,
    /// Keep manifests without a name, and what they need.
    pub keep_untagged: bool,
}

/// What [`Store::prune`] removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PruneReport {
    /// Each thing with its reason.
    pub items: Vec<Pruned>,
    /// Bytes of all of them.
    pub freed: u64,
    /// Named manifests that are lost or damaged, with the reason. What a damaged one seems to need was
    /// kept; pulling or removing its name mends this.
    pub unreadable: Vec<(Digest, String)>,
}

/// A thing that nothing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// What it is.
    pub kind: PrunedKind,
    /// Digest or file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Why it is not needed.
    pub reason: &'static str,
}

/// What kind of thing was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrunedKind {
    /// A blob that no named manifest needs.
    Blob,
    /// A partial download.
    Partial,
    /// A file that a dead process was writing, or what is left of a download that nobody can continue.
    Temporary,
}

impl Store {
    /// Removes blobs that no named manifest and no running operation needs, files of dead processes
    /// and, on request, old partial blobs. Other processes may go on meanwhile.
    ///
    /// Kept is what a named manifest needs, directly or through nested indexes, with the manifests that
    /// have it as their subject; what a living lease lists; and what is being written. A damaged
    /// manifest does not stop the rest from being freed.
    ///
    /// # Errors
    /// [`Error::Damaged`] when `index.json` cannot be read, [`Error::Io`]; nothing is removed then.
    pub fn prune(&self, options: &PruneOptions) -> Result<PruneReport, Error> {
        let _sweep = self.lock_sweep(File::lock)?;
        let leases = self.live_leases(options)?;
        let blobs = self.blobs()?;
        let (mut reach, unreadable) = self.needed(&blobs, &leases)?;
        if options.keep_untagged {
            for digest in &blobs {
                if !reach.digests.contains(digest) && is_manifest(self, digest)? {
                    reach.add(self, *digest)?;
                }
            }
        }
        let mut report = PruneReport {
            unreadable,
            ..PruneReport::default()
        };
        self.sweep_blobs(&blobs, &reach.digests, options, &mut report)?;
        self.sweep_ingest(&leases, options, &mut report)?;
        self.sweep_partials(options, &mut report)?;
        report.freed = report.items.iter().map(|item| item.size).sum();
        Ok(report)
    }

    /// Runs `sweep` while nobody can begin to protect anything. It is given what the named manifests and the
    /// running operations need, to decide about things that lie beside the store and were made from it, such as
    /// directories of links.
    ///
    /// Who makes or uses such a thing protects the digest that it is kept under, and looks for it after that
    /// ([`Lease::protect`](crate::Lease::protect)): then it is either swept before that, or stays.
    ///
    /// # Errors
    /// [`Error::Damaged`] when `index.json` cannot be read, [`Error::Io`]; `sweep` is not run then.
    pub fn sweep<T>(&self, sweep: impl FnOnce(&BTreeSet<Digest>) -> T) -> Result<T, Error> {
        let _sweep = self.lock_sweep(File::lock)?;
        let only_look = PruneOptions {
            dry_run: true,
            ..PruneOptions::default()
        };
        let mut reach = Reach::default();
        for root in self.read_index()?.manifests {
            reach.add(self, root.digest)?;
        }
        reach
            .digests
            .extend(self.live_leases(&only_look)?.into_values().flatten());
        Ok(sweep(&reach.digests))
    }

    /// Removes those of the blobs that nothing needs but the lease named `id`.
    pub(crate) fn remove_unneeded(
        &self,
        digests: &BTreeSet<Digest>,
        id: &str,
    ) -> Result<(), Error> {
        if digests.is_empty() {
            return Ok(());
        }
        let _sweep = self.lock_sweep(File::lock)?;
        let options = PruneOptions::default();
        let mut leases = self.live_leases(&options)?;
        leases.remove(id);
        let (reach, _) = self.needed(&self.blobs()?, &leases)?;
        for digest in digests.difference(&reach.digests) {
            remove(&self.blob_path(digest), &options)?;
        }
        Ok(())
    }

    /// What named manifests and running operations need, and the named manifests that are damaged.
    fn needed(
        &self,
        blobs: &[Digest],
        leases: &BTreeMap<String, Vec<Digest>>,
    ) -> Result<(Reach, Vec<(Digest, String)>), Error> {
        let mut reach = Reach::default();
        for root in self.read_index()?.manifests {
            reach.add(self, root.digest)?;
        }
        // A damaged blob is damage only where a name leads to it.
        let unreadable = std::mem::take(&mut reach.unreadable);
        // What an operation is about to name needs its layers as well.
        for digest in leases.values().flatten() {
            reach.add(self, *digest)?;
        }
        reach.add_referrers(self, blobs)?;
        Ok((reach, unreadable))
    }

    /// Leases of living processes with the digests they list; dead ones are removed.
    fn live_leases(&self, options: &PruneOptions) -> Result<BTreeMap<String, Vec<Digest>>, Error> {
        let directory = self.own("leases");
        let mut live = BTreeMap::new();
        for (name, _) in files_in(&directory)? {
            let path = directory.join(&name);
            // For writing as well, since NFS locks nothing else alone.
            let file = match File::options().read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("open", &path, error)),
            };
            match file.try_lock() {
                Ok(()) => {
                    remove(&path, options)?;
                    continue;
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path, error)),
            }
            let content = match fs::read_to_string(&path) {
                Ok(content) => content,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("read", &path, error)),
            };
            live.insert(
                name,
                content
                    .lines()
                    .filter_map(|line| line.parse().ok())
                    .collect(),
            );
        }
        Ok(live)
    }

    fn sweep_blobs(
        &self,
        blobs: &[Digest],
        keep: &BTreeSet<Digest>,
        options: &PruneOptions,
        report: &mut PruneReport,
    ) -> Result<(), Error> {
        let doomed = blobs.iter().filter(|digest| !keep.contains(digest));
        // Manifests go first. When this is killed half-way, none is left that lacks its layers and could
        // be given a name again.
        let mut manifests = Vec::new();
        let mut rest = Vec::new();
        for digest in doomed {
            match is_manifest(self, digest)? {
                true => manifests.push(digest),
                false => rest.push(digest),
            }
        }
        for digest in manifests.into_iter().chain(rest) {
            let path = self.blob_path(digest);
            let size = self.blob_size(digest)?.unwrap_or(0);
            remove(&path, options)?;
            report.items.push(Pruned {
                kind: PrunedKind::Blob,
                name: digest.to_string(),
                size,
                reason: "no named artifact needs it",
            });
        }
        Ok(())
    }

    fn sweep_ingest(
        &self,
        leases: &BTreeMap<String, Vec<Digest>>,
        options: &PruneOptions,
        report: &mut PruneReport,
    ) -> Result<(), Error> {
        let directory = self.own("ingest");
        for (name, size) in files_in(&directory)? {
            // Files of `durable::replace` have no owner in their name. They live for a moment under
            // a lock or a lease, so one is left over only when it has no lease at all to belong to.
            let owner = name.rsplit_once('-').map(|(owner, _)| owner);
            let is_live = match owner {
                Some(owner) => leases.contains_key(owner),
                None => !leases.is_empty() || self.is_index_locked(),
            };
            if is_live {
                continue;
            }
            remove(&directory.join(&name), options)?;
            report.items.push(Pruned {
                kind: PrunedKind::Temporary,
                name,
                size,
                reason: "the process that was writing it is gone",
            });
        }
        Ok(())
    }

    fn is_index_locked(&self) -> bool {
        !matches!(Lock::try_take(&self.own("index.lock")), Ok(Some(_)))
    }

    fn sweep_partials(
        &self,
        options: &PruneOptions,
        report: &mut PruneReport,
    ) -> Result<(), Error> {
        for digest in Files::all(self)? {
            let files = Files::new(self, &digest);
            let Some(lock) = files.try_lock()? else {
                continue;
            };
            let size = files.size();
            let (kind, reason) = match (files.load(&digest), options.partials_older_than) {
                (None, _) => (PrunedKind::Temporary, "its download cannot be continued"),
                (Some((_, changed)), Some((age, now)))
                    if now
                        .duration_since(changed)
                        .is_ok_and(|unchanged| unchanged >= age) =>
                {
                    (PrunedKind::Partial, "its download was given up")
                }
                _ => {
                    files.unlock(&lock)?;
                    continue;
                }
            };
            if !options.dry_run {
                files.remove()?;
            }
            files.unlock(&lock)?;
            report.items.extend(size.map(|size| Pruned {
                kind,
                name: digest.to_string(),
                size,
                reason,
            }));
        }
        Ok(())
    }

    /// Digests of all blobs, sorted.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn blobs(&self) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            let directory = self.root().join("blobs").join(algorithm);
            for (name, _) in files_in(&directory)? {
                digests.extend(format!("{algorithm}:{name}").parse::<Digest>().ok());
            }
        }
        digests.sort();
        Ok(digests)
    }
}

fn remove(path: &Path, options: &PruneOptions) -> Result<(), Error> {
    if options.dry_run {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Names and sizes of the regular files in a directory, sorted.
fn files_in(directory: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let mut found = BTreeMap::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(Error::io("read", directory, error)),
    };
    for entry in entries {
        let entry = entry.at("read", directory)?;
        // A file may vanish while the directory is read.
        if let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string())
            && metadata.is_file()
        {
            found.insert(name, metadata.len());
        }
    }
    Ok(found)
}
