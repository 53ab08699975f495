//! Annotation keys, among them those that say which file a layer is.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Descriptor, Error, FilePath};

/// Path of the file (or directory) that a layer holds, relative to the root of the model
/// (ModelPack specification, [annotations]).
///
/// [annotations]: https://github.com/modelpack/model-spec/blob/main/docs/annotations.md
pub const FILEPATH: &str = "org.cncf.model.filepath";
/// Name, mode, owner, size and time of the file as JSON text: [`FileMetadata`].
pub const FILE_METADATA: &str = "org.cncf.model.file.metadata+json";
/// Whether the media type was guessed rather than tested: `true` or `false`.
pub const MEDIATYPE_UNTESTED: &str = "org.cncf.model.file.mediatype.untested";
/// [`FILEPATH`] as written by versions of the specification up to v0.0.6.
pub const LEGACY_FILEPATH: &str = "org.cnai.model.filepath";
/// [`FILE_METADATA`] as written by versions of the specification up to v0.0.6.
pub const LEGACY_FILE_METADATA: &str = "org.cnai.model.file.metadata+json";
/// [`FILE_METADATA`] as written by version v0.0.4 of the specification alone.
pub const LEGACY_FILE_METADATA_V004: &str = "org.cnai.model.file.metadata";
/// Title of a layer for tools that know OCI but not ModelPack (OCI image specification, annotations).
pub const TITLE: &str = "org.opencontainers.image.title";
/// Name of a manifest in an OCI image layout (OCI image specification, annotations).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The text of the file path annotation of either family, unchecked.
#[must_use]
pub fn filepath_text(layer: &Descriptor) -> Option<&str> {
    [FILEPATH, LEGACY_FILEPATH]
        .iter()
        .find_map(|key| layer.annotations.get(*key))
        .map(String::as_str)
}

/// The path of the file that a layer holds, checked.
///
/// # Errors
/// [`Error::InvalidPath`] when the annotation could lead out of a directory.
pub fn filepath(layer: &Descriptor) -> Result<Option<FilePath>, Error> {
    filepath_text(layer).map(FilePath::parse).transpose()
}

/// The file metadata annotation of either family; nothing when it is absent or unreadable.
#[must_use]
pub fn file_metadata(layer: &Descriptor) -> Option<FileMetadata> {
    [
        FILE_METADATA,
        LEGACY_FILE_METADATA,
        LEGACY_FILE_METADATA_V004,
    ]
    .iter()
    .find_map(|key| layer.annotations.get(*key))
    .and_then(|text| serde_json::from_str(text).ok())
}

/// What a layer says of the file it was made from. All of it is a hint from someone else: sizes and
/// modes are never trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FileMetadata {
    /// Base name.
    pub name: String,
    /// Permission bits; 0o644 is written as 420. Wider values occur and must be masked.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Time of last change, RFC 3339.
    pub mtime: String,
    /// Type of a tar entry: 0 regular file, 5 directory. Text is read as well as a number.
    #[serde(deserialize_with = "typeflag")]
    pub typeflag: u8,
}

impl FileMetadata {
    /// The compact JSON text that goes into the annotation.
    #[must_use]
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).expect("plain fields always serialise")
    }
}

/// Writers disagree whether a regular file is the number 0, the text "0" or the text "\0".
fn typeflag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Number(number) => number,
        Either::Text(text) => match text.as_bytes() {
            [digit @ b'0'..=b'9'] => digit - b'0',
            [byte, ..] => *byte,
            [] => 0,
        },
    })
}
