//! Writing the files of a local artifact into a directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modelpack_layer::{Destination, Expected, FileAttributes, Limits, Placed, Placement};
use modelpack_spec::{Descriptor, Encoding, FilePath, Reference, annotations};
use modelpack_store::{Lease, Store};
use serde::Serialize;

use crate::artifact::{Artifact, File, layer_name, require};
use crate::{Control, Error, Event, Item, Outcome, Toolkit, blocking};

/// How [`Toolkit::extract`] works.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ExtractOptions {
    /// What the files share with the store.
    pub sharing: Sharing,
}

/// What extracted files share with the local store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sharing {
    /// Nothing that an edit could reach: copies, or clones that the file system parts at the first write.
    #[default]
    Nothing,
    /// The bytes, where the file system can: read-only hard links without a second copy on disk. Whoever
    /// writes into such a file all the same damages the store.
    Bytes,
}

impl Sharing {
    fn placement(self) -> Placement {
        match self {
            Self::Nothing => Placement::Own,
            Self::Bytes => Placement::Link,
        }
    }
}

/// What [`Toolkit::extract`] wrote.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ExtractReport {
    /// The artifact.
    pub reference: Reference,
    /// The directory, absolute.
    pub directory: PathBuf,
    /// The files, in the order of the layers.
    pub files: Vec<ExtractedFile>,
}

/// A file that was written.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ExtractedFile {
    /// Path below the directory.
    pub path: FilePath,
    /// Size in bytes.
    pub size: u64,
    /// How its bytes got there.
    pub outcome: Outcome,
}

impl Toolkit {
    /// Writes the files of an artifact in the local store into a directory, which is made when it is
    /// not there. Files that are there are replaced one by one, atomically; others are left alone.
    /// The written files are independent of the store and can be edited, unless `options` say otherwise.
    ///
    /// # Errors
    /// [`Error::UnknownReference`]; [`Error::Output`]; [`Error::Spec`] and [`Error::Extract`] when a path could lead out
    /// of the directory or two files collide, before anything is written; [`Error::Store`].
    pub async fn extract(
        &self,
        reference: &Reference,
        directory: &Path,
        options: &ExtractOptions,
        control: &Control,
    ) -> Result<ExtractReport, Error> {
        let store = self.store().clone();
        let (reference, directory) = (reference.clone(), directory.to_owned());
        let (limit, control) = (self.concurrency(), control.clone());
        let placement = options.sharing.placement();
        let (lease, plan) = {
            let (store, reference) = (store.clone(), reference.clone());
            blocking::run(move || {
                let lease = store.lease()?;
                let artifact = Artifact::load(&store, &reference)?;
                let plan = plan(&lease, &artifact.files()?, placement)?;
                Ok((lease, plan))
            })
            .await?
        };
        let files = write_all(plan, &store, &directory, limit, &control).await?;
        drop(lease);
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        Ok(ExtractReport {
            reference,
            directory,
            files,
        })
    }
}

/// A layer and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) layer: Descriptor,
    /// The file of a raw layer.
    path: Option<FilePath>,
    encoding: Encoding,
    placement: Placement,
}

/// Checks everything that can be known before the first byte is written.
pub(crate) fn plan(
    lease: &Lease,
    files: &[File],
    placement: Placement,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for file in files {
        require(lease, &file.layer)?;
        steps.push(Step {
            layer: file.layer.clone(),
            path: file.path.clone(),
            encoding: file.encoding,
            placement,
        });
    }
    Ok(steps)
}

/// Carries a plan out, several layers at a time.
pub(crate) async fn write_all(
    plan: Vec<Step>,
    store: &Store,
    directory: &Path,
    limit: usize,
    control: &Control,
) -> Result<Vec<ExtractedFile>, Error> {
    let directory = directory.to_owned();
    let destination = blocking::run(move || {
        let opened = Destination::open(&directory);
        let fail = |error| Error::Output {
            path: directory,
            source: Box::new(error),
        };
        opened.map(Arc::new).map_err(fail)
    })
    .await?;
    control.report(Event::Planned {
        items: plan.len(),
        bytes: plan.iter().map(|step| step.layer.size).sum(),
    });
    let is_moving = plan.iter().any(|step| step.placement == Placement::Move);
    let pieces = plan.into_iter().map(|step| {
        let (store, destination, control) = (store.clone(), destination.clone(), control.clone());
        move || {
            control.check()?;
            let item = Item::new(
                layer_name(&step.layer),
                step.layer.size,
                Some(step.layer.digest),
            );
            control.report(Event::Started(&item));
            let files = write_one(&step, &store, &destination)?;
            let outcome = files.first().map_or(Outcome::Copied, |file| file.outcome);
            control.report(Event::Advanced {
                item: &item,
                bytes: item.size,
            });
            control.report(Event::Finished {
                item: &item,
                outcome,
            });
            Ok(files)
        }
    });
    match blocking::all_blocking(limit, pieces).await {
        Ok(files) => Ok(files.into_iter().flatten().collect()),
        Err(error) => {
            // What was new goes again; a file that replaced an older one is verified and stays. So does one
            // that was moved: its bytes are nowhere else.
            if !is_moving {
                destination.discard();
            }
            Err(error)
        }
    }
}

fn write_one(
    step: &Step,
    store: &Store,
    destination: &Destination,
) -> Result<Vec<ExtractedFile>, Error> {
    let Step {
        layer,
        path,
        encoding,
        placement,
    } = step;
    let expected = Expected {
        digest: layer.digest,
        size: layer.size,
    };
    let fail = |error| Error::Extract {
        path: path.clone(),
        source: Box::new(error) as Box<_>,
    };
    match (encoding, path) {
        (Encoding::Raw, Some(path)) => {
            let blob = store.blob_path(&layer.digest);
            let placed = destination
                .place(&blob, path, &attributes(layer), &expected, *placement)
                .map_err(fail)?;
            let outcome = match placed {
                Placed::Linked | Placed::Reflinked => Outcome::Linked,
                Placed::Moved => Outcome::Transferred,
                _ => Outcome::Copied,
            };
            Ok(vec![ExtractedFile {
                path: path.clone(),
                size: layer.size,
                outcome,
            }])
        }
        (Encoding::Raw, None) => Ok(Vec::new()),
        (encoding, _) => {
            let mut archive = store.open_blob_unverified(&layer.digest)?;
            let unpacked = destination
                .unpack_tar(*encoding, &mut archive, &expected, &Limits::default())
                .map_err(fail)?;
            Ok(unpacked
                .into_iter()
                .map(|file| ExtractedFile {
                    path: file.path,
                    size: file.size,
                    outcome: Outcome::Copied,
                })
                .collect())
        }
    }
}

/// Mode and time that the layer gives its file.
fn attributes(layer: &Descriptor) -> FileAttributes {
    let mut attributes = FileAttributes::default();
    if let Some(metadata) = annotations::file_metadata(layer) {
        if metadata.mode & 0o777 != 0 {
            attributes.mode = metadata.mode & 0o777;
        }
        if let Ok(mtime) = metadata.mtime.parse::<jiff::Timestamp>() {
            attributes.mtime = u64::try_from(mtime.as_second()).unwrap_or(0);
        }
    }
    attributes
}
