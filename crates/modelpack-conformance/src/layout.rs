//! The part of the suite that reads an OCI image layout, layers included.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use modelpack_spec::annotations::REF_NAME;
use modelpack_spec::rules::Level;
use modelpack_spec::{Algorithm, Descriptor, Digest, Document, Index, Manifest, Model};

use crate::artifact::judge;
use crate::layer::examine;
use crate::{Check, Error, Finding, Report};

/// Largest document that is read: what careful readers take of a config, which is allowed the most.
const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;

const DESCRIPTOR: &str =
    "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties";
const DIFF_ID: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/config.md#terminology";
const LAYERS: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#guidance-on-layers";

/// Judges an artifact in an OCI image layout, whatever tool wrote it.
///
/// `reference` is the name that the layout's index gives the manifest
/// (`org.opencontainers.image.ref.name`) or its digest; it may be left out when there is only one.
///
/// # Errors
/// When there is no such artifact or its manifest or config cannot be read at all. What is wrong
/// with an artifact that can be read is in the report.
pub fn judge_layout(path: impl AsRef<Path>, reference: Option<&str>) -> Result<Report, Error> {
    let layout = Layout(path.as_ref());
    let descriptor = layout.find(reference)?;
    let manifest = layout.read(&layout.blob(&descriptor.digest))?;
    let mut blobs = Blobs::default();
    blobs.compare("the manifest", "", &descriptor, &manifest);

    let Ok(read) = Document::<Manifest>::parse(manifest.clone().into()) else {
        // The rules say what is wrong; all they need besides is the config, where one is named.
        let config = match config_digest(&manifest) {
            Some(digest) => layout.read(&layout.blob(&digest))?,
            None => Vec::new(),
        };
        return Ok(judge(&manifest, &config, Vec::new()));
    };
    let read = read.value();
    let config = layout.read(&layout.blob(&read.config.digest))?;
    blobs.compare("the config", "/config", &read.config, &config);
    let model = Document::<Model>::parse(config.clone().into()).ok();
    let diff_ids = model
        .as_ref()
        .map_or(&[][..], |model| &model.value().modelfs.diff_ids);

    let mut contents = Vec::new();
    for (index, layer) in read.layers.iter().enumerate() {
        let pointer = format!("/layers/{index}");
        let expected = diff_ids.get(index);
        contents.push(blobs.layer(&layout, &pointer, layer, expected)?);
    }
    let mut report = judge(&manifest, &config, contents);
    report.checks.extend(blobs.checks());
    Ok(report)
}

/// The digest of the config in a manifest that the typed reader refuses.
fn config_digest(manifest: &[u8]) -> Option<Digest> {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).ok()?;
    manifest.pointer("/config/digest")?.as_str()?.parse().ok()
}

/// What was found out about blobs so far.
#[derive(Default)]
struct Blobs {
    missing: Vec<Finding>,
    wrong: Vec<Finding>,
    diff_ids: Vec<Finding>,
    unreadable: Vec<Finding>,
}

impl Blobs {
    fn compare(&mut self, what: &str, pointer: &str, promised: &Descriptor, content: &[u8]) {
        let digest = Digest::of(promised.digest.algorithm(), content);
        self.compare_facts(what, pointer, promised, content.len() as u64, digest);
    }

    fn compare_facts(
        &mut self,
        what: &str,
        pointer: &str,
        promised: &Descriptor,
        size: u64,
        digest: Digest,
    ) {
        if size != promised.size {
            let message = format!("{what} has {size} bytes, expected {}", promised.size);
            self.wrong.push(Finding::new(pointer, message));
        }
        if digest != promised.digest {
            let message = format!(
                "{what} has the digest {digest}, expected {}",
                promised.digest
            );
            self.wrong.push(Finding::new(pointer, message));
        }
    }

