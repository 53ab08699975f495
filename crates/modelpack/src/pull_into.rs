//! From a registry straight into a directory, without the local store.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use modelpack_layer::{Destination, Expected, Placement};
use modelpack_spec::{Descriptor, Encoding, Reference};
use modelpack_store::Store;

use crate::artifact::File;
use crate::extract::{plan, write_all};
use crate::pull::check_shape;
use crate::{
    Control, Error, ExtractReport, ExtractedFile, Outcome, PullOptions, Toolkit, blocking,
};

/// Where the blobs lie in the directory until they are complete. An artifact cannot have a file of this
/// name.
const UNFINISHED: &str = ".modelpack-unfinished";

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
        let directory = std::path::absolute(directory)
            .map_err(|error| Error::file("cannot use the directory", directory, error))?;
        let artifact = control.stop_early(self.fetch_artifact(reference)).await?;
        check_shape(&artifact)?;
        let (all, place) = (artifact.files()?, directory.clone());
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
            std::fs::remove_dir_all(&unfinished)
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
