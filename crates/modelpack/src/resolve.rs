//! From a reference to a verified local directory: the call that inference servers want.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use modelpack_formats as formats;
use modelpack_layer::Placement;
use modelpack_spec::{Digest, FilePath, Kind, Reference};
use modelpack_store::Store;
use serde::Serialize;

use crate::artifact::Artifact;
use crate::extract::{plan, write_all};
use crate::{Control, Error, PullOptions, Toolkit, blocking};

/// Whether [`Toolkit::resolve`] may ask the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fetch {
    /// Only when the reference is not in the local store. A tag that has moved in the registry is
    /// not noticed.
    #[default]
    Missing,
    /// Always ask where the tag points now; bytes that are here are not fetched again.
    Always,
    /// Never.
    Never,
}

/// How [`Toolkit::resolve`] works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ResolveOptions {
    /// Whether the registry may be asked.
    pub fetch: Fetch,
    /// Where the directory is made; inside the store by default.
    pub directory: Option<PathBuf>,
}

/// A model that is ready to be loaded.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResolveReport {
    /// What was asked for.
    pub reference: Reference,
    /// Digest of the manifest: the exact version.
    pub digest: Digest,
    /// The directory that holds the files under their own names, absolute.
    pub directory: PathBuf,
    /// Format of the weights, such as `gguf` or `safetensors`, by their content.
    pub format: Option<String>,
    /// The files.
    pub files: Vec<ResolvedFile>,
}

/// A file of a resolved model.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResolvedFile {
    /// Path below the directory.
    pub path: FilePath,
    /// Size in bytes.
    pub size: u64,
    /// `weight`, `weight.config`, `doc`, `code` or `dataset`, where the layer says so.
    pub kind: Option<&'static str>,
}

/// The directory inside the store below which models are laid out, one directory per manifest.
pub(crate) fn resolved_directory(store: &Store) -> PathBuf {
    store.own("resolved")
}

impl Toolkit {
    /// Gives a local directory with the files of an artifact, pulling it when it is not here.
    ///
    /// Files are hard links into the store where the file system can: read-only, ready for `mmap`,
    /// and without a second copy on disk. With a directory of the caller's choice that lies on
    /// another file system they are copied. Nothing in the directory is unverified.
    ///
    /// # Errors
    /// Those of [`Toolkit::pull`] and [`Toolkit::extract`]; [`Error::UnknownReference`] with
    /// [`Fetch::Never`].
    pub async fn resolve(
        &self,
        reference: &Reference,
        options: &ResolveOptions,
        control: &Control,
    ) -> Result<ResolveReport, Error> {
        let is_here = {
            let (store, reference) = (self.store().clone(), reference.clone());
            blocking::run(move || match Artifact::load(&store, &reference) {
                Ok(_) => Ok(true),
                Err(Error::UnknownReference { .. }) => Ok(false),
                Err(error) => Err(error),
            })
            .await?
        };
        match options.fetch {
            Fetch::Never if !is_here => {
                return Err(Error::UnknownReference {
                    reference: reference.clone(),
                });
            }
            Fetch::Missing if is_here => {}
            Fetch::Never => {}
            _ => {
                self.pull(reference, &PullOptions::default(), control)
                    .await?;
            }
        }
        let (store, wanted) = (self.store().clone(), reference.clone());
        let (lease, artifact, plan) = blocking::run(move || {
            let lease = store.lease()?;
            let artifact = Artifact::load(&store, &wanted)?;
            let plan = plan(&lease, &artifact)?;
            Ok((lease, artifact, plan))
        })
        .await?;
        let digest = *artifact.manifest.digest();
        let in_store =
            resolved_directory(self.store()).join(digest.to_string().replacen(':', "-", 1));
        let directory = options.directory.clone().unwrap_or(in_store);
        let directory = std::path::absolute(&directory)
            .map_err(|error| Error::file("cannot use the directory", &directory, error))?;
        if !is_complete(self.store(), &artifact, &directory) {
            write_all(
                plan,
                self.store(),
                &directory,
                Placement::Link,
                self.concurrency(),
                control,
            )
            .await?;
        }
        drop(lease);
        let reference = reference.clone();
        blocking::run(move || report(reference, &artifact, directory)).await
    }
}

/// Whether every file is the blob itself. A file that was copied, or is an archive's, is written
/// again, since only its bytes could tell that it is right.
fn is_complete(store: &Store, artifact: &Artifact, directory: &Path) -> bool {
    artifact.layers().iter().all(|layer| {
        let Ok(Some(path)) = modelpack_spec::annotations::filepath(layer) else {
            return false;
        };
        let (Ok(file), Ok(blob)) = (
            fs::symlink_metadata(directory.join(&path)),
            fs::symlink_metadata(store.blob_path(&layer.digest)),
        ) else {
            return false;
        };
        (file.dev(), file.ino()) == (blob.dev(), blob.ino())
    })
}

fn report(
    reference: Reference,
    artifact: &Artifact,
    directory: PathBuf,
) -> Result<ResolveReport, Error> {
    let mut files = Vec::new();
    list_files(&directory, "", &mut |path, size| files.push((path, size)))?;
    let kinds = artifact.layers().iter().filter_map(|layer| {
        let path = modelpack_spec::annotations::filepath(layer).ok()??;
        Some((path, layer.media_type.as_layer()?.kind))
    });
    let kinds: std::collections::BTreeMap<FilePath, Kind> = kinds.collect();
    let mut format = None;
    let mut resolved = Vec::new();
    for (path, size) in files {
        let kind = kinds.get(&path).copied();
        if format.is_none() && kind.is_none_or(|kind| kind == Kind::Weight) {
            format = detect(&directory.join(&path));
        }
        resolved.push(ResolvedFile {
            path,
            size,
            kind: kind.map(Kind::as_str),
        });
    }
    resolved.sort_by(|a, b| a.path.cmp(&b.path));
    let format = format.or_else(|| artifact.config.value().config.format.clone());
    Ok(ResolveReport {
        reference,
        digest: *artifact.manifest.digest(),
        directory,
        format,
        files: resolved,
    })
}

/// The format by content. A file that cannot be read as any format has none; that is no error here.
fn detect(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let format = formats::detect(&mut file).ok()??;
    Some(format.to_string())
}

fn list_files(
    root: &Path,
    prefix: &str,
    found: &mut dyn FnMut(FilePath, u64),
) -> Result<(), Error> {
    let directory = root.join(prefix);
    let unreadable = |error| Error::file("cannot read", &directory, error);
    for entry in fs::read_dir(&directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        let metadata = entry.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            list_files(root, &path, found)?;
        } else if let (true, Ok(path)) = (metadata.is_file(), FilePath::parse(&path)) {
            found(path, metadata.len());
        }
    }
    Ok(())
}
