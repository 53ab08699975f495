//! Single tensors of an artifact, each as a file with its bytes and nothing else.

use std::path::{Path, PathBuf};

use modelpack_layer::{Destination, Expected, FileAttributes};
use modelpack_spec::{Digest, FilePath, PathSet, Reference};
use serde::Serialize;

use crate::tensors::{Place, TensorEntry};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// What [`Toolkit::fetch_tensor_files`] wrote.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TensorFilesReport {
    /// The artifact.
    pub reference: Reference,
    /// The directory, absolute.
    pub directory: PathBuf,
    /// Whether all of the data is verified.
    pub is_verified: bool,
    /// The tensors.
    pub tensors: Vec<TensorFile>,
}

/// A tensor that was written.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TensorFile {
    /// The file, below the directory. It has the name of the tensor.
    pub path: FilePath,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Whether they are verified: their layer is in the local store, whole. A piece of a layer in a
    /// registry is not, since the digest covers the whole layer.
    pub is_verified: bool,
    /// The weight file that it lies in.
    pub source: String,
    /// The tensor.
    #[serde(flatten)]
    pub tensor: TensorEntry,
}

impl Toolkit {
    /// Fetches tensors of an artifact in its registry, each into a file with its name.
    ///
    /// # Errors
    /// Those of [`Self::fetch_tensors`]; [`Error::Spec`] for a tensor whose name is no name of a file,
    /// before anything is fetched; [`Error::Output`] and [`Error::Extract`].
    pub async fn fetch_tensor_files(
        &self,
        reference: &Reference,
        names: &[String],
        directory: &Path,
        control: &Control,
    ) -> Result<TensorFilesReport, Error> {
        let mut paths = PathSet::new();
        let mut names = names.to_vec();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        for name in &names {
            paths.insert(&FilePath::parse(name)?)?;
        }
        let directory = std::path::absolute(directory)
            .map_err(|error| Error::file("cannot use the directory", directory, error))?;
        let found = self
            .find_tensors(reference, &names, Place::Registry, control)
            .await?;
        control.report(Event::Planned {
            items: found.len(),
            bytes: found.iter().filter_map(|place| place.tensor.size).sum(),
        });
        let mut tensors = Vec::new();
        for place in &found {
            let item = Item::new(
                place.tensor.name.clone(),
                place.tensor.size.unwrap_or(0),
                None,
            );
            control.report(Event::Started(&item));
            let fetched = self.fetch_tensor(reference, place, control).await?;
            let path = FilePath::parse(&fetched.tensor.name)?;
            let expected = Expected {
                digest: Digest::sha256(&fetched.bytes),
                size: fetched.bytes.len() as u64,
            };
            let (into, at, bytes) = (directory.clone(), path.clone(), fetched.bytes);
            blocking::run(move || {
                let output = |error| Error::Output {
                    path: into.clone(),
                    source: Box::new(error),
                };
                let destination = Destination::open(&into).map_err(output)?;
                let attributes = FileAttributes::default();
                let written =
                    destination.write_raw(&at, &attributes, &mut bytes.as_ref(), &expected);
                written.map_err(|error| Error::Extract {
                    path: Some(at.clone()),
                    source: Box::new(error),
                })
            })
            .await?;
            control.report(Event::Advanced {
                item: &item,
                bytes: item.size,
            });
            control.report(Event::Finished {
                item: &item,
                outcome: Outcome::Transferred,
            });
            tensors.push(TensorFile {
                path,
                digest: expected.digest,
                is_verified: fetched.is_verified,
                source: fetched.path,
                tensor: fetched.tensor,
            });
        }
        Ok(TensorFilesReport {
            reference: reference.clone(),
            directory,
            is_verified: tensors.iter().all(|tensor| tensor.is_verified),
            tensors,
        })
    }
}
