//! The files below a work directory.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// A regular file below the work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Path from the work directory, with `/`.
    pub(crate) path: String,
    /// Where it is.
    pub(crate) location: PathBuf,
    /// Size in bytes when it was found.
    pub(crate) size: u64,
    /// Permission bits.
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Seconds since 1970 of the last write.
    pub(crate) mtime: i64,
}

impl SourceFile {
    pub(crate) fn new(path: String, location: PathBuf, metadata: &fs::Metadata) -> Self {
        Self {
            path,
            location,
            size: metadata.len(),
            mode: metadata.mode() & 0o777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime: metadata.mtime(),
        }
    }
}

/// Regular files and directories below a directory.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Files, sorted by path. Links to files count as files.
    pub(crate) files: Vec<SourceFile>,
    /// Directories, sorted by path.
    pub(crate) directories: Vec<String>,
}

impl Tree {
    /// The file with this path.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        let found = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path));
        found.ok().map(|index| &self.files[index])
    }
}

/// Refuses what is no directory.
pub(crate) fn require_directory(root: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(root).map_err(|error| Error::file("cannot read", root, error))?;
    if metadata.is_dir() {
        return Ok(());
    }
    Err(Error::InvalidInput {
        what: format!("{} is no directory", root.display()),
        hint: Some("give the directory that holds the model".to_owned()),
    })
}

/// Lists everything below `root`. `enter` and `keep` may leave out directories and files. Links to
/// directories are not followed: they can lead in a circle or out of the model.
pub(crate) fn walk(
    root: &Path,
    enter: &mut dyn FnMut(&str) -> bool,
    keep: &mut dyn FnMut(&str) -> bool,
) -> Result<Tree, Error> {
    require_directory(root)?;
    let mut tree = Tree::default();
    let mut pending = vec![(root.to_owned(), String::new())];
    while let Some((directory, prefix)) = pending.pop() {
        let unreadable = |error| Error::file("cannot read", &directory, error);
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let location = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(Error::InvalidInput {
                    what: format!("the name of {} is not UTF-8", location.display()),
                    hint: Some("rename the file; names in an artifact are UTF-8".to_owned()),
                });
            };
            let path = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            let kind = entry
                .file_type()
                .map_err(|error| Error::file("cannot read", &location, error))?;
            if kind.is_dir() {
                if enter(&path) {
                    pending.push((location, path.clone()));
                    tree.directories.push(path);
                }
                continue;
            }
            if !keep(&path) {
                continue;
            }
            match fs::metadata(&location) {
                Ok(metadata) if metadata.is_file() => {
                    tree.files.push(SourceFile::new(path, location, &metadata));
                }
                // A link to a directory, a link to nothing, a pipe: no file of the model.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file("cannot read", location, error)),
            }
        }
    }
    tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    tree.directories.sort();
    Ok(tree)
}
