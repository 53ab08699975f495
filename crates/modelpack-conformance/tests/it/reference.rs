//! An artifact that breaks no rule, in either dialect, to be broken piece by piece.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use modelpack_conformance::RuleSet;
use modelpack_spec::Digest;
use serde_json::{Value, json};

pub(crate) const METADATA: &str = "org.cncf.model.file.metadata+json";
pub(crate) const FILEPATH: &str = "org.cncf.model.filepath";

/// An artifact whose config is pinned when it is [finished](Reference::finish).
#[derive(Clone)]
pub(crate) struct Reference {
    pub(crate) manifest: Value,
    pub(crate) config: Value,
    /// What the text of the documents becomes in the end.
    pub(crate) manifest_text: fn(String) -> String,
    pub(crate) config_text: fn(String) -> String,
    /// Bytes of the layers by their digests.
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    set: RuleSet,
}

/// An artifact as bytes.
pub(crate) struct Finished {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
}

/// An entry of an archive.
pub(crate) fn entry(path: &str) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    // The name is written as it is: the safe way refuses what has to be written here.
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(5);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

/// A link, or another entry without content.
pub(crate) fn link(kind: tar::EntryType, path: &str, target: &str) -> tar::Header {
    let mut header = entry(path);
    header.set_entry_type(kind);
    header.set_size(0);
    let place = &mut header.as_mut_bytes()[157..257];
    place[..target.len()].copy_from_slice(target.as_bytes());
    header
}

/// An archive whose files all say `text`.
pub(crate) fn archive(entries: impl IntoIterator<Item = tar::Header>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for mut header in entries {
        header.set_cksum();
        let has_content = header.entry_type().is_file();
        let content: &[u8] = if has_content { b"text\n" } else { b"" };
        archive
            .append(&header, content)
            .expect("memory can be written");
    }
    archive.into_inner().expect("memory can be written")
}

/// Stored, not compressed: what deflate makes of bytes differs from version to version.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(content).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A frame of one raw block (RFC 8878 § 3.1.1), for the same reason.
pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).expect("the content is small");
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend(size.to_le_bytes());
    frame.extend(&((size << 3) | 1).to_le_bytes()[..3]);
    frame.extend(content);
    frame
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a value is JSON");
    format!("{text}\n")
}

pub(crate) fn digest(content: &[u8]) -> String {
    Digest::sha256(content).to_string()
}

fn empty(set: RuleSet, config: Value) -> Reference {
    Reference {
        manifest: json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "layers": [],
        }),
        config,
        manifest_text: |text| text,
        config_text: |text| text,
        blobs: BTreeMap::new(),
        set,
    }
}

/// The reference of a set of rules: everything that its documents describe, all of it right.
pub(crate) fn reference(set: RuleSet) -> Reference {
    match set {
        RuleSet::ModelPack => modelpack(),
        RuleSet::Docker => docker(),
    }
}

fn modelpack() -> Reference {
    let mut artifact = empty(
        RuleSet::ModelPack,
        json!({
            "descriptor": {
                "createdAt": "2026-01-31T12:00:00.5+01:00",
                "authors": ["someone@example.com"],
                "vendor": "Example",
                "family": "sample",
                "name": "sample-1b",
                "version": "1.0",
                "title": "Sample",
                "description": "Made for a test",
                "docURL": "https://example.com/doc",
                "sourceURL": "https://example.com/source",
                "datasetsURL": ["https://example.com/data"],
                "revision": "0123abc",
                "licenses": ["Apache-2.0", "MIT OR (GPL-2.0-only WITH Classpath-exception-2.0)"],
            },
            "config": {
                "architecture": "transformer",
                "format": "gguf",
                "paramSize": "1.5B",
                "precision": "float16,float8_e4m3",
                "quantization": "awq",
                "capabilities": {
                    "inputTypes": ["text", "image"],
                    "outputTypes": ["text", "other"],
                    "knowledgeCutoff": "2025-06-01T00:00:00Z",
                    "reasoning": true,
                    "toolUsage": false,
                    "reward": false,
                    "languages": ["de", "en"],
                },
            },
            "modelfs": { "type": "layers", "diffIds": [] },
        }),
    );
    artifact.manifest["artifactType"] = "application/vnd.cncf.model.manifest.v1+json".into();
    artifact.manifest["config"] =
        json!({ "mediaType": "application/vnd.cncf.model.config.v1+json" });
    artifact.manifest["annotations"] = json!({ "com.example.built-by": "a test" });
    artifact.manifest["subject"] = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest(b"another manifest\n"),
        "size": 17,
    });
    let adapter = archive([entry("adapter.gguf")]);
    let docs = archive([entry("docs/LICENSE"), entry("docs/README.md")]);
    let code = archive([entry("code/predict.py")]);
    artifact.add(
        "weight.v1.raw",
        "model.gguf",
        b"weights\n".to_vec(),
        b"weights\n",
    );
    artifact.add("weight.v1.tar", "adapter.gguf", adapter.clone(), &adapter);
    artifact.add(
        "weight.config.v1.raw",
        "config.json",
        b"{}\n".to_vec(),
        b"{}\n",
    );
    artifact.add("doc.v1.tar+gzip", "docs", gzip(&docs), &docs);
    artifact.add("code.v1.tar+zstd", "code", zstd(&code), &code);
    artifact
}

