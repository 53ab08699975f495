//! The store of Docker Model Runner, as a place to take models from.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use modelpack_spec::{Algorithm, AnyManifest, Descriptor, Digest, Document, Manifest, Reference};
use modelpack_store::{Adopt, Lease, Store};
use serde::Serialize;

use super::{Entry, read};
use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES, layer_name, model_manifest};
use crate::build::check_name;
use crate::pull::require_space;
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// Fewest characters of an identifier that find a model.
const MIN_ID_CHARS: usize = 4;
/// Characters of an identifier that the other program shows.
const SHORT_ID_CHARS: usize = 12;

/// A model in the store of Docker Model Runner.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DmrModel {
    /// Its name in that store: `sha256:` with the digest of its manifest.
    pub id: String,
    /// The names that it has, as that store writes them.
    pub tags: Vec<String>,
    /// Bytes of config and layers; nothing when its manifest cannot be read.
    pub size: Option<u64>,
}

impl DmrModel {
    /// The beginning of the identifier, as long as the other program shows it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        let id = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        id.get(..SHORT_ID_CHARS).unwrap_or(id)
    }
}

/// What [`Toolkit::import_from_dmr`] did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DmrImportReport {
    /// The name that the model has now.
    pub reference: Reference,
    /// Digest of its manifest, which is also its name in that store.
    pub digest: Digest,
    /// Where that store is.
    pub directory: PathBuf,
    /// Number of layers.
    pub layers: usize,
    /// Bytes that came into the local store; what was there already is not read again.
    pub added: u64,
}

impl Toolkit {
    /// Lists the models in a store of Docker Model Runner, in the order of its index.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such store; [`Error::InvalidInput`] when its index cannot be read;
    /// [`Error::File`].
    pub async fn list_dmr(&self, directory: &Path) -> Result<Vec<DmrModel>, Error> {
        let directory = directory.to_owned();
        blocking::run(move || {
            let entries = entries(&directory)?;
            let models = entries.into_iter().map(|entry| DmrModel {
                size: size(&directory, &entry.id),
                tags: entry.tags.unwrap_or_default(),
                id: entry.id,
            });
            Ok(models.collect())
        })
        .await
    }

    /// Takes a model out of the store of Docker Model Runner into the local one, in the dialect that it is
    /// in and with every document as it was, so that it has the same digest. From then on it is like one
    /// that was pulled: [`Toolkit::convert`], [`Toolkit::push`] and [`Toolkit::resolve`] take it.
    ///
    /// `model` is one of its names (`ai/smollm2`, as Docker writes it, or in full) or its identifier, or
    /// the beginning of one. Without a target it keeps its name. Every byte is hashed on the way; blobs
    /// share their bytes with that store where the file system clones files, and are copied elsewhere,
    /// never hard-linked, since that program writes through links. Nothing in that store changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a store that is none or a model that is not there; [`Error::InvalidInput`] for
    /// several of them, or one without a name that could be kept; [`Error::DigestMismatch`] for bytes that are not what their
    /// name says, and then nothing of them is kept; [`Error::NotAModel`], [`Error::Spec`],
    /// [`Error::NoSpace`], [`Error::File`], [`Error::Store`], [`Error::Cancelled`].
    pub async fn import_from_dmr(
        &self,
        directory: &Path,
        model: &str,
        target: Option<&Reference>,
        control: &Control,
    ) -> Result<DmrImportReport, Error> {
        if let Some(target) = target {
            check_name(target)?;
        }
        let (store, directory, model) =
            (self.store().clone(), directory.to_owned(), model.to_owned());
        let (target, control) = (target.cloned(), control.clone());
        blocking::run(move || {
            let found = find(entries(&directory)?, &model, &directory)?;
            let target = match target {
                Some(target) => target,
                None => own_name(&found, &model)?,
            };
            let lease = store.lease()?;
            let taken = take(&store, &lease, &directory, &found.id, target, &control);
            if taken.as_ref().is_err_and(Error::is_integrity) {
                // The failure is what counts; what cannot be removed now, prune finds.
                drop(lease.take_back());
            }
            taken
        })
        .await
    }
}

/// The index of a store that has to be there.
fn entries(directory: &Path) -> Result<Vec<Entry>, Error> {
    let index = directory.join("models.json");
    if !index.is_file() {
        return Err(Error::NotFound {
            what: format!(
                "{} is no store of Docker Model Runner: it has no models.json",
                directory.display()
            ),
            hint: Some(
                "give the directory that `MODELS_PATH` names, or ~/.docker/models".to_owned(),
            ),
        });
    }
    Ok(read(&index)?.models)
}

