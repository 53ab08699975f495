//! Documents in the exact form that Docker's tools give them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::json::{self, Extra};
use crate::{Descriptor, Digest, Document, Error, Manifest, MediaType};

/// A manifest as Docker's tools write it: in a descriptor, the size stands before the digest.
///
/// # Errors
/// [`Error::DocumentTooLarge`]; [`Error::InvalidDocument`] when an unknown field is called like a known
/// one.
pub fn manifest_document(manifest: &Manifest) -> Result<Document<Manifest>, Error> {
    let written = ManifestOut {
        schema_version: manifest.schema_version,
        media_type: manifest.media_type.as_ref(),
        artifact_type: manifest.artifact_type.as_ref(),
        config: (&manifest.config).into(),
        layers: manifest.layers.iter().map(Into::into).collect(),
        subject: manifest.subject.as_ref().map(Into::into),
        annotations: &manifest.annotations,
        extra: &manifest.extra,
    };
    Document::parse(go_json(&written))
}

/// Compact JSON with the characters escaped that Go's encoder escapes for the sake of HTML.
pub(super) fn go_json<T: Serialize>(value: &T) -> Bytes {
    let text = String::from_utf8(json::write(value)).expect("JSON is written as UTF-8");
    // None of them has a meaning in JSON, so wherever one stands, it stands inside a string.
    let escaped = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    escaped.into()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestOut<'a> {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a MediaType>,
    config: DescriptorOut<'a>,
    layers: Vec<DescriptorOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<DescriptorOut<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    extra: &'a Extra,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorOut<'a> {
    media_type: &'a MediaType,
    size: u64,
    digest: &'a Digest,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    urls: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a MediaType>,
    #[serde(flatten)]
    extra: &'a Extra,
}

impl<'a> From<&'a Descriptor> for DescriptorOut<'a> {
    fn from(descriptor: &'a Descriptor) -> Self {
        Self {
            media_type: &descriptor.media_type,
            size: descriptor.size,
            digest: &descriptor.digest,
            urls: &descriptor.urls,
            annotations: &descriptor.annotations,
            data: descriptor.data.as_ref(),
            platform: descriptor.platform.as_ref(),
            artifact_type: descriptor.artifact_type.as_ref(),
            extra: &descriptor.extra,
        }
    }
}
