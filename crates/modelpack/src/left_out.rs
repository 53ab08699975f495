//! Which files of a directory are left out: `.modelignore`, and what the caller excludes.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use modelpack_modelfile::Filter;

use crate::{Error, bounded};

/// The file that lists what is left out, in the syntax of `.gitignore`.
pub(crate) const IGNORE_FILE: &str = ".modelignore";
/// Largest of them that is read, in bytes: ten thousand lines.
const MAX_IGNORE_BYTES: u64 = 1024 * 1024;

/// Decides which files are left out. An exclude goes before an include, an include before `.modelignore`.
#[derive(Debug)]
pub(crate) struct LeftOut {
    ignored: Gitignore,
    filter: Filter,
}

impl LeftOut {
    /// Reads the first `.modelignore` that one of the directories holds. Its lines, as well as the
    /// patterns, are relative to the directory that is built.
    pub(crate) fn read(
        directories: &[&Path],
        include: &[String],
        exclude: &[String],
    ) -> Result<Self, Error> {
        let filter =
            Filter::new(include, exclude).map_err(|error| Error::invalid(error.to_string()))?;
        let mut ignored = Gitignore::empty();
        for directory in directories {
            if let Some(found) = read_ignore_file(&directory.join(IGNORE_FILE))? {
                ignored = found;
                break;
            }
        }
        Ok(Self { ignored, filter })
    }

    /// Whether a generated recipe looks into a directory.
    pub(crate) fn enters(&self, path: &str) -> bool {
        self.filter.enter(path) && (!self.ignores(path, true) || self.filter.leads_into(path))
    }

    /// Whether a generated recipe names a file of a directory that was entered.
    pub(crate) fn keeps(&self, path: &str) -> bool {
        self.filter.keep(path) && (!self.ignores(path, false) || self.filter.includes(path))
    }

    /// Whether a file is left out that a recipe names.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.filter.excludes(path) || (self.ignores(path, false) && !self.filter.includes(path))
    }

    fn ignores(&self, path: &str, is_directory: bool) -> bool {
        self.ignored
            .matched_path_or_any_parents(path, is_directory)
            .is_ignore()
    }
}

fn read_ignore_file(path: &Path) -> Result<Option<Gitignore>, Error> {
    let Some(text) = bounded::read(path, MAX_IGNORE_BYTES)? else {
        return Ok(None);
    };
    let text = String::from_utf8(text)
        .map_err(|_| Error::invalid(format!("{} is not UTF-8", path.display())))?;
    let mut builder = GitignoreBuilder::new("");
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        builder
            .add_line(None, line)
            .map_err(|error| Error::InvalidInput {
                what: format!("line {} of {}: {error}", index + 1, path.display()),
                hint: Some("the lines are patterns as in `.gitignore`".to_owned()),
            })?;
    }
    let ignored = builder
        .build()
        .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))?;
    Ok(Some(ignored))
}

#[cfg(test)]
mod tests;
