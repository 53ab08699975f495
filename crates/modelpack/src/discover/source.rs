//! Where a model comes from, as the git repository that holds it says.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use config::Settings;
use origin::published;
pub use program::GitProgram;
use program::Tree;

mod config;
mod origin;
mod program;

/// Largest file of a repository that is read whole, in bytes; each of them is a few lines.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Largest list of packed references that is searched, in bytes: half a million of them.
const MAX_PACKED_BYTES: u64 = 64 * 1024 * 1024;
/// Most references that lead to one another; git itself follows five.
const MAX_LINKS: usize = 5;

/// Whether a build looks for the git repository of the model, and how.
///
/// Only a repository whose root is the directory itself counts, since one further up may be about something
/// else. Its files are read and never written. Origin (without credentials) and revision go into the config as
/// `sourceURL` and `revision`, unless a source is given.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum SourceReading {
    /// Reads the files of the repository. They do not say whether the work tree differs from the
    /// revision, so a warning says that this is unknown.
    #[default]
    Files,
    /// The same, and asks git whether a tracked file differs; then `-dirty` stands behind the revision.
    WithGit(GitProgram),
    /// Looks for nothing.
    Nothing,
}

/// What a repository says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) url: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the repository whose root is `directory`; says nothing where there is none. What cannot be read is not
/// said: a repository is no part of the model, so it never fails a build.
pub(crate) fn read(directory: &Path, reading: &SourceReading) -> Source {
    let mut source = Source::default();
    let program = match reading {
        SourceReading::Nothing => return source,
        SourceReading::Files => None,
        SourceReading::WithGit(program) => Some(program),
    };
    let Some(repository) = Repository::find(directory) else {
        return source;
    };
    let settings = repository.settings();
    source.url = settings.origin.as_deref().and_then(published);
    if settings.origin.is_some() && source.url.is_none() {
        source.warnings.push(
            "the origin of the git repository is no address that others can use, so it is not written"
                .to_owned(),
        );
    }
    let Some(revision) = repository.revision() else {
        return source;
    };
    let tree = match program {
        None => Tree::Unknown("git was not asked".to_owned()),
        Some(_) if settings.names_programs => {
            Tree::Unknown("its own configuration names programs, which git would run".to_owned())
        }
        Some(program) => program.ask(directory),
    };
    source.revision = Some(match tree {
        Tree::Differs => format!("{revision}-dirty"),
        Tree::Same => revision,
        Tree::Unknown(why) => {
            source.warnings.push(format!(
                "whether the files differ from revision {} of the git repository is unknown: {why}",
                &revision[..12]
            ));
            revision
        }
    });
    source
}

/// The directories of a repository.
struct Repository {
    /// What belongs to this work tree alone: `HEAD`.
    own: PathBuf,
    /// What all its work trees share: references and configuration.
    common: PathBuf,
}

impl Repository {
    fn find(directory: &Path) -> Option<Self> {
        let git = directory.join(".git");
        let own = if git.is_dir() {
            git
        } else {
            // A further work tree, or a submodule.
            let text = small(&git)?;
            directory.join(text.strip_prefix("gitdir:")?.trim())
        };
        let common = match small(&own.join("commondir")) {
            Some(text) => own.join(text.trim()),
            None => own.clone(),
        };
        Some(Self { own, common })
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for path in [self.common.join("config"), self.own.join("config.worktree")] {
            settings.read(&small(&path).unwrap_or_default());
        }
        settings
    }

    /// The commit of `HEAD`; nothing before the first one.
    fn revision(&self) -> Option<String> {
        let mut text = small(&self.own.join("HEAD"))?;
        for _ in 0..MAX_LINKS {
            let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
                return commit(&text);
            };
            let is_plain = name.starts_with("refs/")
                && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !is_plain {
                return None;
            }
            let loose = small(&self.own.join(name)).or_else(|| small(&self.common.join(name)));
            text = match loose {
                Some(text) => text,
                None => return self.packed(name),
            };
        }
        None
    }

    fn packed(&self, name: &str) -> Option<String> {
        let file = regular(&self.common.join("packed-refs")).ok()?;
        let lines = BufReader::new(file.take(MAX_PACKED_BYTES)).lines();
        lines.map_while(Result::ok).find_map(|line| {
            let (id, known) = line.split_once(' ')?;
            (known == name).then(|| commit(id)).flatten()
        })
    }
}

/// A commit in full, by SHA-1 or SHA-256.
fn commit(text: &str) -> Option<String> {
    let id = text.trim();
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_ascii_lowercase())
}

/// The text of a file, unless it is large.
fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    let mut limited = regular(path).ok()?.take(MAX_FILE_BYTES + 1);
    limited.read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MAX_FILE_BYTES).then_some(text)
}

/// Opens a file. Opening a pipe would wait for somebody to write.
fn regular(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(test)]
mod tests;
