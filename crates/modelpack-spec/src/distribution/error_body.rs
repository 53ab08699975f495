//! Error codes and the JSON body that carries them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::null_as_default;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// An error code of the distribution specification ([error codes]); others are kept.
        ///
        /// [error codes]: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// A code of the registry's own, as it was read.
            Other(Box<str>),
        }

        impl ErrorCode {
            /// The text on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }

            /// The HTTP status that usually comes with it.
            #[must_use]
            pub fn status(&self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                    Self::Other(_) => 400,
                }
            }
        }

        impl From<&str> for ErrorCode {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

error_codes! {
    /// `BLOB_UNKNOWN`: the blob is not here.
    BlobUnknown = "BLOB_UNKNOWN", 404;
    /// `BLOB_UPLOAD_INVALID`: the upload cannot go on this way.
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID", 400;
    /// `BLOB_UPLOAD_UNKNOWN`: the session is not known, or has ended.
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN", 404;
    /// `DIGEST_INVALID`: the content does not match, or the digest is malformed.
    DigestInvalid = "DIGEST_INVALID", 400;
    /// `MANIFEST_BLOB_UNKNOWN`: the manifest refers to something that is not here.
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", 404;
    /// `MANIFEST_INVALID`: the manifest cannot be read, or is too large.
    ManifestInvalid = "MANIFEST_INVALID", 400;
    /// `MANIFEST_UNKNOWN`: the manifest is not here.
    ManifestUnknown = "MANIFEST_UNKNOWN", 404;
    /// `NAME_INVALID`: no valid repository name.
    NameInvalid = "NAME_INVALID", 400;
    /// `NAME_UNKNOWN`: no such repository.
    NameUnknown = "NAME_UNKNOWN", 404;
    /// `SIZE_INVALID`: the length does not match.
    SizeInvalid = "SIZE_INVALID", 400;
    /// `UNAUTHORIZED`: log in.
    Unauthorized = "UNAUTHORIZED", 401;
    /// `DENIED`: logged in, but not allowed.
    Denied = "DENIED", 403;
    /// `UNSUPPORTED`: not offered.
    Unsupported = "UNSUPPORTED", 405;
    /// `TOOMANYREQUESTS`: slow down.
    TooManyRequests = "TOOMANYREQUESTS", 429;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}

/// One error of an [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorEntry {
    /// The code; empty text where a registry left it out.
    #[serde(default = "no_code", deserialize_with = "code_or_none")]
    pub code: ErrorCode,
    /// Words for people, possibly empty.
    #[serde(default, deserialize_with = "null_as_default")]
    pub message: String,
    /// Anything more, as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

impl ErrorEntry {
    /// An error without detail.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
        }
    }
}

fn no_code() -> ErrorCode {
    ErrorCode::Other("".into())
}

fn code_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(no_code))
}

/// What a registry says about a request that failed: `{"errors":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The errors, most registries send one.
    #[serde(default, deserialize_with = "null_as_default")]
    pub errors: Vec<ErrorEntry>,
}

impl ErrorBody {
    /// A body with one error.
    #[must_use]
    pub fn new(entry: ErrorEntry) -> Self {
        Self {
            errors: vec![entry],
        }
    }

    /// Reads what a registry sent: missing fields and `null` lists are taken, and for a body that is
    /// no such JSON at all (HTML of a proxy, nothing, half a text) there is no error, only nothing.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Writes the body as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and JSON values always serialise")
    }

    /// The first code, which is the one to act on.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.errors.first().map(|entry| &entry.code)
    }
}
