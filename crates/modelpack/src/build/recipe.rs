//! Reading the recipe of a build, and finding its files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use modelpack_modelfile::{Modelfile, Recipe};

use super::BuildOptions;
use crate::Error;
use crate::select::{Selected, select};
use crate::walk::{require_directory, walk};

/// Largest Modelfile that is read: far more than 100 000 lines.
const MAX_MODELFILE_BYTES: u64 = 16 * 1024 * 1024;

/// Reads the Modelfile and finds its files.
pub(super) fn read_recipe(
    directory: &Path,
    options: &BuildOptions,
) -> Result<(Recipe, Vec<Selected>), Error> {
    require_directory(directory)?;
    let path = options
        .modelfile
        .clone()
        .unwrap_or_else(|| directory.join("Modelfile"));
    let text = read_text(&path)?;
    let modelfile = Modelfile::parse(&text);
    let recipe = modelfile.lower().map_err(|diagnostics| Error::Modelfile {
        rendered: diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(&text))
            .collect::<Vec<_>>()
            .join("\n"),
        file: path,
    })?;
    let tree = walk(directory, &mut |_| true, &mut |_| true)?;
    let selected = select(&recipe, &tree, directory)?;
    Ok((recipe, selected))
}

fn read_text(path: &Path) -> Result<String, Error> {
    let unreadable = |error| Error::file("cannot read", path, error);
    let file = fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NoModelfile {
            path: path.to_owned(),
        },
        _ => unreadable(error),
    })?;
    let mut text = Vec::new();
    file.take(MAX_MODELFILE_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_MODELFILE_BYTES {
        return Err(Error::invalid(format!(
            "{} is over the limit of {MAX_MODELFILE_BYTES} bytes",
            path.display()
        )));
    }
    String::from_utf8(text).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        Error::invalid(format!(
            "{} is not UTF-8 (line {})",
            path.display(),
            line + 1
        ))
    })
}