/// The model with this name or identifier.
fn find(entries: Vec<Entry>, model: &str, directory: &Path) -> Result<Entry, Error> {
    let wanted = qualified(model);
    let is_named = |entry: &Entry| {
        let mut tags = entry.tags.iter().flatten();
        tags.any(|tag| tag == model || qualified(tag) == wanted)
    };
    let id = model.strip_prefix("sha256:").unwrap_or(model);
    let is_id = id.len() >= MIN_ID_CHARS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_id = |entry: &Entry| {
        let own = entry.id.strip_prefix("sha256:").unwrap_or(&entry.id);
        is_id && own.starts_with(&id.to_ascii_lowercase())
    };
    let (mut named, others): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_named);
    if !named.is_empty() {
        return Ok(named.swap_remove(0));
    }
    let mut found: Vec<Entry> = others.into_iter().filter(has_id).collect();
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        0 => Err(Error::NotFound {
            what: format!("there is no model `{model}` in {}", directory.display()),
            hint: Some(
                "`modelpack import --from-dmr` without a model lists those that are there"
                    .to_owned(),
            ),
        }),
        many => Err(Error::InvalidInput {
            what: format!(
                "{many} models in {} have an identifier that begins with `{id}`",
                directory.display()
            ),
            hint: Some("give more of it".to_owned()),
        }),
    }
}

/// A name in full, by the rules of Docker Model Runner: Docker Hub, there `ai`, and `latest`.
pub(super) fn qualified(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let name = match first {
        "" => format!("docker.io/ai/{rest}"),
        "index.docker.io" => format!("docker.io/{rest}"),
        "hf.co" => format!("huggingface.co/{rest}"),
        _ if is_host => name.to_owned(),
        _ => format!("docker.io/{name}"),
    };
    let last = name.rsplit('/').next().unwrap_or(&name);
    if last.contains([':', '@']) {
        name
    } else {
        format!("{name}:latest")
    }
}

/// The name that a model keeps: the one it was asked for by, or its first.
fn own_name(entry: &Entry, model: &str) -> Result<Reference, Error> {
    let wanted = qualified(model);
    let tags: Vec<String> = entry
        .tags
        .iter()
        .flatten()
        .map(|tag| qualified(tag))
        .collect();
    let name = tags.iter().find(|tag| **tag == wanted).or(tags.first());
    let name = name.and_then(|name| name.parse::<Reference>().ok());
    name.filter(|name| check_name(name).is_ok())
        .ok_or_else(|| Error::InvalidInput {
            what: format!("the model `{model}` has no name that could be kept"),
            hint: Some("name the result: `-t HOST/REPOSITORY:TAG`".to_owned()),
        })
}

/// The identifier of a model, which is a digest. It becomes part of a path.
fn identifier(id: &str) -> Result<Digest, Error> {
    let digest = id.parse::<Digest>().ok();
    digest
        .filter(|digest| digest.algorithm() == Algorithm::Sha256)
        .ok_or_else(|| Error::invalid(format!("`{id}` in models.json is no identifier of a model")))
}

fn blob(directory: &Path, kind: &str, digest: &Digest) -> Result<PathBuf, Error> {
    if digest.algorithm() != Algorithm::Sha256 {
        return Err(Error::invalid(format!(
            "{digest} cannot be taken from Docker's store: only blobs named by SHA-256 can"
        )));
    }
    Ok(directory.join(kind).join("sha256").join(digest.hex()))
}

/// Bytes of config and layers, as far as that is known.
fn size(directory: &Path, id: &str) -> Option<u64> {
    let id = identifier(id).ok()?;
    let bytes = document(&blob(directory, "manifests", &id).ok()?, &id).ok()?;
    match AnyManifest::parse(bytes, None).ok()? {
        AnyManifest::Manifest(manifest) => Some(manifest.value().content_size()),
        _ => None,
    }
}

