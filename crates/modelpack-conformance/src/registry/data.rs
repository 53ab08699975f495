//! Content that is pushed to a registry: blobs, manifests and what is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use modelpack_spec::{Algorithm, Digest};
use serde_json::{Map, Value, json};

use super::names::DataSet;
use super::random::Random;

pub(super) const EXAMPLE_1: &str = "application/vnd.example.oci.conformance.v1";
pub(super) const EXAMPLE_2: &str = "application/vnd.example.oci.conformance.v2";
pub(super) const OCTETS: &str = "application/octet-stream";
pub(super) const EMPTY_JSON: &str = "application/vnd.oci.empty.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One set of content.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) set: DataSet,
    pub(super) tags: BTreeMap<String, Digest>,
    /// Tags that the registry has taken.
    pub(super) pushed: BTreeSet<String>,
    pub(super) descriptors: BTreeMap<Digest, Value>,
    pub(super) blobs: BTreeMap<Digest, Bytes>,
    pub(super) manifests: BTreeMap<Digest, Vec<u8>>,
    /// Children before parents.
    pub(super) order: Vec<Digest>,
    /// Entries of the list of referrers by the digest of their subject.
    pub(super) referrers: BTreeMap<String, Vec<Value>>,
    /// Whether tags are pushed as parameters.
    pub(super) has_tag_parameters: bool,
    /// Whether the manifests do not have their digests.
    pub(super) is_bad: bool,
}

/// What the manifests of a set look like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) algorithm: Algorithm,
    pub(super) annotations: Map<String, Value>,
    /// Whether one annotation is random, so that no two manifests are the same.
    pub(super) is_unique: bool,
    pub(super) artifact_type: Option<&'static str>,
    pub(super) is_compressed: bool,
    /// Media type and bytes of a config that is no image config.
    pub(super) config: Option<(&'static str, &'static [u8])>,
    pub(super) has_extra_field: bool,
    pub(super) layers: usize,
    /// Media type, and bytes unless they are random, of layers that are no archives.
    pub(super) layer: Option<(&'static str, Option<&'static [u8]>)>,
    pub(super) platforms: Vec<Value>,
    pub(super) has_data: bool,
    pub(super) subject: Option<Value>,
    pub(super) tag: Option<&'static str>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            annotations: Map::new(),
            is_unique: false,
            artifact_type: None,
            is_compressed: true,
            config: None,
            has_extra_field: false,
            layers: 2,
            layer: None,
            platforms: vec![platform("amd64"), platform("arm64")],
            has_data: false,
            subject: None,
            tag: None,
        }
    }
}

pub(super) fn platform(architecture: &str) -> Value {
    json!({"architecture": architecture, "os": "linux"})
}

impl Content {
    pub(super) fn new(set: DataSet) -> Self {
        Self {
            set,
            tags: BTreeMap::new(),
            pushed: BTreeSet::new(),
            descriptors: BTreeMap::new(),
            blobs: BTreeMap::new(),
            manifests: BTreeMap::new(),
            order: Vec::new(),
            referrers: BTreeMap::new(),
            has_tag_parameters: false,
            is_bad: false,
        }
    }

    pub(super) fn add_blob(&mut self, media_type: &str, content: Vec<u8>, shape: &Shape) -> Digest {
        let digest = Digest::of(shape.algorithm, &content);
        self.describe(media_type, digest, &content, shape);
        self.blobs.insert(digest, content.into());
        digest
    }

    fn describe(&mut self, media_type: &str, digest: Digest, content: &[u8], shape: &Shape) {
        let mut descriptor = json!({
            "mediaType": media_type, "digest": digest.to_string(), "size": content.len(),
        });
        if shape.has_data {
            descriptor["data"] = STANDARD.encode(content).into();
        }
        self.descriptors.insert(digest, descriptor);
    }

    pub(super) fn descriptor(&self, digest: &Digest) -> Value {
        self.descriptors.get(digest).cloned().unwrap_or_default()
    }

