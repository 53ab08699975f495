//! Documents: a parsed value together with the exact bytes that its digest names.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Descriptor, Digest, Error, Index, Manifest, MediaType, json};

/// Largest manifest or index that is read: twice what registries must at least accept
/// (4 MiB, OCI distribution specification, pushing manifests).
pub(crate) const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// A value that is stored and sent as JSON under its digest.
pub trait OciDocument: Serialize + DeserializeOwned {
    /// What it is called in messages.
    const NAME: &'static str;
    /// Largest size that is read, in bytes.
    const MAX_BYTES: u64;

    /// Checks what the shape alone does not say.
    ///
    /// # Errors
    /// [`Error::InvalidDocument`] with the reason.
    fn check(&self) -> Result<(), Error>;

    /// The media type that belongs into a descriptor of this document.
    fn media_type(&self) -> MediaType;
}

/// A document: value, exact bytes and digest, which always belong together.
///
/// A received document is never written again from its value, so fields, order and white space
/// that mean nothing to us survive, and so does the digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    value: T,
    bytes: Bytes,
    digest: Digest,
}

impl<T: OciDocument> Document<T> {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Error::DocumentTooLarge`] or [`Error::InvalidDocument`].
    pub fn parse(bytes: Bytes) -> Result<Self, Error> {
        let size = bytes.len() as u64;
        if size > T::MAX_BYTES {
            return Err(Error::DocumentTooLarge {
                document: T::NAME,
                size,
                limit: T::MAX_BYTES,
            });
        }
        let value: T = json::parse(T::NAME, &bytes)?;
        value.check()?;
        let digest = Digest::sha256(&bytes);
        Ok(Self {
            value,
            bytes,
            digest,
        })
    }

    /// Reads a document that must have this digest, which is kept as its own.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] before anything is parsed, or those of [`Self::parse`].
    pub fn parse_verified(bytes: Bytes, expected: &Digest) -> Result<Self, Error> {
        let actual = Digest::of(expected.algorithm(), &bytes);
        if actual != *expected {
            return Err(Error::DigestMismatch {
                document: T::NAME,
                expected: *expected,
                actual,
            });
        }
        Ok(Self {
            digest: actual,
            ..Self::parse(bytes)?
        })
    }

    /// Writes a new document: compact JSON, fields in the order of the specification, maps sorted.
    #[must_use]
    pub fn write(value: T) -> Self {
        let bytes = Bytes::from(json::write(&value));
        let digest = Digest::sha256(&bytes);
        Self {
            value,
            bytes,
            digest,
        }
    }

    /// A descriptor of this document.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.value.media_type(),
            self.digest,
            self.bytes.len() as u64,
        )
    }
}

impl<T> Document<T> {
    /// The parsed value.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The digest of the bytes: SHA-256, or the algorithm that [`Self::parse_verified`] was asked for.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The same bytes read as another value.
    pub(crate) fn map<U>(self, read: impl FnOnce(T) -> U) -> Document<U> {
        Document {
            value: read(self.value),
            bytes: self.bytes,
            digest: self.digest,
        }
    }

    /// The value, without its bytes.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

/// What a registry can answer where a manifest was asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AnyManifest {
    /// One artifact.
    Manifest(Document<Manifest>),
    /// Several, to choose from.
    Index(Document<Index>),
}

impl AnyManifest {
    /// Reads a manifest or an index; the document itself decides which.
    ///
    /// # Errors
    /// Those of [`Document::parse`]; [`Error::InvalidDocument`] also when the `mediaType` in the
    /// document differs from `content_type`, which is how one text is passed off as two things.
    pub fn parse(bytes: Bytes, content_type: Option<&MediaType>) -> Result<Self, Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            media_type: Option<MediaType>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        const NAME: &str = "manifest";
        let size = bytes.len() as u64;
        if size > MAX_MANIFEST_BYTES {
            return Err(Error::DocumentTooLarge {
                document: NAME,
                size,
                limit: MAX_MANIFEST_BYTES,
            });
        }
        let shape: Shape = json::parse(NAME, &bytes)?;
        if let (Some(inside), Some(outside)) = (&shape.media_type, content_type)
            && inside != outside
        {
            let reason = format!("it says that it is `{inside}`, but was served as `{outside}`");
            return Err(Error::InvalidDocument {
                document: NAME,
                reason,
            });
        }
        let is_index = match shape.media_type.as_ref().or(content_type) {
            Some(media_type) if media_type.is_index() => true,
            Some(media_type) if media_type.is_manifest() => false,
            _ => shape.manifests.is_some(),
        };
        if is_index {
            Document::parse(bytes).map(Self::Index)
        } else {
            Document::parse(bytes).map(Self::Manifest)
        }
    }

    /// Reads a manifest or an index that must have this digest, which is kept as its own.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] before anything is parsed, or those of [`Self::parse`].
    pub fn parse_verified(
        bytes: Bytes,
        content_type: Option<&MediaType>,
        expected: &Digest,
    ) -> Result<Self, Error> {
        let actual = Digest::of(expected.algorithm(), &bytes);
        if actual != *expected {
            return Err(Error::DigestMismatch {
                document: "manifest",
                expected: *expected,
                actual,
            });
        }
        Ok(match Self::parse(bytes, content_type)? {
            Self::Manifest(document) => Self::Manifest(Document {
                digest: actual,
                ..document
            }),
            Self::Index(document) => Self::Index(Document {
                digest: actual,
                ..document
            }),
        })
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Manifest(document) => document.bytes(),
            Self::Index(document) => document.bytes(),
        }
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Manifest(document) => document.digest(),
            Self::Index(document) => document.digest(),
        }
    }

    /// A descriptor of this document.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        match self {
            Self::Manifest(document) => document.descriptor(),
            Self::Index(document) => document.descriptor(),
        }
    }
}
