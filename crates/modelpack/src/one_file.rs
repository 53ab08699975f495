//! One local file that becomes a layer, without a Modelfile.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use modelpack_modelfile::classify;
use modelpack_spec::{
    Algorithm, Descriptor, Encoding, FilePath, FileRole, Hasher, LayerType, RuntimeConfig,
};

use crate::build::{Layer, attributes, layer_annotations, state};
use crate::select::Selected;
use crate::walk::SourceFile;
use crate::{Control, Error, Event, Item, Outcome};

/// Bytes that are hashed at a time.
const BUFFER: usize = 1024 * 1024;

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
        file: SourceFile {
            path: path.to_string(),
            location: location.to_owned(),
            size: metadata.len(),
            mode: metadata.permissions().mode() & 0o777,
        },
        path,
    })
}

/// The raw layer that a file is, hashed where it lies.
pub(crate) fn hash(selected: &Selected, control: &Control) -> Result<Layer, Error> {
    let location = &selected.file.location;
    let fail = |error| Error::file("cannot read", location, error);
    let item = Item::new(selected.path.as_str(), selected.file.size, None);
    control.report(Event::Started(&item));
    let mut file = fs::File::open(location).map_err(fail)?;
    let before = state(&file, location)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER];
    let mut size = 0;
    loop {
        control.check()?;
        let read = file.read(&mut buffer).map_err(fail)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
        if size > item.size {
            break;
        }
        let bytes = read as u64;
        control.report(Event::Advanced { item: &item, bytes });
    }
    if state(&file, location)? != before || size != item.size {
        return Err(Error::FileChanged {
            path: location.clone(),
        });
    }
    control.report(Event::Finished {
        item: &item,
        outcome: Outcome::Hashed,
    });
    let digest = hasher.finish();
    let metadata = file.metadata().map_err(fail)?;
    let layer_type = LayerType::new(selected.kind, Encoding::Raw);
    let mut descriptor = Descriptor::new(layer_type.into(), digest, size);
    let written = attributes(&metadata, selected.file.mode, false);
    descriptor.annotations = layer_annotations(selected, &metadata, &written);
    Ok(Layer::new(descriptor, digest, Outcome::Hashed))
}

#[cfg(test)]
mod tests;
