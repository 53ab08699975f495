//! Artifacts that the suites serve to tools, right and wrong ones.

use modelpack_faulty::{Contents, FaultyRegistry, random_bytes};
use modelpack_spec::{Digest, Encoding};
use serde_json::{Value, json};

/// Media type of the manifests that are served.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Most requests or files that a report quotes.
pub(crate) const MAX_QUOTED: usize = 40;

/// An artifact that is about to be served.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// `cncf`, or `cnai` as it was called up to v0.0.6.
    pub(crate) family: &'static str,
    /// Whether the manifest has its own media type in it, as it may and need not.
    pub(crate) names_itself: bool,
    pub(crate) layers: Vec<Layer>,
}

/// One layer of it.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// The part of the media type behind `model.`: `weight.v1.raw`.
    kind: String,
    /// Its path, as the annotation has it.
    path: String,
    /// What the registry has.
    stored: Vec<u8>,
    /// Digest of the layer before compression.
    diff_id: Digest,
    /// The other annotation, of times and modes.
    metadata: Option<String>,
    /// What a reader makes of it.
    pub(crate) files: Vec<File>,
}

/// A file that a reader makes of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

/// Where an artifact is served.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) digest: String,
    pub(crate) config: String,
    pub(crate) layers: Vec<String>,
}

impl File {
    pub(crate) fn new(path: &str, content: &[u8]) -> Self {
        Self {
            path: path.to_owned(),
            size: content.len() as u64,
            digest: Digest::sha256(content),
        }
    }
}

impl Layer {
    /// A file as it is.
    pub(crate) fn raw(path: &str, content: &[u8]) -> Self {
        Self {
            kind: format!("{}.v1.raw", role(path)),
            path: path.to_owned(),
            stored: content.to_owned(),
            diff_id: Digest::sha256(content),
            metadata: None,
            files: vec![File::new(path, content)],
        }
    }

    /// An archive, with what a reader makes of it.
    pub(crate) fn archive(
        path: &str,
        archive: &[u8],
        encoding: Encoding,
        files: Vec<File>,
    ) -> Self {
        let (suffix, stored) = match encoding {
            Encoding::TarGzip => ("tar+gzip", gzip(archive)),
            Encoding::TarZstd => ("tar+zstd", zstd(archive)),
            _ => ("tar", archive.to_owned()),
        };
        Self {
            kind: format!("{}.v1.{suffix}", role(path)),
            path: path.to_owned(),
            stored,
            diff_id: Digest::sha256(archive),
            metadata: None,
            files,
        }
    }

    /// A layer that stands compressed already, for archives too large for memory.
    pub(crate) fn compressed(
        path: &str,
        stored: Vec<u8>,
        diff_id: Digest,
        files: Vec<File>,
    ) -> Self {
        Self {
            kind: format!("{}.v1.tar+zstd", role(path)),
            path: path.to_owned(),
            stored,
            diff_id,
            metadata: None,
            files,
        }
    }

    /// With the annotation that has the attributes of the file.
    pub(crate) fn with_mode(mut self, mode: u64) -> Self {
        let size = self.files.first().map_or(0, |file| file.size);
        let metadata = json!({
            "name": self.path, "mode": mode, "uid": 0, "gid": 0, "size": size,
            "mtime": "2024-01-01T00:00:00Z", "typeflag": 0,
        });
        self.metadata = Some(metadata.to_string());
        self
    }
}

impl Model {
    pub(crate) fn new(layers: impl IntoIterator<Item = Layer>) -> Self {
        Self {
            family: "cncf",
            names_itself: true,
            layers: layers.into_iter().collect(),
        }
    }

    /// Everything that a reader makes of it.
    pub(crate) fn files(&self) -> Vec<File> {
        let files = self.layers.iter().flat_map(|layer| layer.files.clone());
        files.collect()
    }

    /// Puts it where a registry serves it.
    pub(crate) fn put(&self, contents: &Contents, repository: &str, tag: &str) -> Put {
        let diff_ids: Vec<String> = self
            .layers
            .iter()
            .map(|layer| layer.diff_id.to_string())
            .collect();
        let config = json!({
            "descriptor": { "name": "conformance", "version": tag },
            "config": { "architecture": "transformer", "format": "safetensors", "paramSize": "1m" },
            "modelfs": { "type": "layers", "diffIds": diff_ids },
        });
        let config = config.to_string();
        let config_digest = contents.add_blob(repository, config.as_str());
        let family = self.family;
        let layers: Vec<(String, Value)> = self
            .layers
            .iter()
            .map(|layer| {
                let digest = contents.add_blob(repository, layer.stored.clone());
                let mut annotations = json!({});
                annotations[format!("org.{family}.model.filepath")] = json!(layer.path);
                if let Some(metadata) = &layer.metadata {
                    annotations[format!("org.{family}.model.file.metadata+json")] = json!(metadata);
                }
                let descriptor = json!({
                    "mediaType": format!("application/vnd.{family}.model.{}", layer.kind),
                    "digest": digest,
                    "size": layer.stored.len(),
                    "annotations": annotations,
                });
                (digest, descriptor)
            })
            .collect();
        let (layers, descriptors): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
        let mut manifest = json!({
            "schemaVersion": 2,
            "artifactType": format!("application/vnd.{family}.model.manifest.v1+json"),
            "config": {
                "mediaType": format!("application/vnd.{family}.model.config.v1+json"),
                "digest": config_digest,
                "size": config.len(),
            },
            "layers": descriptors,
        });
        if self.names_itself {
            manifest["mediaType"] = json!(MANIFEST);
        }
        let digest = contents.add_manifest(repository, tag, MANIFEST, manifest.to_string());
        Put {
            digest,
            config: config_digest,
            layers,
        }
    }
}

/// A small and ordinary model.
pub(crate) fn ordinary() -> Model {
    Model::new([
        Layer::raw("config.json", br#"{"architectures":["Tiny"]}"#),
        Layer::raw("weights/model.bin", &random_bytes(100_000, 1)),
        Layer::raw("README.md", b"# A model\n"),
    ])
}

/// The requests of a tool and what it was answered, a line each.
pub(crate) fn requests(registry: &FaultyRegistry) -> String {
    let exchanges = registry.requests();
    let lines = exchanges.iter().take(MAX_QUOTED).map(|exchange| {
        let status = exchange
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let range = exchange.header("range").map(|range| format!(" ({range})"));
        let rules = if exchange.rules.is_empty() {
            ""
        } else {
            " ← fault"
        };
        format!(
            "{:7.3} s {:?} {}{} → {status}, {} bytes{rules}",
            exchange.at.as_secs_f64(),
            exchange.origin,
            exchange.line(),
            range.unwrap_or_default(),
            exchange.sent
        )
    });
    let mut lines: Vec<String> = lines.collect();
    if exchanges.len() > MAX_QUOTED {
        lines.push(format!("and {} more", exchanges.len() - MAX_QUOTED));
    }
    if lines.is_empty() {
        lines.push("none".to_owned());
    }
    lines.join("\n")
}

fn role(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "weight.config",
        Some("md") => "doc",
        Some("py" | "sh") => "code",
        _ => "weight",
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(content)
        .and_then(|()| encoder.finish())
        .expect("memory takes every write")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).expect("memory takes every write")
}
