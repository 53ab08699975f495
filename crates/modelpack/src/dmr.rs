//! The store of Docker Model Runner, as a place to put models into.

mod import;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use modelpack_spec::{Algorithm, Descriptor, Digest, Hasher, Reference};
use modelpack_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::import::qualified;
pub use self::import::{DmrImportReport, DmrModel};
use crate::artifact::{Artifact, require};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// Largest index that is read, in bytes: some hundred bytes for each blob of each model.
const MAX_INDEX_BYTES: u64 = 64 * 1024 * 1024;
/// How often an entry is written again when another program has written the index at the same time.
const ATTEMPTS: usize = 5;
/// Bytes that are copied at once.
const PIECE: usize = 1024 * 1024;
/// The lock of this toolkit: the other program knows none.
const LOCK: &str = ".modelpack.lock";

/// What [`Toolkit::export_to_dmr`] did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DmrReport {
    /// The model.
    pub reference: Reference,
    /// Its name in that store.
    pub id: Digest,
    /// Where that store is.
    pub directory: PathBuf,
    /// Bytes that were copied; blobs that were there and right are not copied again.
    pub copied: u64,
}

/// `models.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Models {
    #[serde(default)]
    models: Vec<Entry>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    id: String,
    tags: Option<Vec<String>>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Toolkit {
    /// Puts a model of the local store into the store of Docker Model Runner, where a program that runs
    /// sees it at once. It takes both dialects.
    ///
    /// Blobs are copied and hashed on the way, never linked: that program links blobs into other
    /// directories and writes there. What is there already under the right name is hashed too, and
    /// replaced when it is wrong.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::Store`], [`Error::File`], [`Error::DigestMismatch`];
    /// [`Error::InvalidInput`] when its index cannot be read, or is overwritten again and again.
    pub async fn export_to_dmr(
        &self,
        reference: &Reference,
        directory: &Path,
        control: &Control,
    ) -> Result<DmrReport, Error> {
        let (store, reference) = (self.store().clone(), reference.clone());
        let (directory, control) = (directory.to_owned(), control.clone());
        blocking::run(move || export(&store, &reference, &directory, &control)).await
    }
}

fn export(
    store: &Store,
    reference: &Reference,
    directory: &Path,
    control: &Control,
) -> Result<DmrReport, Error> {
    let lease = store.lease()?;
    let artifact = Artifact::load(store, reference)?;
    let mut blobs: Vec<Descriptor> = Vec::new();
    for layer in artifact.layers() {
        require(&lease, layer)?;
        if !blobs.iter().any(|blob| blob.digest == layer.digest) {
            blobs.push(layer.clone());
        }
    }
    let manifest = &artifact.manifest;
    let config = &manifest.value().config;
    let hex = |digest: &Digest| digest.hex().to_string();
    let id = *manifest.digest();
    if blobs
        .iter()
        .chain([config])
        .any(|blob| blob.digest.algorithm() != Algorithm::Sha256)
        || id.algorithm() != Algorithm::Sha256
    {
        return Err(Error::invalid(
            "Docker's store takes blobs named by SHA-256 only",
        ));
    }
    // Before anything is written there: an index that is not understood is no place for a model.
    let index = directory.join("models.json");
    read(&index)?;
    let place = |kind: &str| directory.join(kind).join("sha256");
    for kind in ["blobs", "manifests"] {
        let path = place(kind);
        fs::create_dir_all(&path).map_err(|error| Error::file("cannot create", &path, error))?;
    }
    let lock = directory.join(LOCK);
    let lock = File::create(&lock).map_err(|error| Error::file("cannot lock", &lock, error))?;
    lock.lock()
        .map_err(|error| Error::file("cannot lock", directory.join(LOCK), error))?;
    control.report(Event::Planned {
        items: blobs.len(),
        bytes: blobs.iter().map(|blob| blob.size).sum(),
    });
    let mut copied = 0;
    for blob in &blobs {
        control.check()?;
        let item = Item::new(
            crate::artifact::layer_name(blob),
            blob.size,
            Some(blob.digest),
        );
        control.report(Event::Started(&item));
        let target = place("blobs").join(hex(&blob.digest));
        let is_here = holds(&target, blob)?;
        if !is_here {
            copy(store, blob, &target, control)?;
            verify(&target, &blob.digest)?;
            copied += blob.size;
        }
        control.report(Event::Advanced {
            item: &item,
            bytes: blob.size,
        });
        let outcome = if is_here {
            Outcome::Exists
        } else {
            Outcome::Copied
        };
        control.report(Event::Finished {
            item: &item,
            outcome,
        });
    }
    for (kind, digest, bytes) in [
        ("blobs", &config.digest, artifact.config.bytes()),
        ("manifests", &id, manifest.bytes()),
    ] {
        let target = place(kind).join(hex(digest));
        write(&target, bytes)?;
        verify(&target, digest)?;
    }
    let files = artifact.layers().iter().chain([config]);
    let files: Vec<String> = files.map(|blob| blob.digest.to_string()).collect();
    // A name without a tag would be read as one with `latest`, which nobody has said.
    let tag = reference.tag.as_ref().map(|_| {
        let mut tag = reference.clone();
        tag.digest = None;
        tag.to_string()
    });
    list(&index, &id, tag.as_deref(), &files)?;
    let layout = directory.join("layout.json");
    if !layout.exists() {
        write(&layout, b"{\n  \"version\": \"1.0.0\"\n}")?;
    }
    Ok(DmrReport {
        reference: reference.clone(),
        id,
        directory: directory.to_owned(),
        copied,
    })
}

