//! Names of manifests: the entries of `index.json`.

use std::fs;
use std::io::Read;
use std::path::Path;

use modelpack_spec::annotations::REF_NAME;
use modelpack_spec::{Descriptor, Digest, Document, Index, Reference};

use crate::error::IoContext;
use crate::layout::Lock;
use crate::{Error, Store, durable};

/// Largest `index.json` that is read or written: some hundred thousand names, and still parsed in a
/// moment.
const MAX_INDEX_BYTES: u64 = 128 * 1024 * 1024;

/// A named manifest.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TagEntry {
    /// Its name, with a tag or, where it was pulled by digest alone, with a digest.
    pub reference: Reference,
    /// The manifest.
    pub descriptor: Descriptor,
}

/// What [`Store::remove`] did. Blobs stay until [`Store::prune`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Removed {
    /// Names that are gone, with the digest that each had.
    pub names: Vec<(Reference, Digest)>,
}

impl Store {
    /// Gives a manifest a name, which it takes from the manifest that had it before. Without a tag
    /// it is named by its digest.
    ///
    /// # Errors
    /// [`Error::UnknownBlob`] when the manifest is not in the store, [`Error::SizeMismatch`] when it
    /// has another size than the descriptor says, [`Error::PinMismatch`] when the reference has a
    /// digest and it is another one.
    pub fn tag(&self, reference: &Reference, manifest: &Descriptor) -> Result<(), Error> {
        if let Some(digest) = reference.digest
            && digest != manifest.digest
        {
            return Err(Error::PinMismatch {
                reference: reference.clone(),
                actual: manifest.digest,
            });
        }
        let name = entry_name(reference)?;
        // The sweep lock keeps the manifest here between the look and the entry.
        let _sweep = self.lock_sweep(fs::File::lock_shared)?;
        match self.blob_size(&manifest.digest)? {
            Some(size) if size == manifest.size => {}
            Some(actual) => {
                return Err(Error::SizeMismatch {
                    what: format!("blob {}", manifest.digest),
                    expected: manifest.size,
                    actual,
                });
            }
            None => {
                return Err(Error::UnknownBlob {
                    digest: manifest.digest,
                });
            }
        }
        self.change_index(|index| {
            // Another tool may have written the same name in another way.
            index.manifests.retain(|descriptor| {
                tag_entry(descriptor.clone())
                    .is_none_or(|entry| entry.reference.to_string() != name)
            });
            let mut entry = manifest.clone();
            entry.annotations.insert(REF_NAME.to_owned(), name);
            index.manifests.push(entry);
        })
    }

    /// The manifest that a reference names. With a digest, any name of that repository will do; the
    /// digest decides.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NoSelector`].
    pub fn resolve(&self, reference: &Reference) -> Result<Descriptor, Error> {
        let wanted = entry_name(reference)?;
        self.references()?
            .into_iter()
            .find(|entry| match &reference.digest {
                Some(digest) => is_in(entry, reference) && entry.descriptor.digest == *digest,
                None => entry.reference.to_string() == wanted,
            })
            .map(|entry| entry.descriptor)
            .ok_or_else(|| Error::UnknownReference {
                reference: reference.clone(),
            })
    }

    /// All names, sorted. Entries of other tools that are no full references are not listed, and kept.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn references(&self) -> Result<Vec<TagEntry>, Error> {
        let mut entries: Vec<_> = self
            .read_index()?
            .manifests
            .into_iter()
            .filter_map(tag_entry)
            .collect();
        entries.sort_by(|a, b| a.reference.cmp(&b.reference));
        Ok(entries)
    }

    /// Removes a name; with a digest and no tag, every name of that manifest in the repository.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NoSelector`]; [`Error::PinMismatch`] when the tag names
    /// another digest than the one given with it.
    pub fn remove(&self, reference: &Reference) -> Result<Removed, Error> {
        let wanted = entry_name(reference)?;
        let mut removed = Removed::default();
        let mut mismatch = None;
        self.change_index(|index| {
            index.manifests.retain(|descriptor| {
                let Some(entry) = tag_entry(descriptor.clone()) else {
                    return true;
                };
                let digest = entry.descriptor.digest;
                let hit = match (&reference.tag, &reference.digest) {
                    (None, Some(pin)) => is_in(&entry, reference) && digest == *pin,
                    _ => entry.reference.to_string() == wanted,
                };
                if !hit {
                    return true;
                }
                if reference.digest.is_some_and(|pin| pin != digest) {
                    mismatch = Some(digest);
                    return true;
                }
                removed.names.push((entry.reference, digest));
                false
            });
        })?;
        if let Some(actual) = mismatch {
            return Err(Error::PinMismatch {
                reference: reference.clone(),
                actual,
            });
        }
        if removed.names.is_empty() {
            return Err(Error::UnknownReference {
                reference: reference.clone(),
            });
        }
        Ok(removed)
    }

    pub(crate) fn read_index(&self) -> Result<Index, Error> {
        let path = self.index_path();
        let mut bytes = Vec::new();
        let file = fs::File::open(&path).at("open", &path)?;
        file.take(MAX_INDEX_BYTES + 1)
            .read_to_end(&mut bytes)
            .at("read", &path)?;
        check_index_size(&path, bytes.len())?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged {
            path,
            reason: error.to_string(),
        })
    }

    fn change_index(&self, change: impl FnOnce(&mut Index)) -> Result<(), Error> {
        let _lock: Lock = self.lock_index()?;
        let before = self.read_index()?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let path = self.index_path();
        let document = Document::write(after);
        check_index_size(&path, document.bytes().len())?;
        durable::replace(&path, &self.own("ingest"), document.bytes())
    }
}

fn check_index_size(path: &Path, size: usize) -> Result<(), Error> {
    if size as u64 > MAX_INDEX_BYTES {
        return Err(Error::TooManyNames {
            path: path.to_owned(),
            limit: MAX_INDEX_BYTES,
        });
    }
    Ok(())
}

/// The text under which a reference is entered: tag before digest.
fn entry_name(reference: &Reference) -> Result<String, Error> {
    match (&reference.tag, &reference.digest) {
        (Some(tag), _) => Ok(reference.with_tag(tag.clone()).to_string()),
        (None, Some(_)) => Ok(reference.to_string()),
        (None, None) => Err(Error::NoSelector {
            reference: reference.clone(),
        }),
    }
}

fn tag_entry(mut descriptor: Descriptor) -> Option<TagEntry> {
    let name = descriptor.annotations.remove(REF_NAME)?;
    let reference: Reference = name.parse().ok()?;
    reference.selector()?;
    Some(TagEntry {
        reference,
        descriptor,
    })
}

fn is_in(entry: &TagEntry, reference: &Reference) -> bool {
    entry.reference.host == reference.host && entry.reference.repository == reference.repository
}
