//! Reading the recipe of a build, and finding its files.

use std::path::Path;

use modelpack_modelfile::{Modelfile, Recipe};

use super::BuildOptions;
use crate::generate::compose;
use crate::left_out::{IGNORE_FILE, LeftOut};
use crate::select::{Selected, select};
use crate::walk::{require_directory, walk};
use crate::{Error, GenerateOptions, bounded};

/// Largest Modelfile that is read: far more than 100 000 lines.
const MAX_MODELFILE_BYTES: u64 = 16 * 1024 * 1024;

/// What is built.
pub(super) struct Read {
    pub(super) recipe: Recipe,
    pub(super) selected: Vec<Selected>,
    /// The text of the Modelfile that was made up, because there is none.
    pub(super) generated: Option<String>,
}

/// Reads the Modelfile, or makes one up when none is asked for and none is there, and finds its files.
pub(super) fn read_recipe(directory: &Path, options: &BuildOptions) -> Result<Read, Error> {
    require_directory(directory)?;
    let own = directory.join("Modelfile");
    let path = options.modelfile.clone().unwrap_or_else(|| own.clone());
    let beside = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let left_out = LeftOut::read(&[beside, directory], &options.include, &options.exclude)?;
    if options.modelfile.is_none() && !own.exists() {
        let composed = compose(directory, &left_out, GenerateOptions::default())?;
        let recipe = parse(&composed.text, &own)?;
        let selected = select(&recipe, &composed.tree, directory)?;
        return Ok(Read {
            recipe,
            selected,
            generated: Some(composed.text),
        });
    }
    let recipe = parse(&read_text(&path)?, &path)?;
    let tree = walk(directory, &mut |_| true, &mut |_| true)?;
    let mut selected = select(&recipe, &tree, directory)?;
    // A line that names only what is left out is no mistake: the Modelfile may be a generated one.
    selected.retain(|file| !left_out.covers(file.path.as_str()));
    if selected.is_empty() {
        return Err(Error::InvalidInput {
            what: format!(
                "every file that {} names is left out by {IGNORE_FILE} or an exclude",
                path.display()
            ),
            hint: Some("`--include PATTERN` takes files that .modelignore leaves out".to_owned()),
        });
    }
    Ok(Read {
        recipe,
        selected,
        generated: None,
    })
}

fn parse(text: &str, path: &Path) -> Result<Recipe, Error> {
    Modelfile::parse(text)
        .lower()
        .map_err(|diagnostics| Error::Modelfile {
            rendered: diagnostics
                .iter()
                .map(|diagnostic| diagnostic.render(text))
                .collect::<Vec<_>>()
                .join("\n"),
            file: path.to_owned(),
        })
}

fn read_text(path: &Path) -> Result<String, Error> {
    let text = bounded::read(path, MAX_MODELFILE_BYTES)?.ok_or_else(|| Error::NoModelfile {
        path: path.to_owned(),
    })?;
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
