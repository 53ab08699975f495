//! The directory in which a tool is tried, watched from around it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use modelpack_spec::{Algorithm, Digest, Hasher};
use tempfile::TempDir;

/// What stands in every sentinel file.
const SENTINEL: &[u8] = b"Nobody but the suite writes here.\n";
/// Most bytes of one file that are hashed; no file of the suite is larger.
const MAX_HASHED_BYTES: u64 = 256 * 1024 * 1024;
/// Most things in a tree that are looked at; a tool that made more did something else than it was told.
const MAX_FOUND: usize = 100_000;

/// A directory with a place to write to, and sentinels where nobody may write.
///
/// ```text
/// logs/           the output of the tool, out of its sight
/// world/
///   sentinel
///   home/, tmp/   the tool's own
///   in/           what it is given
///   run/          its working directory, with a sentinel
///   place/        a sentinel beside
///     out/        where it may write
/// ```
///
/// What is expected never lies here: it stays in memory.
pub(crate) struct Scratch {
    root: TempDir,
    before: Tree,
}

/// Things by path, relative to where the tree begins.
pub(crate) type Tree = BTreeMap<String, Found>;

/// One thing in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub(crate) mode: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File {
        size: u64,
        /// Bytes that the file takes on the disk.
        allocated: u64,
        digest: Digest,
    },
    Link(String),
    /// A device, a pipe, a socket.
    Other,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        let root = tempfile::Builder::new().prefix("conformance-").tempdir()?;
        for directory in [
            "logs",
            "world/home",
            "world/tmp",
            "world/in",
            "world/run",
            "world/place/out",
            "world/home/runtime",
        ] {
            fs::create_dir_all(root.path().join(directory))?;
        }
        fs::set_permissions(
            root.path().join("world/home/runtime"),
            fs::Permissions::from_mode(0o700),
        )?;
        let scratch = Self {
            root,
            before: Tree::new(),
        };
        for sentinel in scratch.sentinels() {
            fs::write(sentinel, SENTINEL)?;
        }
        scratch.watched()
    }

    /// Looks at the world now; what differs later was changed by the tool.
    pub(crate) fn watched(mut self) -> io::Result<Self> {
        self.before = self.around()?;
        Ok(self)
    }

    fn world(&self, name: &str) -> PathBuf {
        self.root.path().join("world").join(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.path().join("logs")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.world("place/out")
    }

    pub(crate) fn given(&self) -> PathBuf {
        self.world("in")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.world("home")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.world("run")
    }

    /// A file beside `out` that a hostile artifact aims at.
    pub(crate) fn sentinel(&self) -> PathBuf {
        self.world("place/sentinel")
    }

    fn sentinels(&self) -> [PathBuf; 3] {
        [
            self.world("sentinel"),
            self.world("run/sentinel"),
            self.sentinel(),
        ]
    }

    /// What a tool sees of the machine besides what it is given: directories of its own.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let home = self.home();
        let below = |name: &str| home.join(name).into_os_string();
        [
            ("HOME", home.clone().into_os_string()),
            ("XDG_CONFIG_HOME", below(".config")),
            ("XDG_CACHE_HOME", below(".cache")),
            ("XDG_DATA_HOME", below(".local/share")),
            ("XDG_STATE_HOME", below(".local/state")),
            ("XDG_RUNTIME_DIR", below("runtime")),
            ("TMPDIR", self.world("tmp").into_os_string()),
            // A zone with an offset: some mistakes with times do not show where that is zero.
            ("TZ", OsString::from("Asia/Shanghai")),
        ]
        .map(|(name, value)| (OsString::from(name), value))
        .into()
    }

    /// Every change outside of the places where the tool may write.
    pub(crate) fn escapes(&self) -> io::Result<Vec<String>> {
        let after = self.around()?;
        let appeared = after
            .iter()
            .filter(|(path, _)| !self.before.contains_key(*path));
        let appeared =
            appeared.map(|(path, _)| format!("`{path}` was written, outside of `place/out`"));
        let changed = self
            .before
            .iter()
            .filter_map(|(path, before)| match after.get(path) {
                Some(now) if now == before => None,
                Some(_) => Some(format!("`{path}` was changed, outside of `place/out`")),
                None => Some(format!("`{path}` was removed, outside of `place/out`")),
            });
        Ok(appeared.chain(changed).collect())
    }

    /// The world without what belongs to the tool.
    fn around(&self) -> io::Result<Tree> {
        let own = ["home", "tmp", "place/out"];
        let is_below = |path: &str, own: &str| {
            path.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_own = |path: &str| own.iter().any(|own| is_below(path, own));
        tree(&self.root.path().join("world"), &is_own)
    }
}

impl Drop for Scratch {
    /// What a tool made unreadable would stay behind otherwise.
    fn drop(&mut self) {
        let mut open = vec![self.root.path().to_owned()];
        while let Some(directory) = open.pop() {
            // Whatever cannot be opened up is left to the removal, which says nothing either.
            let _ = fs::set_permissions(&directory, fs::Permissions::from_mode(0o700));
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            open.extend(
                entries
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path()),
            );
        }
    }
}

/// Everything below a directory, links not followed, but for what is left out.
pub(crate) fn tree(root: &Path, leave_out: &dyn Fn(&str) -> bool) -> io::Result<Tree> {
    let mut found = Tree::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            // A directory that the tool made unreadable is one thing, whatever is in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let below = path.strip_prefix(root).unwrap_or(&path);
            let name = String::from_utf8_lossy(below.as_os_str().as_bytes()).into_owned();
            if leave_out(&name) {
                continue;
            }
            if found.len() == MAX_FOUND {
                return Err(io::Error::other(format!(
                    "there are more than {MAX_FOUND} files"
                )));
            }
            let metadata = fs::symlink_metadata(&path)?;
            let kind = if metadata.is_dir() {
                open.push(path);
                Kind::Directory
            } else if metadata.is_symlink() {
                Kind::Link(fs::read_link(&path)?.to_string_lossy().into_owned())
            } else if metadata.is_file() {
                Kind::File {
                    size: metadata.len(),
                    allocated: metadata.blocks().saturating_mul(512),
                    digest: digest_of(&path)?,
                }
            } else {
                Kind::Other
            };
            let mode = metadata.mode() & 0o7777;
            found.insert(name, Found { kind, mode });
        }
    }
    Ok(found)
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let file = match fs::File::open(path) {
        Ok(file) => file,
        // The digest of nothing: no file that is expected has that and a size.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(hasher.finish()),
        Err(error) => return Err(error),
    };
    let mut file = file.take(MAX_HASHED_BYTES);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests;
