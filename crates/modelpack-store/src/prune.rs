//! Freeing what nothing needs any more, with a reason for each thing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use modelpack_spec::{AnyManifest, Descriptor, Digest, MediaType};

use crate::error::IoContext;
use crate::layout::Lock;
use crate::partial::Files;
use crate::{Error, Store};

/// Deepest nesting of indexes that is followed; real ones have one level.
const MAX_INDEX_DEPTH: usize = 8;
/// Largest manifest that is read: what the specification crate would parse at all.
const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// What [`Store::prune`] may remove.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PruneOptions {
    /// Only say what would be removed.
    pub dry_run: bool,
    /// Also remove partial blobs to which nothing was added for this long before the given moment.
    pub partials_older_than: Option<(Duration, SystemTime)>,
}

/// What [`Store::prune`] removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PruneReport {
    /// Each thing with its reason.
    pub items: Vec<Pruned>,
    /// Bytes of all of them.
    pub freed: u64,
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
    /// A file that a dead process was writing.
    Temporary,
}

impl Store {
    /// Removes blobs that no named manifest and no running operation needs, files of dead processes
    /// and, on request, old partial blobs. Other processes may go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a named manifest cannot be read: what it needs is unknown, so nothing
    /// is removed.
    pub fn prune(&self, options: &PruneOptions) -> Result<PruneReport, Error> {
        let _sweep = self.lock_sweep(File::lock)?;
        let leases = self.live_leases()?;
        let mut keep: BTreeSet<Digest> = leases.values().flatten().copied().collect();
        for root in self.read_index()?.manifests {
            self.mark(&root, &mut keep, 0)?;
        }
        // What an operation is about to name needs its layers as well.
        for digest in leases.values().flatten() {
            self.mark_leased(digest, &mut keep);
        }
        let mut report = PruneReport::default();
        self.sweep_blobs(&keep, options, &mut report)?;
        self.sweep_ingest(&leases, options, &mut report)?;
        self.sweep_partials(options, &mut report)?;
        report.freed = report.items.iter().map(|item| item.size).sum();
        Ok(report)
    }

    fn mark(
        &self,
        root: &Descriptor,
        keep: &mut BTreeSet<Digest>,
        depth: usize,
    ) -> Result<(), Error> {
        let damaged = |reason: String| Error::Damaged {
            path: self.blob_path(&root.digest),
            reason,
        };
        keep.insert(root.digest);
        if depth > MAX_INDEX_DEPTH {
            return Err(damaged("indexes are nested too deeply".to_owned()));
        }
        let bytes = match self.read_blob(&root.digest, MAX_MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            // A sparse index names manifests that were never fetched.
            Err(Error::UnknownBlob { .. }) if depth > 0 => return Ok(()),
            Err(error) => return Err(damaged(error.to_string())),
        };
        match AnyManifest::parse(bytes, None).map_err(|error| damaged(error.to_string()))? {
            AnyManifest::Manifest(document) => {
                let manifest = document.into_value();
                keep.insert(manifest.config.digest);
                keep.extend(manifest.layers.iter().map(|layer| layer.digest));
            }
            AnyManifest::Index(document) => {
                for child in &document.value().manifests {
                    self.mark(child, keep, depth + 1)?;
                }
            }
            _ => return Err(damaged("it is neither manifest nor index".to_owned())),
        }
        Ok(())
    }

    /// A leased blob may be a manifest; one that is none, or is incomplete, is only itself.
    fn mark_leased(&self, digest: &Digest, keep: &mut BTreeSet<Digest>) {
        if self
            .blob_size(digest)
            .ok()
            .flatten()
            .is_some_and(|size| size <= MAX_MANIFEST_BYTES)
        {
            let descriptor = Descriptor::new(MediaType::OciManifest, *digest, 0);
            let mut marked = BTreeSet::new();
            if self.mark(&descriptor, &mut marked, 0).is_ok() {
                keep.extend(marked);
            }
        }
    }

    /// Leases of living processes with the digests they list; dead ones are removed.
    fn live_leases(&self) -> Result<BTreeMap<String, Vec<Digest>>, Error> {
        let directory = self.own("leases");
        let mut live = BTreeMap::new();
        for (name, _) in files_in(&directory)? {
            let path = directory.join(&name);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("open", &path, error)),
            };
            match file.try_lock() {
                Ok(()) => {
                    let _ = fs::remove_file(&path);
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
        keep: &BTreeSet<Digest>,
        options: &PruneOptions,
        report: &mut PruneReport,
    ) -> Result<(), Error> {
        for digest in self.blobs()? {
            if keep.contains(&digest) {
                continue;
            }
            let path = self.blob_path(&digest);
            let size = self.blob_size(&digest)?.unwrap_or(0);
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
        Lock::take(&self.own("index.lock"), |file| {
            file.try_lock().map_err(io::Error::from)
        })
        .is_err()
    }

    fn sweep_partials(
        &self,
        options: &PruneOptions,
        report: &mut PruneReport,
    ) -> Result<(), Error> {
        let Some((age, now)) = options.partials_older_than else {
            return Ok(());
        };
        for partial in self.partials()? {
            let files = Files::new(self, &partial.digest);
            let try_lock = |file: &File| file.try_lock().map_err(io::Error::from);
            let Ok(_lock) = Lock::take(&files.lock, try_lock) else {
                continue;
            };
            if now.duration_since(partial.changed).unwrap_or_default() < age {
                continue;
            }
            let size = fs::metadata(&files.data).map_or(0, |metadata| metadata.len());
            if !options.dry_run {
                files.remove()?;
            }
            report.items.push(Pruned {
                kind: PrunedKind::Partial,
                name: partial.digest.to_string(),
                size,
                reason: "its download was given up",
            });
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
