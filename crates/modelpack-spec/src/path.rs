//! File names of an artifact that cannot leave the directory they are put into.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// Longest path in bytes: `PATH_MAX` of Linux, less the terminating zero.
const MAX_PATH_BYTES: usize = 4095;
/// Longest component in bytes: `NAME_MAX` of every common file system.
const MAX_NAME_BYTES: usize = 255;
/// Most components: what would need more is a denial of service, not a model.
const MAX_DEPTH: usize = 64;

/// A relative path of a file in an artifact, with `/` between components.
///
/// It is never empty or absolute, has no `.`, `..` or empty component, no NUL or other control
/// character, no drive letter, no backslash that another system would read as a way out, no name
/// that Windows reserves. Joining one to a directory stays below that directory as long as no
/// component is a symbolic link, which the writer of files has to see to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Box<str>);

impl FilePath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`Error::InvalidPath`] with the reason.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match check(text) {
            Ok(()) => Ok(Self(text.into())),
            Err(reason) => Err(Error::InvalidPath {
                path: text.to_owned(),
                reason,
            }),
        }
    }

    /// The path with `/` between components.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path of the directory that holds it, when it is not at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0
            .rsplit_once('/')
            .map(|(parent, _)| Self(parent.into()))
    }

    /// The components from the top.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_PATH_BYTES {
        return Err("it is longer than 4095 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    if text.starts_with(['/', '\\']) {
        return Err("it is absolute");
    }
    let bytes = text.as_bytes();
    if bytes[0].is_ascii_alphabetic() && bytes.get(1) == Some(&b':') {
        return Err("it begins with a drive letter");
    }
    if text.split('/').count() > MAX_DEPTH {
        return Err("it has more than 64 components");
    }
    for name in text.split('/') {
        check_name(name)?;
    }
    // A backslash is an ordinary character here and a separator on Windows: it may be part of a
    // name, but must not lead out of the directory when it is read the other way.
    if text.split(['/', '\\']).any(|name| name == "..") {
        return Err("a component between backslashes is `..`");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a component is empty");
    }
    if name == ".." {
        return Err("a component is `..`");
    }
    if name == "." {
        return Err("a component is `.`");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("a component is longer than 255 bytes");
    }
    if name.ends_with(['.', ' ']) {
        return Err("a component ends in a dot or a space, which Windows removes");
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let reserved = ["con", "prn", "aux", "nul", "conin$", "conout$"]
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device))
        || (stem.len() == 4
            && stem.is_char_boundary(3)
            && ["com", "lpt"]
                .iter()
                .any(|port| stem[..3].eq_ignore_ascii_case(port))
            && stem.as_bytes()[3].is_ascii_digit());
    if reserved {
        return Err("a component is a device name on Windows");
    }
    Ok(())
}

impl FromStr for FilePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl AsRef<str> for FilePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        Path::new(self.as_str())
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilePath({:?})", self.0)
    }
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The paths of one artifact, which must all be able to exist in one directory of any system.
#[derive(Debug, Clone, Default)]
pub struct PathSet {
    /// Case-folded path → the path as first written, and whether it is a file or the directory of one.
    seen: BTreeMap<String, (Box<str>, Node)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File,
    Directory,
}

impl PathSet {
    /// A set without paths.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the path of a file.
    ///
    /// # Errors
    /// [`Error::PathCollision`] when it is there already, differs from another one only in case, or
    /// one of the two would have to be both a file and a directory.
    pub fn insert(&mut self, path: &FilePath) -> Result<(), Error> {
        let collision = |other: &str, reason| {
            Err(Error::PathCollision {
                path: path.to_string(),
                other: other.to_owned(),
                reason,
            })
        };
        let folded = path.as_str().to_lowercase();
        match self.seen.get(&folded) {
            Some((other, Node::File)) if **other == *path.as_str() => {
                return collision(other, "the same path twice");
            }
            Some((other, Node::File)) => {
                return collision(other, "they differ only in upper and lower case");
            }
            Some((other, Node::Directory)) => {
                return collision(other, "one is a file, the other a directory");
            }
            None => {}
        }
        let mut parent = path.parent();
        while let Some(directory) = parent {
            let folded = directory.as_str().to_lowercase();
            if let Some((other, Node::File)) = self.seen.get(&folded) {
                return collision(other, "one is a file, the other a directory");
            }
            self.seen
                .entry(folded)
                .or_insert_with(|| (directory.0.clone(), Node::Directory));
            parent = directory.parent();
        }
        self.seen.insert(folded, (path.0.clone(), Node::File));
        Ok(())
    }
}
