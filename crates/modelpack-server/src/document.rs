//! What a manifest says about itself and needs, as far as a registry cares.

use std::collections::BTreeMap;

use bytes::Bytes;
use modelpack_spec::{AnyManifest, Descriptor, Digest, MediaType};

/// A manifest that a registry can keep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// The type under which it is served.
    pub(crate) media_type: MediaType,
    /// Config and layers that must be there.
    pub(crate) blobs: Vec<Descriptor>,
    /// Config and layers that may be there or not: layers that are not to be distributed.
    pub(crate) optional_blobs: Vec<Descriptor>,
    /// The manifests that an index lists.
    pub(crate) manifests: Vec<Descriptor>,
    /// The manifest that it refers to, which need not be there.
    pub(crate) subject: Option<Digest>,
    artifact_type: Option<MediaType>,
    annotations: BTreeMap<String, String>,
}

impl Summary {
    /// Reads a manifest that came with this media type, or `None` when the client gave none.
    ///
    /// # Errors
    /// What is wrong with it, in words for the client.
    pub(crate) fn parse(bytes: &Bytes, content_type: Option<&MediaType>) -> Result<Self, String> {
        if let Some(media_type) = content_type
            && !media_type.is_manifest()
            && !media_type.is_index()
        {
            return Err(format!(
                "`{media_type}` is no type of manifest that is taken here"
            ));
        }
        let parsed = AnyManifest::parse(bytes.clone(), content_type).map_err(say)?;
        // Whoever meets the bytes later without their media type must read the same thing.
        let alone = AnyManifest::parse(bytes.clone(), None).map_err(say)?;
        match (parsed, alone) {
            (AnyManifest::Manifest(document), AnyManifest::Manifest(_)) => {
                let manifest = document.into_value();
                let (optional_blobs, mut blobs): (Vec<_>, Vec<_>) =
                    manifest.layers.into_iter().partition(is_nondistributable);
                let artifact_type = manifest
                    .artifact_type
                    .unwrap_or_else(|| manifest.config.media_type.clone());
                blobs.push(manifest.config);
                Ok(Self {
                    media_type: content_type
                        .cloned()
                        .or(manifest.media_type)
                        .unwrap_or(MediaType::OciManifest),
                    blobs,
                    optional_blobs,
                    manifests: Vec::new(),
                    subject: manifest.subject.map(|subject| subject.digest),
                    artifact_type: Some(artifact_type),
                    annotations: manifest.annotations,
                })
            }
            (AnyManifest::Index(document), AnyManifest::Index(_)) => {
                let index = document.into_value();
                Ok(Self {
                    media_type: content_type
                        .cloned()
                        .or(index.media_type)
                        .unwrap_or(MediaType::OciIndex),
                    blobs: Vec::new(),
                    optional_blobs: Vec::new(),
                    manifests: index.manifests,
                    subject: index.subject.map(|subject| subject.digest),
                    artifact_type: index.artifact_type,
                    annotations: index.annotations,
                })
            }
            _ => Err("the document is not what its content type says".to_owned()),
        }
    }

    /// Whether the manifest itself needs this blob.
    pub(crate) fn names_blob(&self, digest: &Digest) -> bool {
        self.blobs
            .iter()
            .chain(&self.optional_blobs)
            .any(|blob| blob.digest == *digest)
    }

    /// Its entry in a list of referrers (distribution specification, listing referrers).
    pub(crate) fn referrer(&self, digest: Digest, size: u64) -> Descriptor {
        let mut descriptor = Descriptor::new(self.media_type.clone(), digest, size);
        descriptor.artifact_type = self.artifact_type.clone();
        descriptor.annotations = self.annotations.clone();
        descriptor
    }
}

fn say(error: modelpack_spec::Error) -> String {
    error.to_string()
}

/// Layers that registries need not hold (image specification, non-distributable layers), also
/// under their older Docker name.
fn is_nondistributable(layer: &Descriptor) -> bool {
    let MediaType::Other(text) = &layer.media_type else {
        return false;
    };
    text.starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
        || text.starts_with("application/vnd.docker.image.rootfs.foreign.diff.")
}