/// A document of that store, whole and verified.
fn document(path: &Path, digest: &Digest) -> Result<Bytes, Error> {
    let fail = |error| missing(path, error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(MAX_DOCUMENT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(Error::invalid(format!(
            "{} is too large for a document",
            path.display()
        )));
    }
    let actual = Digest::sha256(&bytes);
    if actual != *digest {
        return Err(mismatch(path, digest, actual));
    }
    Ok(bytes.into())
}

fn mismatch(path: &Path, expected: &Digest, actual: Digest) -> Error {
    Error::DigestMismatch {
        what: path.display().to_string(),
        expected: *expected,
        actual,
    }
}

/// A model of which a part is missing was not pulled to its end.
fn missing(path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::InvalidInput {
            what: format!("the model is incomplete: {} is missing", path.display()),
            hint: Some("pull it again with `docker model pull`, or from its registry with `modelpack pull`".to_owned()),
        };
    }
    Error::file("cannot read", path, error)
}

fn take(
    store: &Store,
    lease: &Lease,
    directory: &Path,
    id: &str,
    target: Reference,
    control: &Control,
) -> Result<DmrImportReport, Error> {
    let id = identifier(id)?;
    let bytes = document(&blob(directory, "manifests", &id)?, &id)?;
    let manifest = model_manifest(&target, AnyManifest::parse(bytes, None)?)?;
    let config = manifest.value().config.digest;
    let config = document(&blob(directory, "blobs", &config)?, &config)?;
    let artifact = Artifact::new(manifest, config.clone())?;
    let mut layers: Vec<&Descriptor> = Vec::new();
    let (mut needed, mut is_shared) = (0_u64, true);
    for layer in artifact.layers() {
        if layers.iter().any(|known| known.digest == layer.digest) {
            continue;
        }
        if lease.protect(&layer.digest)? != Some(layer.size) {
            let path = blob(directory, "blobs", &layer.digest)?;
            check(&path, layer)?;
            needed = needed.saturating_add(layer.size);
            is_shared &= lease.can_share(&path);
        }
        layers.push(layer);
    }
    if !is_shared {
        require_space(store, needed)?;
    }
    control.report(Event::Planned {
        items: layers.len(),
        bytes: layers.iter().map(|layer| layer.size).sum(),
    });
    let mut added = 0;
    for layer in layers {
        control.check()?;
        let path = blob(directory, "blobs", &layer.digest)?;
        if copy(lease, layer, &path, control)? {
            added += layer.size;
        }
    }
    let manifest: &Document<Manifest> = &artifact.manifest;
    lease.put(&config)?;
    let mut descriptor = lease.put_document(manifest)?;
    descriptor.artifact_type = manifest.value().artifact_type.clone();
    store.tag(&target, &descriptor)?;
    Ok(DmrImportReport {
        reference: target,
        digest: *manifest.digest(),
        directory: directory.to_owned(),
        layers: artifact.layers().len(),
        added,
    })
}

/// Whether a blob can be what its layer says, before anything is copied.
fn check(path: &Path, layer: &Descriptor) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|error| missing(path, error))?;
    if metadata.is_file() && metadata.len() == layer.size {
        return Ok(());
    }
    Err(Error::InvalidInput {
        what: format!(
            "{} has {} bytes, the manifest says {}",
            path.display(),
            metadata.len(),
            layer.size
        ),
        hint: Some("the model is damaged; pull it again".to_owned()),
    })
}

/// Takes a blob in, verified; whether it was not here before.
fn copy(lease: &Lease, layer: &Descriptor, path: &Path, control: &Control) -> Result<bool, Error> {
    let item = Item::new(layer_name(layer), layer.size, Some(layer.digest));
    control.report(Event::Started(&item));
    if lease.protect(&layer.digest)? == Some(layer.size) {
        control.report(Event::Advanced {
            item: &item,
            bytes: layer.size,
        });
        control.report(Event::Finished {
            item: &item,
            outcome: Outcome::Exists,
        });
        return Ok(false);
    }
    let mut tick = |bytes| {
        control.report(Event::Advanced { item: &item, bytes });
        if control.cancel_token().is_cancelled() {
            // `Interrupted` would be tried again.
            return Err(io::Error::other("cancelled"));
        }
        Ok(())
    };
    let ingested = lease
        .ingest_file(path, Adopt::ReflinkOrCopy, &mut tick)
        .map_err(|error| {
            if control.cancel_token().is_cancelled() {
                Error::Cancelled
            } else {
                error.into()
            }
        })?;
    if ingested.digest != layer.digest {
        return Err(mismatch(path, &layer.digest, ingested.digest));
    }
    control.report(Event::Finished {
        item: &item,
        outcome: Outcome::Copied,
    });
    Ok(true)
}

#[cfg(test)]
mod tests;
