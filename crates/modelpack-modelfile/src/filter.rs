//! Which files of a directory a generated Modelfile names.

use crate::classify::is_skipped;
use crate::{Error, Glob, Pattern};

/// Decides while a directory is walked. Exclude goes before include, include before the names that
/// are left out by default: hidden files, Modelfiles and what Python leaves behind.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Filter {
    /// A filter of patterns relative to the directory, with `{a,b}` for alternatives. A `/` at the end
    /// means nothing.
    ///
    /// # Errors
    /// [`Error::InvalidPattern`], [`Error::Outside`].
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, Error> {
        Ok(Self {
            include: parse(include)?,
            exclude: parse(exclude)?,
        })
    }

    /// Whether to look into a directory. Never ask for the root, whose own name does not matter. A
    /// hidden directory is entered when an include matches it or leads through it.
    #[must_use]
    pub fn enter(&self, path: &str) -> bool {
        let is_wanted = || {
            matches_any(&self.include, path)
                || self
                    .include
                    .iter()
                    .any(|pattern| pattern.leads_through(path))
        };
        !matches_any(&self.exclude, path) && (!is_skipped(path) || is_wanted())
    }

    /// Whether to name a file of a directory that was entered. In a hidden directory that an include
    /// opened, ordinary files need no include of their own.
    #[must_use]
    pub fn keep(&self, path: &str) -> bool {
        !matches_any(&self.exclude, path) && (!is_skipped(path) || matches_any(&self.include, path))
    }

    /// Whether an exclude matches a path, or a directory on the way to it.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        with_directories(path).any(|path| matches_any(&self.exclude, path))
    }

    /// Whether an include matches a path, or a directory on the way to it.
    #[must_use]
    pub fn includes(&self, path: &str) -> bool {
        with_directories(path).any(|path| matches_any(&self.include, path))
    }

    /// Whether an include matches a directory or leads through it, so that something below it is wanted.
    #[must_use]
    pub fn leads_into(&self, directory: &str) -> bool {
        let leads = |pattern: &Pattern| pattern.leads_through(directory);
        self.includes(directory) || self.include.iter().any(leads)
    }
}

/// The path, and each directory on the way to it.
fn with_directories(path: &str) -> impl Iterator<Item = &str> {
    let directories = path.match_indices('/').map(|(at, _)| &path[..at]);
    directories.chain(std::iter::once(path))
}

fn matches_any(patterns: &[Pattern], path: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
}

fn parse(texts: &[String]) -> Result<Vec<Pattern>, Error> {
    let globs = texts.iter().map(|text| Glob::parse(text));
    let globs = globs.collect::<Result<Vec<_>, _>>()?;
    Ok(globs.into_iter().flat_map(Glob::into_patterns).collect())
}