/// Whether a file is this blob, by its bytes.
fn holds(path: &Path, blob: &Descriptor) -> Result<bool, Error> {
    let fail = |error| Error::file("cannot read", path, error);
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() == blob.size => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fail(error)),
    }
    Ok(hash(path)? == blob.digest)
}

/// The digest of the bytes that are in a file.
fn hash(path: &Path) -> Result<Digest, Error> {
    let fail = |error| Error::file("cannot read", path, error);
    let mut file = File::open(path).map_err(fail)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(fail)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&piece[..read]),
        }
    }
}

/// Looks whether a file that was just written has the bytes that its name promises.
fn verify(path: &Path, expected: &Digest) -> Result<(), Error> {
    let actual = hash(path)?;
    if actual == *expected {
        return Ok(());
    }
    Err(Error::DigestMismatch {
        what: path.display().to_string(),
        expected: *expected,
        actual,
    })
}

/// Copies a blob into a new file, verified, and moves it to its name.
fn copy(store: &Store, blob: &Descriptor, target: &Path, control: &Control) -> Result<(), Error> {
    let source = store.blob_path(&blob.digest);
    let unreadable = |error| Error::file("cannot read", &source, error);
    let fail = |error| Error::file("cannot write", target, error);
    let directory = target.parent().unwrap_or(Path::new("."));
    let mut from = store.open_blob_unverified(&blob.digest)?;
    let mut to = tempfile::NamedTempFile::new_in(directory).map_err(fail)?;
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut piece = vec![0; PIECE];
    loop {
        control.check()?;
        let read = from.read(&mut piece).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        to.write_all(&piece[..read]).map_err(fail)?;
    }
    let actual = hasher.finish();
    if actual != blob.digest {
        return Err(Error::DigestMismatch {
            what: format!("blob {}", blob.digest),
            expected: blob.digest,
            actual,
        });
    }
    persist(to, target)
}

/// Writes a small file as a whole or not at all.
fn write(target: &Path, content: &[u8]) -> Result<(), Error> {
    let fail = |error| Error::file("cannot write", target, error);
    let directory = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail)?;
    file.write_all(content).map_err(fail)?;
    persist(file, target)
}

fn persist(file: tempfile::NamedTempFile, target: &Path) -> Result<(), Error> {
    let fail = |error| Error::file("cannot write", target, error);
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(target).map_err(|error| fail(error.error))?;
    // Only then does the name survive a loss of power, too.
    let directory = target.parent().unwrap_or(Path::new("."));
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Error::file("cannot sync", directory, error))
}

/// Adds the entry to the index, and looks whether it is still there: the other program reads, changes
/// and writes without a lock.
fn list(path: &Path, id: &Digest, tag: Option<&str>, files: &[String]) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let mut index = read(path)?;
        add(&mut index, id, tag, files);
        let text = serde_json::to_vec(&index)
            .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))?;
        write(path, &text)?;
        let is_listed = read(path)?.models.iter().any(|entry| {
            let has = |tag| entry.tags.iter().flatten().any(|known| is_same(known, tag));
            entry.id == id.to_string() && tag.is_none_or(has)
        });
        if is_listed {
            return Ok(());
        }
    }
    Err(Error::InvalidInput {
        what: format!("{} is overwritten by another program", path.display()),
        hint: Some("let Docker Model Runner finish what it does, then try again".to_owned()),
    })
}

fn read(path: &Path) -> Result<Models, Error> {
    let fail = |error| Error::file("cannot read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Models::default()),
        Err(error) => return Err(fail(error)),
    };
    let mut text = Vec::new();
    file.take(MAX_INDEX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(fail)?;
    if text.len() as u64 > MAX_INDEX_BYTES {
        return Err(Error::invalid(format!("{} is too large", path.display())));
    }
    // Nothing of others is lost: an index that is not understood is left alone.
    serde_json::from_slice(&text).map_err(|error| {
        Error::invalid(format!("{} is no index of models: {error}", path.display()))
    })
}

/// Whether two spellings are one name there.
fn is_same(one: &str, other: &str) -> bool {
    one == other || qualified(one) == qualified(other)
}

/// A name belongs to one model; the model that had it keeps its entry, without a name if need be.
fn add(index: &mut Models, id: &Digest, tag: Option<&str>, files: &[String]) {
    let id = id.to_string();
    for entry in &mut index.models {
        if let (Some(tags), Some(tag)) = (&mut entry.tags, tag) {
            tags.retain(|known| !is_same(known, tag));
            if tags.is_empty() {
                entry.tags = None;
            }
        }
    }
    let tag = tag.map(str::to_owned);
    match index.models.iter_mut().find(|entry| entry.id == id) {
        Some(entry) => {
            if let Some(tag) = tag {
                entry.tags.get_or_insert_default().push(tag);
            }
        }
        None => index.models.push(Entry {
            id,
            tags: tag.map(|tag| vec![tag]),
            files: files.to_vec(),
            extra: Map::new(),
        }),
    }
}

#[cfg(test)]
mod tests;
