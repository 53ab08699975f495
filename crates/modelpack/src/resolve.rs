//! From a reference to a verified local directory: the call that inference servers want.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use modelpack_formats as formats;
use modelpack_layer::{Destination, Expected, Placement};
use modelpack_spec::{Digest, Encoding, FilePath, Kind, Reference};
use modelpack_store::Store;
use serde::Serialize;

use crate::artifact::{Artifact, File};
use crate::extract::{plan, write_all};
use crate::{Control, Error, PullOptions, Toolkit, adapters, blocking};

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
    /// Longest time that pulling may take; none by default. What is there then is kept.
    pub deadline: Option<Duration>,
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
    /// What is odd about them, a sentence each: an adapter of a model that is not here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
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
                let options = PullOptions {
                    deadline: options.deadline,
                };
                self.pull(reference, &options, control).await?;
            }
        }
        let (store, wanted) = (self.store().clone(), reference.clone());
        let (lease, artifact, plan) = blocking::run(move || {
            let lease = store.lease()?;
            let artifact = Artifact::load(&store, &wanted)?;
            // Before it is looked what the directory has, so that no prune takes it away after that.
            lease.protect(artifact.manifest.digest())?;
            let plan = plan(&lease, &artifact.files()?, Placement::Link)?;
            Ok((lease, artifact, plan))
        })
        .await?;
        let digest = *artifact.manifest.digest();
        let in_store =
            resolved_directory(self.store()).join(digest.to_string().replacen(':', "-", 1));
        let directory = options.directory.clone().unwrap_or(in_store);
        let directory = std::path::absolute(&directory)
            .map_err(|error| Error::file("cannot use the directory", &directory, error))?;
        let (store, place) = (self.store().clone(), directory.clone());
        let (artifact, complete) = blocking::run(move || {
            let complete = complete_files(&store, &artifact, &place);
            Ok((artifact, complete))
        })
        .await?;
        let files = match complete {
            Some(files) => files,
            None => {
                let store = self.store();
                let limit = self.concurrency();
                let written = write_all(plan, store, &directory, limit, control).await?;
                written
                    .into_iter()
                    .map(|file| (file.path, file.size))
                    .collect()
            }
        };
        let (reference, store) = (reference.clone(), self.store().clone());
        let report = blocking::run(move || {
            let mut report = report(reference, &artifact, directory, files);
            report.warnings = adapters::misfits(&store, &artifact);
            Ok(report)
        })
        .await?;
        drop(lease);
        Ok(report)
    }
}

/// The files, when every one is there and right. A hard link to the blob is right by itself; a file
/// that was copied is hashed. Files of archives are written again, since nothing says what they
/// should be.
fn complete_files(
    store: &Store,
    artifact: &Artifact,
    directory: &Path,
) -> Option<Vec<(FilePath, u64)>> {
    if !directory.is_dir() {
        return None;
    }
    let destination = Destination::open(directory).ok()?;
    let check = |file: &File| {
        let path = file
            .path
            .clone()
            .filter(|_| file.encoding == Encoding::Raw)?;
        let expected = Expected {
            digest: file.layer.digest,
            size: file.layer.size,
        };
        let blob = store.blob_path(&file.layer.digest);
        let is_right = is_same_file(&directory.join(&path), &blob)
            || destination.holds(&path, &expected).unwrap_or(false);
        is_right.then_some((path, file.layer.size))
    };
    artifact.files().ok()?.iter().map(check).collect()
}

fn is_same_file(file: &Path, blob: &Path) -> bool {
    match (fs::symlink_metadata(file), fs::symlink_metadata(blob)) {
        (Ok(file), Ok(blob)) => (file.dev(), file.ino()) == (blob.dev(), blob.ino()),
        _ => false,
    }
}

fn report(
    reference: Reference,
    artifact: &Artifact,
    directory: PathBuf,
    files: Vec<(FilePath, u64)>,
) -> ResolveReport {
    let kinds = artifact.files().unwrap_or_default().into_iter();
    let kinds = kinds.filter_map(|file| Some((file.path?, file.kind?)));
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
    ResolveReport {
        reference,
        digest: *artifact.manifest.digest(),
        directory,
        format,
        files: resolved,
        warnings: Vec::new(),
    }
}

/// The format by content. A file that cannot be read as any format has none; that is no error here.
fn detect(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let format = formats::detect(&mut file).ok()??;
    Some(format.to_string())
}
