//! One local file that becomes a layer, without a Modelfile.

use std::fs;
use std::path::{Component, Path};

use modelpack_modelfile::classify;
use modelpack_spec::{FilePath, FileRole, RuntimeConfig};

use crate::Error;
use crate::select::Selected;
use crate::walk::SourceFile;

/// The path that a file gets in an artifact: its name below `destination`, else its own path as seen
/// from the directory `base`.
///
/// # Errors
/// [`Error::InvalidInput`] when it lies outside of `base`, or `destination` is absolute or has `..`;
/// [`Error::Spec`] for a name that cannot exist everywhere.
pub fn path_in_artifact(
    file: &Path,
    destination: Option<&Path>,
    base: &Path,
) -> Result<FilePath, Error> {
    let outside = |path: &Path| Error::InvalidInput {
        what: format!(
            "{} would lie outside of the model: a path in it is relative and has no `..`",
            path.display()
        ),
        hint: Some("`--destination-dir DIR` says where in the model the file goes".to_owned()),
    };
    let mut names = Vec::new();
    let relative = file.strip_prefix(base).unwrap_or(file);
    let (first, rest) = match (destination, file.file_name()) {
        (Some(destination), Some(name)) => (destination, Some(Path::new(name))),
        _ => (relative, None),
    };
    for part in first
        .components()
        .chain(rest.into_iter().flat_map(Path::components))
    {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_str().ok_or_else(|| {
                Error::invalid(format!("the name of {} is not UTF-8", file.display()))
            })?),
            _ => return Err(outside(first)),
        }
    }
    Ok(FilePath::parse(&names.join("/"))?)
}

/// A regular file as a layer with a path; its kind comes from its name and size.
pub(crate) fn select(location: &Path, path: FilePath) -> Result<Selected, Error> {
    let metadata =
        fs::metadata(location).map_err(|error| Error::file("cannot read", location, error))?;
    if !metadata.is_file() {
        return Err(Error::InvalidInput {
            what: format!("{} is no file", location.display()),
            hint: Some("a layer is made of one file".to_owned()),
        });
    }
    Ok(Selected {
        kind: classify(path.as_str(), metadata.len()),
        role: (path.as_str() == RuntimeConfig::FILE_NAME).then_some(FileRole::Runtime),
        file: SourceFile::new(path.to_string(), location.to_owned(), &metadata),
        path,
    })
}

#[cfg(test)]
mod tests;
