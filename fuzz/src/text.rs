//! Properties of the short texts: what is accepted prints as it was read.

use std::path::{Component, Path};

use modelpack_spec::{Descriptor, Digest, FilePath, MediaType, Reference, Timestamp, annotations};

/// A reference that is accepted prints canonically, and what it prints reads the same.
pub fn reference(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(reference) = text.parse::<Reference>() {
        let printed = reference.to_string();
        assert_eq!(printed, text.strip_prefix("oci://").unwrap_or(text));
        assert_eq!(printed.parse::<Reference>().as_ref(), Ok(&reference));
    }
}

/// A digest that is accepted prints as it was read and is safe as a path component.
pub fn digest(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(digest.hex().len(), digest.algorithm().digest_len() * 2);
    }
}

/// A path that is accepted stays below its directory, whichever separator the reader uses.
pub fn file_path(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(path) = text.parse::<FilePath>() {
        assert_eq!(path.as_str(), text);
        for read in [text.to_owned(), text.replace('\\', "/")] {
            let leaves = Path::new(&read).components().any(|part| {
                matches!(
                    part,
                    Component::ParentDir | Component::RootDir | Component::Prefix(_)
                )
            });
            assert!(!leaves, "{read:?}");
        }
    }
}

/// Every media type, known or not, prints as it was read.
pub fn media_type(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let media_type = MediaType::from(text);
        assert_eq!(media_type.to_string(), text);
        assert!(!media_type.describe().is_empty());
    }
}

/// A time that is accepted prints as it was read.
pub fn timestamp(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string(), text);
        assert!(text.is_ascii() && text.len() >= "2026-01-01T00:00:00Z".len());
    }
}

/// Whatever a layer says of its file is read or left; written again it reads the same.
pub fn file_metadata(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let read = |text: &str| {
        let mut layer = Descriptor::new(MediaType::OciManifest, Digest::sha256(b""), 0);
        layer
            .annotations
            .insert(annotations::FILE_METADATA.to_owned(), text.to_owned());
        annotations::file_metadata(&layer)
    };
    if let Some(metadata) = read(text) {
        assert_eq!(read(&metadata.to_annotation()), Some(metadata));
    }
}
