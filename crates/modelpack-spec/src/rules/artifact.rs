//! What rules look at: an artifact as raw JSON, however broken it is.

use serde_json::Value;

use super::Finding;
use crate::json;

/// An artifact under judgement.
#[derive(Debug)]
pub struct Artifact<'a> {
    manifest: Option<Part<'a>>,
    config: Option<Part<'a>>,
    contents: Vec<Option<Contents>>,
}

impl<'a> Artifact<'a> {
    /// An artifact made of these bytes, which may be anything.
    #[must_use]
    pub fn new(manifest: &'a [u8], config: &'a [u8]) -> Self {
        Self {
            manifest: Some(Part::new(manifest)),
            config: Some(Part::new(config)),
            contents: Vec::new(),
        }
    }

    /// A config without its manifest.
    #[must_use]
    pub fn from_config(config: &'a [u8]) -> Self {
        Self {
            manifest: None,
            config: Some(Part::new(config)),
            contents: Vec::new(),
        }
    }

    /// Adds what was found inside the layers, in the order of the manifest; `None` for a layer
    /// that is no archive or was not read.
    #[must_use]
    pub fn with_contents(mut self, contents: Vec<Option<Contents>>) -> Self {
        self.contents = contents;
        self
    }

    /// The manifest, when there is one to judge.
    pub(super) fn manifest(&self) -> Option<&Part<'a>> {
        self.manifest.as_ref()
    }

    /// The config, when there is one to judge.
    pub(super) fn config(&self) -> Option<&Part<'a>> {
        self.config.as_ref()
    }

    /// A field of the manifest, absent when it is `null` or not there at all.
    pub(super) fn in_manifest(&self, pointer: &str) -> Option<&Value> {
        self.manifest.as_ref()?.at(pointer)
    }

    /// A field of the config, absent when it is `null` or not there at all.
    pub(super) fn in_config(&self, pointer: &str) -> Option<&Value> {
        self.config.as_ref()?.at(pointer)
    }

    /// Layers with their index, as far as the manifest has a list of them.
    pub(super) fn layers(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.in_manifest("/layers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
    }

    /// Archives with the index of their layer.
    pub(super) fn archives(&self) -> impl Iterator<Item = (usize, &Contents)> {
        self.contents
            .iter()
            .enumerate()
            .filter_map(|(index, contents)| Some((index, contents.as_ref()?)))
    }
}

/// One document of an artifact.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    value: Option<Value>,
    /// Why the strict reader refuses the JSON, which the value alone no longer shows.
    defect: Option<String>,
}

impl<'a> Part<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let strict: Result<Value, _> = json::parse("document", bytes);
        match strict {
            Ok(value) => Self {
                bytes,
                value: Some(value),
                defect: None,
            },
            Err(crate::Error::InvalidDocument { reason, .. }) => Self {
                bytes,
                value: serde_json::from_slice(bytes).ok(),
                defect: Some(reason),
            },
            Err(other) => Self {
                bytes,
                value: None,
                defect: Some(other.to_string()),
            },
        }
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.value
            .as_ref()?
            .pointer(pointer)
            .filter(|value| !value.is_null())
    }

    /// The findings of the rule that a document is one JSON object with every key once.
    pub(super) fn is_one_object(&self) -> Vec<Finding> {
        match (&self.defect, &self.value) {
            (Some(defect), _) => vec![Finding::new("", defect.clone())],
            (None, Some(value)) if !value.is_object() => {
                vec![Finding::new(
                    "",
                    format!("it is {}, not an object", shape(value)),
                )]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.as_ref().is_some_and(Value::is_object)
    }
}

/// What kind of JSON value it is, in words for messages.
pub(super) fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A key as one step of a JSON pointer (RFC 6901 § 3).
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What was found inside a tar layer, in the order of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The entries.
    pub entries: Vec<Entry>,
}

impl Contents {
    /// An archive with these entries.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }
}

/// An entry of a tar layer; a field that its header does not give, or not readably, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Path as written.
    pub path: String,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Time of last change in seconds since 1970.
    pub mtime: Option<u64>,
    /// Numeric owner.
    pub uid: Option<u64>,
    /// Numeric group.
    pub gid: Option<u64>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Keys of extended headers that only one platform or one writer knows, such as `SCHILY.xattr.user.x`.
    pub platform_keys: Vec<String>,
}

impl Entry {
    /// An entry of this name whose header gave nothing.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }
}