    /// Reads a layer; gives what is inside when it is an archive.
    fn layer(
        &mut self,
        layout: &Layout<'_>,
        pointer: &str,
        layer: &Descriptor,
        diff_id: Option<&Digest>,
    ) -> Result<Option<modelpack_spec::rules::Contents>, Error> {
        let path = layout.blob(&layer.digest);
        let unreadable = |source| Error::Unreadable {
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let message = format!("blob {} is not in the layout", layer.digest);
                self.missing.push(Finding::new(pointer, message));
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        let size = file.metadata().map_err(unreadable)?.len();
        let facts = examine(
            file,
            size,
            layer.media_type.as_layer().map(|layer| layer.encoding),
            layer.digest.algorithm(),
            diff_id.map_or(Algorithm::Sha256, Digest::algorithm),
        )
        .map_err(unreadable)?;
        self.compare_facts("the layer", pointer, layer, facts.size, facts.digest);
        let actual = match facts.diff_id {
            Ok(actual) => actual,
            Err(reason) => {
                self.unreadable.push(Finding::new(pointer, reason));
                return Ok(None);
            }
        };
        if let Some(expected) = diff_id.filter(|expected| **expected != actual) {
            let message =
                format!("the uncompressed layer has the digest {actual}, expected {expected}");
            self.diff_ids.push(Finding::new(pointer, message));
        }
        match facts.contents {
            Some(Ok(contents)) => Ok(Some(contents)),
            Some(Err(reason)) => {
                self.unreadable.push(Finding::new(pointer, reason));
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn checks(self) -> [Check; 4] {
        [
            Check::of(
                "blobs.present",
                Level::Must,
                DESCRIPTOR,
                "every blob that the manifest lists is there",
                self.missing,
            ),
            Check::of(
                "blobs.match",
                Level::Must,
                DESCRIPTOR,
                "every blob has the size and digest of its descriptor",
                self.wrong,
            ),
            Check::of(
                "blobs.readable",
                Level::Must,
                LAYERS,
                "every layer is encoded as its media type says",
                self.unreadable,
            ),
            Check::of(
                "blobs.diff-ids",
                Level::Must,
                DIFF_ID,
                "every diff id is the digest of its uncompressed layer",
                self.diff_ids,
            ),
        ]
    }
}

/// A directory in the form of an OCI image layout
/// (<https://github.com/opencontainers/image-spec/blob/main/image-layout.md>).
struct Layout<'a>(&'a Path);

impl Layout<'_> {
    fn blob(&self, digest: &Digest) -> PathBuf {
        self.0
            .join("blobs")
            .join(digest.algorithm().as_str())
            .join(digest.hex())
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let mut content = Vec::new();
        file.take(MAX_DOCUMENT_BYTES + 1)
            .read_to_end(&mut content)
            .map_err(unreadable)?;
        if content.len() as u64 > MAX_DOCUMENT_BYTES {
            return Err(Error::TooLarge {
                path: path.to_owned(),
                limit: MAX_DOCUMENT_BYTES,
            });
        }
        Ok(content)
    }

    /// The manifest of that name, or the only one.
    fn find(&self, reference: Option<&str>) -> Result<Descriptor, Error> {
        let path = self.0.join("index.json");
        let content = self.read(&path)?;
        let index =
            Document::<Index>::parse(content.into()).map_err(|error| Error::NotALayout {
                path,
                source: error.into(),
            })?;
        let mut manifests = index.into_value().manifests;
        let name = |manifest: &Descriptor| manifest.annotations.get(REF_NAME).cloned();
        let known = |manifests: &[Descriptor]| {
            manifests
                .iter()
                .map(|manifest| name(manifest).unwrap_or_else(|| manifest.digest.to_string()))
                .collect()
        };
        match reference {
            Some(reference) => {
                let wanted = manifests.iter().position(|manifest| {
                    name(manifest).as_deref() == Some(reference)
                        || manifest.digest.to_string() == reference
                });
                match wanted {
                    Some(index) => Ok(manifests.swap_remove(index)),
                    None => Err(Error::NotFound {
                        path: self.0.to_owned(),
                        reference: reference.to_owned(),
                        known: known(&manifests),
                    }),
                }
            }
            None if manifests.len() == 1 => Ok(manifests.swap_remove(0)),
            None => Err(Error::Ambiguous {
                path: self.0.to_owned(),
                known: known(&manifests),
            }),
        }
    }
}
