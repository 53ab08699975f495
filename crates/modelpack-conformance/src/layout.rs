//! The part of the suite that reads an OCI image layout, layers included.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use modelpack_spec::annotations::REF_NAME;
use modelpack_spec::{Descriptor, Digest, Document, Index};

use crate::artifact::read_document;
use crate::inspection::Inspection;
use crate::layer::examine;
use crate::{Error, Report};

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
    let manifest = read_document(&layout.blob(&descriptor.digest))?;
    let mut inspection = Inspection::new(manifest, Some(&descriptor));
    let config = inspection.config_digest();
    let config = config.map(|digest| read_document(&layout.blob(&digest)));
    inspection.config(match config {
        Some(Err(Error::Unreadable { source, .. })) if is_absent(&source) => None,
        Some(config) => Some(config?),
        // The rules say that the manifest names none.
        None => Some(Vec::new()),
    });
    for wanted in inspection.layers() {
        let path = layout.blob(&wanted.descriptor.digest);
        let unreadable = |source| Error::Unreadable {
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => {
                inspection.missing(&wanted, "is not in the layout");
                continue;
            }
            Err(error) => return Err(unreadable(error)),
        };
        let size = file.metadata().map_err(unreadable)?.len();
        let facts = examine(
            file,
            size,
            wanted.encoding,
            wanted.descriptor.digest.algorithm(),
            wanted.uncompressed,
        )
        .map_err(unreadable)?;
        inspection.layer(&wanted, facts);
    }
    Ok(inspection.report())
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
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

    /// The manifest of that name, or the only one.
    fn find(&self, reference: Option<&str>) -> Result<Descriptor, Error> {
        let path = self.0.join("index.json");
        let content = read_document(&path)?;
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
