//! Single files of an artifact, from a registry straight into a directory.

use std::path::Path;
use std::time::Duration;

use modelpack_modelfile::Glob;
use modelpack_spec::{FilePath, Reference};

use crate::artifact::File;
use crate::nearest::nearest;
use crate::pull::check_shape;
use crate::{Control, Error, ExtractReport, Toolkit};

/// How [`Toolkit::fetch`] works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Which files are wanted; each has to match one at least.
    pub patterns: Vec<Glob>,
    /// Longest time that all of it may take; none by default. What is there then is kept.
    pub deadline: Option<Duration>,
}

impl FetchOptions {
    /// The files that match one of these patterns.
    #[must_use]
    pub fn new(patterns: Vec<Glob>) -> Self {
        Self {
            patterns,
            deadline: None,
        }
    }
}

impl Toolkit {
    /// Fetches the files of an artifact that match a pattern into a directory, and leaves the local store
    /// alone. It works as [`Self::pull_into`] does: files that are right are kept, wrong ones are
    /// replaced, and none has its name before it is verified. Several patterns for one file fetch it
    /// once. A layer that is an archive is taken or left as a whole, by the path that it states.
    ///
    /// # Errors
    /// [`Error::NoFileMatches`] for a pattern without a file, before anything is fetched; and those of
    /// [`Self::pull_into`].
    pub async fn fetch(
        &self,
        reference: &Reference,
        directory: &Path,
        options: &FetchOptions,
        control: &Control,
    ) -> Result<ExtractReport, Error> {
        let operation = async {
            let artifact = control.stop_early(self.fetch_artifact(reference)).await?;
            check_shape(&artifact)?;
            let files = choose(reference, artifact.files()?, &options.patterns)?;
            self.place_files(reference, files, directory, control).await
        };
        control.within(options.deadline, operation).await
    }
}

/// The files that match, in the order of the layers.
fn choose(
    reference: &Reference,
    mut files: Vec<File>,
    patterns: &[Glob],
) -> Result<Vec<File>, Error> {
    let path = |file: &File| file.path.as_ref().map(FilePath::to_string);
    let paths: Vec<String> = files.iter().filter_map(path).collect();
    for pattern in patterns {
        if !paths.iter().any(|path| pattern.matches(path)) {
            return Err(Error::NoFileMatches {
                reference: reference.clone(),
                pattern: pattern.to_string(),
                near: nearest(pattern.as_str(), paths.iter().map(String::as_str)),
            });
        }
    }
    files.retain(|file| {
        let path = path(file);
        path.is_some_and(|path| patterns.iter().any(|pattern| pattern.matches(&path)))
    });
    Ok(files)
}
