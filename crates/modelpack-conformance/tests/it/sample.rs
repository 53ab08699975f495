//! A small artifact in an OCI image layout, to be broken piece by piece.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use modelpack_spec::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const NAME: &str = "registry.example.com/sample:v1";

/// An artifact with a raw layer, a tar layer and a compressed one.
pub(crate) struct Sample {
    pub(crate) manifest: Value,
    pub(crate) config: Value,
    /// Bytes of the layers, under the digest that they have before anything is broken.
    pub(crate) blobs: Vec<(Digest, Vec<u8>)>,
}

fn archive(names: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive
            .append_data(&mut header, name, &b"text"[..])
            .expect("memory can be written");
    }
    archive.into_inner().expect("memory can be written")
}

pub(crate) fn sample() -> Sample {
    let weights = b"GGUF weights".to_vec();
    let config_tar = archive(&["config.json"]);
    let docs = archive(&["LICENSE", "README.md"]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&docs).expect("memory can be written");
    let docs_gzip = encoder.finish().expect("memory can be written");

    let diff_ids =
        [&weights, &config_tar, &docs].map(|content| Digest::sha256(content).to_string());

    let layer = |media_type: &str, path: &str, blob: &[u8]| {
        json!({
            "mediaType": format!("application/vnd.cncf.model.{media_type}"),
            "digest": Digest::sha256(blob).to_string(),
            "size": blob.len(),
            "annotations": { "org.cncf.model.filepath": path },
        })
    };
    Sample {
        manifest: json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.cncf.model.manifest.v1+json",
            "config": {},
            "layers": [
                layer("weight.v1.raw", "model.gguf", &weights),
                layer("weight.config.v1.tar", "config.json", &config_tar),
                layer("doc.v1.tar+gzip", "docs", &docs_gzip),
            ],
        }),
        config: json!({
            "descriptor": { "name": "sample" },
            "config": { "paramSize": "8b" },
            "modelfs": {
                "type": "layers",
                "diffIds": diff_ids,
            },
        }),
        blobs: [weights, config_tar, docs_gzip]
            .into_iter()
            .map(|bytes| (Digest::sha256(&bytes), bytes))
            .collect(),
    }
}

fn put(root: &Path, digest: &Digest, content: &[u8]) {
    fs::write(root.join("blobs/sha256").join(digest.hex()), content)
        .expect("the layout can be written");
}

impl Sample {
    /// Writes the layout; the config is pinned here, so that it can be changed before.
    pub(crate) fn write(mut self) -> TempDir {
        let directory = TempDir::new().expect("a directory can be made");
        let root = directory.path();
        fs::create_dir_all(root.join("blobs/sha256")).expect("the layout can be written");
        for (digest, content) in &self.blobs {
            put(root, digest, content);
        }
        let config = self.config.to_string();
        let digest = Digest::sha256(config.as_bytes());
        put(root, &digest, config.as_bytes());
        self.manifest["config"] = json!({
            "mediaType": "application/vnd.cncf.model.config.v1+json",
            "digest": digest.to_string(),
            "size": config.len(),
        });
        let manifest = self.manifest.to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        put(root, &digest, manifest.as_bytes());
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest.to_string(),
                "size": manifest.len(),
                "annotations": { "org.opencontainers.image.ref.name": NAME },
            }],
        });
        fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("the layout can be written");
        fs::write(root.join("index.json"), index.to_string()).expect("the layout can be written");
        directory
    }
}
