//! From a registry straight into a directory, without the local store.

use std::collections::HashMap;
use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use modelpack_layer::{Destination, Expected, Placement};
use modelpack_spec::{Descriptor, Encoding, Reference};
use modelpack_store::Store;

use crate::artifact::File;
use crate::extract::{plan, write_all};
use crate::pull::check_shape;
use crate::{
    Control, Error, Event, ExtractReport, ExtractedFile, Outcome, PullOptions, Toolkit, blocking,
};

/// Where the blobs lie in the directory until they are complete. An artifact cannot have a file of this
/// name.
const UNFINISHED: &str = ".modelpack-unfinished";
/// How often it is looked whether another process has finished.
const POLL: Duration = Duration::from_millis(200);

impl Toolkit {
    /// Pulls the files of an artifact into a directory and leaves the local store alone: on disk there is
    /// one copy of each byte at any time. Files that are there and right are kept; others of these names
    /// are replaced, atomically and only by verified bytes.
    ///
    /// An interrupted pull leaves what it has in a hidden directory inside; the same call continues it.
    ///
    /// # Errors
    /// Those of [`Toolkit::pull`] and [`Toolkit::extract`].
    pub async fn pull_into(
        &self,
        reference: &Reference,
        directory: &Path,
        options: &PullOptions,
        control: &Control,
    ) -> Result<ExtractReport, Error> {
        let operation = self.pull_files(reference, directory, control);
        control.within(options.deadline, operation).await
    }

    async fn pull_files(
        &self,
        reference: &Reference,
        directory: &Path,
        control: &Control,
    ) -> Result<ExtractReport, Error> {
        let artifact = control.stop_early(self.fetch_artifact(reference)).await?;
        check_shape(&artifact)?;
        let files = artifact.files()?;
        self.place_files(reference, files, directory, control).await
    }

    /// Pulls these files into a directory, one operation at a time: what one has unfinished, another
    /// would take away.
    pub(crate) async fn place_files(
        &self,
        reference: &Reference,
        all: Vec<File>,
        directory: &Path,
        control: &Control,
    ) -> Result<ExtractReport, Error> {
        let directory = std::path::absolute(directory)
            .map_err(|error| Error::file("cannot use the directory", directory, error))?;
        let _turn = control.stop_early(turn(&directory, control)).await?;
        let place = directory.clone();
        let (store, missing, mut files) = blocking::run(move || {
            let (missing, files) = look(&all, &place)?;
            Ok((Store::create(place.join(UNFINISHED))?, missing, files))
        })
        .await?;
        let toolkit = Self::new(store, self.client().clone()).with_concurrency(self.limit());
        let layers: Vec<Descriptor> = missing.iter().map(|file| file.layer.clone()).collect();
        let (lease, _) = toolkit.pull_layers(reference, &layers, control).await?;
        let steps = blocking::run(move || {
            let mut uses: HashMap<_, u32> = HashMap::new();
            for file in &missing {
                *uses.entry(file.layer.digest).or_default() += 1;
            }
            // The bytes of two files cannot be moved twice.
            let (own, shared): (Vec<_>, Vec<_>) = missing
                .into_iter()
                .partition(|file| uses.get(&file.layer.digest) == Some(&1));
            let mut steps = plan(&lease, &shared, Placement::Own)?;
            steps.extend(plan(&lease, &own, Placement::Move)?);
            Ok((lease, steps))
        })
        .await?;
        let (lease, steps) = steps;
        let (store, limit) = (toolkit.store(), self.concurrency());
        files.extend(write_all(steps, store, &directory, limit, control).await?);
        drop(lease);
        let unfinished = directory.join(UNFINISHED);
        blocking::run(move || {
            fs::remove_dir_all(&unfinished)
                .map_err(|error| Error::file("cannot remove", unfinished, error))
        })
        .await?;
        Ok(ExtractReport {
            reference: reference.clone(),
            directory,
            files,
        })
    }
}

/// Waits until no other process writes into the directory this way. The lock is on the directory itself
/// and goes with the handle.
async fn turn(directory: &Path, control: &Control) -> Result<Option<fs::File>, Error> {
    let mut has_told = false;
    loop {
        let path = directory.to_owned();
        let taken = blocking::run(move || {
            fs::create_dir_all(&path).map_err(|error| Error::Output {
                path: path.clone(),
                source: Box::new(error),
            })?;
            let handle = fs::File::open(&path);
            let handle = handle.map_err(|error| Error::file("cannot open", path, error))?;
            Ok(match handle.try_lock() {
                Ok(()) => Some(Some(handle)),
                Err(TryLockError::WouldBlock) => None,
                // A file system without locks.
                Err(TryLockError::Error(_)) => Some(None),
            })
        });
        if let Some(handle) = taken.await? {
            return Ok(handle);
        }
        if !has_told {
            let directory = directory.display();
            let text = format!("another process writes into {directory}; waiting for it");
            control.report(Event::Warning(&text));
            has_told = true;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Which layers are missing in the directory, and the files of the others. Everything that would stand in
/// the way is found here, before anything is fetched.
fn look(all: &[File], directory: &PathBuf) -> Result<(Vec<File>, Vec<ExtractedFile>), Error> {
    let destination = directory
        .is_dir()
        .then(|| Destination::open(directory))
        .transpose()
        .map_err(|error| Error::Output {
            path: directory.clone(),
            source: Box::new(error),
        })?;
    let (mut missing, mut files) = (Vec::new(), Vec::new());
    for file in all {
        let layer = &file.layer;
        let is_raw = file.encoding == Encoding::Raw;
        let path = file.path.clone();
        let expected = Expected {
            digest: layer.digest,
            size: layer.size,
        };
        let found = match (&destination, path) {
            (Some(destination), Some(path)) if is_raw => {
                let holds = destination.holds(&path, &expected);
                let holds = holds.map_err(|error| Error::Extract {
                    path: Some(path.clone()),
                    source: Box::new(error),
                })?;
                holds.then_some(path)
            }
            _ => None,
        };
        match found {
            Some(path) => files.push(ExtractedFile {
                path,
                size: layer.size,
                outcome: Outcome::Exists,
            }),
            None => missing.push(file.clone()),
        }
    }
    Ok((missing, files))
}