fn docker() -> Reference {
    let mut artifact = empty(
        RuleSet::Docker,
        json!({
            "config": {
                "format": "gguf",
                "quantization": "Q4_K_M",
                "parameters": "1.50 B",
                "architecture": "llama",
                "size": "8B",
                "context_size": 4096,
            },
            "descriptor": { "created": "2026-01-31T12:00:00Z" },
            "rootfs": { "type": "rootfs", "diff_ids": [] },
        }),
    );
    artifact.manifest["config"] =
        json!({ "mediaType": "application/vnd.docker.ai.model.config.v0.1+json" });
    for (kind, path, content) in [
        ("gguf.v3", "model.gguf", "weights\n"),
        ("license", "LICENSE", "licence\n"),
        ("chat.template.jinja", "chat_template.jinja", "template\n"),
        ("mmproj", "mmproj.gguf", "projector\n"),
    ] {
        artifact.add(kind, path, content.into(), content.as_bytes());
    }
    artifact
}

impl Reference {
    fn family(&self) -> &'static str {
        match self.set {
            RuleSet::ModelPack => "application/vnd.cncf.model.",
            RuleSet::Docker => "application/vnd.docker.ai.",
        }
    }

    fn diff_ids(&mut self) -> &mut Vec<Value> {
        let ids = match self.set {
            RuleSet::ModelPack => &mut self.config["modelfs"]["diffIds"],
            RuleSet::Docker => &mut self.config["rootfs"]["diff_ids"],
        };
        ids.as_array_mut().expect("diff ids are an array")
    }

    pub(crate) fn layers(&mut self) -> &mut Vec<Value> {
        let layers = self.manifest["layers"].as_array_mut();
        layers.expect("layers are an array")
    }

    /// Adds a layer that is right.
    pub(crate) fn add(&mut self, kind: &str, path: &str, content: Vec<u8>, uncompressed: &[u8]) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let metadata = json!({
            "name": name, "mode": 420, "uid": 0, "gid": 0, "size": uncompressed.len(),
            "mtime": "1970-01-01T00:00:00Z", "typeflag": 0,
        });
        let media_type = format!("{}{kind}", self.family());
        self.layers().push(json!({
            "mediaType": media_type,
            "digest": digest(&content),
            "size": content.len(),
            "annotations": {
                FILEPATH: path,
                METADATA: metadata.to_string(),
                "org.cncf.model.file.mediatype.untested": "false",
            },
        }));
        self.diff_ids().push(digest(uncompressed).into());
        self.blobs.insert(digest(&content), content);
    }

    /// Puts other bytes into a layer and everything that depends on them right.
    pub(crate) fn replace(&mut self, index: usize, content: Vec<u8>, uncompressed: &[u8]) {
        let layer = &mut self.layers()[index];
        let before = layer["digest"].as_str().map(str::to_owned);
        layer["digest"] = digest(&content).into();
        layer["size"] = content.len().into();
        self.diff_ids()[index] = digest(uncompressed).into();
        self.blobs.remove(&before.unwrap_or_default());
        self.blobs.insert(digest(&content), content);
    }

    /// Puts another archive into the last layer but one, which is compressed.
    pub(crate) fn docs(&mut self, entries: impl IntoIterator<Item = tar::Header>) {
        let content = archive(entries);
        self.replace(3, gzip(&content), &content);
    }

    /// The bytes. The config is pinned unless the artifact says already what it is.
    pub(crate) fn finish(mut self) -> Finished {
        let config = (self.config_text)(pretty(&self.config));
        if let Some(descriptor) = self.manifest["config"].as_object_mut() {
            let digest = || digest(config.as_bytes()).into();
            descriptor.entry("digest").or_insert_with(digest);
            let size = || config.len().into();
            descriptor.entry("size").or_insert_with(size);
        }
        Finished {
            manifest: (self.manifest_text)(pretty(&self.manifest)).into_bytes(),
            config: config.into_bytes(),
            blobs: self.blobs,
        }
    }
}

impl Finished {
    /// Writes an OCI image layout. The config stands under the digest that the manifest gives it.
    pub(crate) fn write_layout(&self, root: &Path) {
        let write = |path: &str, content: &[u8]| {
            fs::write(root.join(path), content).expect("the layout can be written");
        };
        let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
        fs::create_dir_all(root.join("blobs/sha256")).expect("the layout can be written");
        for (digest, content) in &self.blobs {
            write(&blob(digest), content);
        }
        let manifest: Value = serde_json::from_slice(&self.manifest).unwrap_or_default();
        let promised = manifest["config"]["digest"].as_str();
        let is_digest = |text: &&str| text.parse::<Digest>().is_ok();
        let name = promised.filter(is_digest).map(str::to_owned);
        write(
            &blob(&name.unwrap_or_else(|| digest(&self.config))),
            &self.config,
        );
        let name = digest(&self.manifest);
        write(&blob(&name), &self.manifest);
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": name,
                "size": self.manifest.len(),
            }],
        });
        write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        write("index.json", index.to_string().as_bytes());
    }
}
