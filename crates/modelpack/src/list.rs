//! Listing what is in the local store, or which tags a repository has.

mod usage;

use std::collections::BTreeMap;

use modelpack_registry::Name;
use modelpack_spec::{Descriptor, Digest, Document, Index, Manifest, Reference, Timestamp};
use modelpack_store::{Store, TagEntry};
use serde::Serialize;

pub use self::usage::{UsageEntry, UsageReport};
use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES};
use crate::{Control, Error, Toolkit, VariantEntry, blocking, variants};

/// An artifact in the local store.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListEntry {
    /// Its name.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// When it was made, as its config says.
    pub created_at: Option<Timestamp>,
    /// Bytes of manifest, config and layers; a blob that stands twice counts once. Of an index, those of the
    /// variants that are here.
    pub size: u64,
    /// The variants, when it is an index of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variants: Option<Vec<VariantEntry>>,
    /// Why it cannot be read, when that is so. Size and time are then unknown.
    pub damage: Option<String>,
}

/// The tags of a repository in a registry.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TagList {
    /// `host/repository`.
    pub name: String,
    /// The tags, sorted as the registry does.
    pub tags: Vec<String>,
}

/// A pattern for names: `*` stands for any text, also with `/` in it, `?` for one character. It is held
/// against the whole name, the name without its tag, and each of both from after a `/` on.
///
/// ```
/// use modelpack::NamePattern;
///
/// let reference = "ghcr.io/me/qwen3:0.6b".parse()?;
/// for pattern in ["qwen3", "qwen*", "me/qwen3:*", "*:0.6b", "ghcr.io/*"] {
///     assert!(NamePattern::new(pattern).matches(&reference), "{pattern}");
/// }
/// assert!(!NamePattern::new("qwen").matches(&reference));
/// # Ok::<(), modelpack::spec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(Vec<char>);

impl NamePattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    /// Whether a name matches.
    #[must_use]
    pub fn matches(&self, reference: &Reference) -> bool {
        let full = reference.to_string();
        [full, reference.name()].iter().any(|name| {
            let tails = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
            tails
                .chain([name.as_str()])
                .any(|tail| self.matches_text(tail))
        })
    }

    /// Whether a text as a whole matches, such as a tag.
    #[must_use]
    pub fn matches_text(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut pattern_at) = (0, 0);
        // Where to go on when the text that the last star stands for has to be longer.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(pattern_at) {
                Some('*') => {
                    star = Some((pattern_at, at));
                    pattern_at += 1;
                }
                Some(c) if *c == '?' || *c == text[at] => {
                    at += 1;
                    pattern_at += 1;
                }
                _ => match &mut star {
                    Some((star_at, taken)) => {
                        *taken += 1;
                        at = *taken;
                        pattern_at = *star_at + 1;
                    }
                    None => return false,
                },
            }
        }
        self.0[pattern_at..].iter().all(|c| *c == '*')
    }
}

impl Toolkit {
    /// Lists what is in the local store, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`]. An artifact that cannot be read is listed with its damage.
    pub async fn list(&self) -> Result<Vec<ListEntry>, Error> {
        let store = self.store().clone();
        blocking::run(move || {
            let mut entries: Vec<_> = store
                .references()?
                .into_iter()
                .map(|entry| list_entry(&store, entry))
                .collect();
            entries.sort_by(|a, b| {
                moment(b)
                    .cmp(&moment(a))
                    .then_with(|| a.reference.cmp(&b.reference))
            });
            Ok(entries)
        })
        .await
    }

    /// Lists the tags of a repository in its registry. Tag and digest of the reference do not matter.
    ///
    /// # Errors
    /// [`Error::Registry`].
    pub async fn list_remote(
        &self,
        repository: &Reference,
        control: &Control,
    ) -> Result<TagList, Error> {
        let tags = control
            .stop_early(async {
                Ok(self
                    .client()
                    .list_tags(&Name::from(repository), None)
                    .await?)
            })
            .await?;
        Ok(TagList {
            name: repository.name(),
            tags,
        })
    }
}

fn list_entry(store: &Store, entry: TagEntry) -> ListEntry {
    let TagEntry {
        reference,
        descriptor,
        ..
    } = entry;
    let digest = descriptor.digest;
    if let Some((size, variants)) = index_of(store, &descriptor) {
        return ListEntry {
            reference,
            digest,
            created_at: None,
            size,
            variants: Some(variants),
            damage: None,
        };
    }
    match Artifact::load_manifest(store, &reference, &descriptor) {
        Ok(artifact) => {
            let mut blobs: Vec<_> = artifact
                .layers()
                .iter()
                .map(|layer| (layer.digest, layer.size))
                .collect();
            blobs.push((
                *artifact.config.digest(),
                artifact.config.bytes().len() as u64,
            ));
            blobs.push((digest, artifact.manifest.bytes().len() as u64));
            blobs.sort_unstable();
            blobs.dedup();
            let size = blobs
                .iter()
                .fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
            let created_at = artifact.config.into_value().descriptor.created_at;
            ListEntry {
                reference,
                digest,
                created_at,
                size,
                variants: None,
                damage: None,
            }
        }
        // Something else than a model is no damage.
        Err(Error::NotAModel { .. }) => ListEntry {
            reference,
            digest,
            created_at: None,
            size: other_size(store, &descriptor),
            variants: None,
            damage: None,
        },
        Err(error) => ListEntry {
            reference,
            digest,
            created_at: None,
            size: 0,
            variants: None,
            damage: Some(error.to_string()),
        },
    }
}

/// An index with the bytes of what is here of it; nothing when it is no index of variants.
fn index_of(store: &Store, descriptor: &Descriptor) -> Option<(u64, Vec<VariantEntry>)> {
    if !descriptor.media_type.is_index() {
        return None;
    }
    let bytes = store
        .read_blob(&descriptor.digest, MAX_DOCUMENT_BYTES)
        .ok()?;
    let index = Document::<Index>::parse(bytes).ok()?;
    let variants = variants::looked_at(store, index.value()).ok()?;
    let mut blobs = BTreeMap::from([(descriptor.digest, descriptor.size)]);
    let here = variants.iter().filter(|entry| entry.is_here == Some(true));
    for entry in here {
        let Ok(bytes) = store.read_blob(&entry.digest, MAX_DOCUMENT_BYTES) else {
            continue;
        };
        blobs.insert(entry.digest, bytes.len() as u64);
        if let Ok(manifest) = Document::<Manifest>::parse(bytes) {
            let manifest = manifest.value();
            let parts = manifest.layers.iter().chain([&manifest.config]);
            blobs.extend(parts.map(|part| (part.digest, part.size)));
        }
    }
    let size = blobs
        .values()
        .fold(0_u64, |sum, size| sum.saturating_add(*size));
    Some((size, variants))
}

/// Bytes of anything else that has layers.
fn other_size(store: &Store, descriptor: &Descriptor) -> u64 {
    let manifest = store
        .read_blob(&descriptor.digest, MAX_DOCUMENT_BYTES)
        .ok()
        .and_then(|bytes| Document::<Manifest>::parse(bytes).ok());
    let content = manifest.map_or(0, |manifest| manifest.value().content_size());
    descriptor.size.saturating_add(content)
}

fn moment(entry: &ListEntry) -> Option<jiff::Timestamp> {
    entry.created_at.as_ref()?.as_str().parse().ok()
}

#[cfg(test)]
mod tests;