    /// An archive with one file; the digest that it has, and the one it has uncompressed.
    pub(super) fn add_layer(
        &mut self,
        number: usize,
        shape: &Shape,
        random: &mut Random,
    ) -> (Digest, Digest) {
        let archive = archive(number, random);
        let uncompressed = Digest::of(shape.algorithm, &archive);
        if !shape.is_compressed {
            return (self.add_blob(LAYER, archive, shape), uncompressed);
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let compressed = gzip
            .write_all(&archive)
            .and_then(|()| gzip.finish())
            .expect("memory takes every byte");
        let media_type = format!("{LAYER}+gzip");
        (self.add_blob(&media_type, compressed, shape), uncompressed)
    }

    pub(super) fn add_config(
        &mut self,
        platform: &Value,
        diff_ids: &[Digest],
        shape: &Shape,
        random: &mut Random,
    ) -> Digest {
        let diff_ids: Vec<String> = diff_ids.iter().map(ToString::to_string).collect();
        let mut config = json!({
            "author": "conformance suite",
            "architecture": platform["architecture"], "os": platform["os"],
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        extend(&mut config, shape, random);
        self.add_blob(CONFIG, config.to_string().into_bytes(), shape)
    }

    /// An image or artifact with everything that it names.
    pub(super) fn add_image(
        &mut self,
        platform: &Value,
        shape: &Shape,
        random: &mut Random,
    ) -> Digest {
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        for number in 0..shape.layers {
            let (layer, diff_id) = match shape.layer {
                None => self.add_layer(number, shape, random),
                Some((media_type, content)) => {
                    let content = content.map_or_else(|| random.bytes(2048), <[u8]>::to_vec);
                    let layer = self.add_blob(media_type, content, shape);
                    (layer, layer)
                }
            };
            layers.push(self.descriptor(&layer));
            diff_ids.push(diff_id);
        }
        let config = match shape.config {
            None => self.add_config(platform, &diff_ids, shape, random),
            Some((media_type, content)) => self.add_blob(media_type, content.to_vec(), shape),
        };
        let config = self.descriptor(&config);
        self.add_manifest(config, layers, shape, random)
    }

    pub(super) fn add_manifest(
        &mut self,
        config: Value,
        layers: Vec<Value>,
        shape: &Shape,
        random: &mut Random,
    ) -> Digest {
        let artifact_type = shape
            .artifact_type
            .map_or_else(|| config["mediaType"].clone(), Value::from);
        let manifest = json!({"config": config, "layers": layers});
        self.add_document(MANIFEST, manifest, artifact_type, shape, random)
    }

    /// An index of manifests that are described here.
    pub(super) fn add_index(
        &mut self,
        manifests: &[(Digest, Option<Value>)],
        shape: &Shape,
        random: &mut Random,
    ) -> Digest {
        let manifests: Vec<Value> = manifests
            .iter()
            .map(|(digest, platform)| {
                let mut descriptor = self.descriptor(digest);
                if let Some(platform) = platform {
                    descriptor["platform"] = platform.clone();
                }
                descriptor
            })
            .collect();
        let artifact_type = shape.artifact_type.map_or(Value::Null, Value::from);
        let index = json!({"manifests": manifests});
        self.add_document(INDEX, index, artifact_type, shape, random)
    }

    /// An index of one image for each platform.
    pub(super) fn add_index_of_images(&mut self, shape: &Shape, random: &mut Random) -> Digest {
        let mut inner = shape.clone();
        inner.tag = None;
        inner.subject = None;
        let images: Vec<_> = shape
            .platforms
            .iter()
            .map(|platform| {
                let image = self.add_image(platform, &inner, random);
                (image, Some(platform.clone()))
            })
            .collect();
        self.add_index(&images, shape, random)
    }

    fn add_document(
        &mut self,
        media_type: &str,
        mut document: Value,
        listed_type: Value,
        shape: &Shape,
        random: &mut Random,
    ) -> Digest {
        document["schemaVersion"] = 2.into();
        document["mediaType"] = media_type.into();
        if let Some(artifact_type) = shape.artifact_type {
            document["artifactType"] = artifact_type.into();
        }
        if let Some(subject) = &shape.subject {
            document["subject"] = subject.clone();
        }
        let mut annotations = shape.annotations.clone();
        if shape.is_unique {
            let name = format!("org.example.{}", random.word());
            annotations.insert(name, random.word().into());
        }
        if !annotations.is_empty() {
            document["annotations"] = annotations.clone().into();
        }
        extend(&mut document, shape, random);
        let content = document.to_string().into_bytes();
        let digest = Digest::of(shape.algorithm, &content);
        self.describe(media_type, digest, &content, shape);
        if let Some(subject) = shape.subject.as_ref().and_then(|it| it["digest"].as_str()) {
            let entry = json!({
                "mediaType": media_type, "digest": digest.to_string(), "size": content.len(),
                "artifactType": listed_type, "annotations": annotations,
            });
            self.referrers
                .entry(subject.to_owned())
                .or_default()
                .push(entry);
        }
        if let Some(tag) = shape.tag {
            self.tags.insert(tag.to_owned(), digest);
        }
        self.manifests.insert(digest, content);
        self.order.push(digest);
        digest
    }
}

/// Adds a field that no specification knows.
fn extend(document: &mut Value, shape: &Shape, random: &mut Random) {
    if shape.has_extra_field {
        document[format!("org.{}", random.word())] = random.word().into();
    }
}

fn archive(number: usize, random: &mut Random) -> Vec<u8> {
    let content = format!(
        "file number {number} of a conformance run, {}\n",
        random.word()
    );
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_data(
            &mut header,
            format!("conformance-{number}.txt"),
            content.as_bytes(),
        )
        .and_then(|()| archive.into_inner())
        .expect("memory takes every byte, and the name is short")
}
