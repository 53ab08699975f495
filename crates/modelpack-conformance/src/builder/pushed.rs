//! What a tool pushed: the files in an artifact, and the artifact as an OCI image layout.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use modelpack_faulty::{Contents, sha256_digest};
use modelpack_spec::Digest;
use serde_json::{Value, json};

use crate::served::MANIFEST;

/// Most bytes that the layers of an artifact may grow to: no directory of the suite has a hundredth of it.
const MAX_PLAIN_BYTES: u64 = 256 * 1024 * 1024;

/// An artifact in the registry of the suite.
pub(super) struct Pushed<'a> {
    contents: &'a Contents,
    repository: &'a str,
    manifest: Vec<u8>,
    document: Value,
}

/// A file in an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// `weight`, `weight.config`, `doc`, `code`, `dataset`.
    pub(super) kind: String,
    /// Permission bits, where the artifact says them.
    pub(super) mode: Option<u64>,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

/// Files by path. What is wrong with an artifact that has a path twice is told beside it.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) files: BTreeMap<String, File>,
    pub(super) problems: Vec<String>,
}

impl<'a> Pushed<'a> {
    /// The artifact of this name, if there is one that can be read at all.
    pub(super) fn find(contents: &'a Contents, repository: &'a str, tag: &str) -> Option<Self> {
        let manifest = contents.manifest(repository, tag)?;
        let document = serde_json::from_slice(&manifest).unwrap_or_default();
        Some(Self {
            contents,
            repository,
            manifest,
            document,
        })
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.manifest).into_owned()
    }

    /// The descriptors of the layers, annotations included.
    pub(super) fn layers(&self) -> &[Value] {
        self.document["layers"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    fn blob(&self, descriptor: &Value) -> Option<Vec<u8>> {
        let digest = descriptor["digest"].as_str()?;
        self.contents.blob(self.repository, digest)
    }

    pub(super) fn files(&self) -> Files {
        let mut found = Files::default();
        for (index, layer) in self.layers().iter().enumerate() {
            if let Err(problem) = self.read_layer(layer, &mut found) {
                found.problems.push(format!("layer {index}: {problem}"));
            }
        }
        found
    }

    fn read_layer(&self, layer: &Value, found: &mut Files) -> Result<(), String> {
        let media_type = layer["mediaType"].as_str().unwrap_or_default();
        let (kind, encoding) =
            split(media_type).ok_or_else(|| format!("`{media_type}` is no layer of a model"))?;
        let blob = self.blob(layer).ok_or("its blob was not pushed")?;
        let annotation = |name: &str| {
            let families = ["org.cncf.model.", "org.cnai.model."];
            let mut values = families
                .iter()
                .map(|family| &layer["annotations"][format!("{family}{name}")]);
            values.find_map(Value::as_str)
        };
        let archive: Box<dyn Read> = match encoding {
            "raw" => {
                let path = annotation("filepath").ok_or("it has no path")?;
                let metadata = annotation("file.metadata+json")
                    .and_then(|text| serde_json::from_str::<Value>(text).ok());
                let mode = metadata.and_then(|metadata| metadata["mode"].as_u64());
                found.add(path, kind, mode, &blob);
                return Ok(());
            }
            "tar" => Box::new(&blob[..]),
            "tar+gzip" => Box::new(flate2::read::MultiGzDecoder::new(&blob[..])),
            "tar+zstd" => {
                let decoder = zstd::Decoder::new(&blob[..]);
                Box::new(decoder.map_err(|error| error.to_string())?)
            }
            other => return Err(format!("`{other}` is no encoding")),
        };
        let read = || -> io::Result<()> {
            for entry in tar::Archive::new(archive.take(MAX_PLAIN_BYTES)).entries()? {
                let mut entry = entry?;
                if !entry.header().entry_type().is_file() {
                    continue;
                }
                let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let mode = entry.header().mode().ok().map(u64::from);
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                found.add(path.trim_start_matches("./"), kind, mode, &content);
            }
            Ok(())
        };
        read().map_err(|error| error.to_string())
    }

    /// Writes the artifact where the suite `artifact` reads it.
    pub(super) fn write_layout(&self, root: &Path) -> io::Result<()> {
        let blobs = root.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        let put = |digest: &str, content: &[u8]| match digest.split_once(':') {
            // Only digits and letters: a digest of the tool's own making must not become a path.
            Some(("sha256", hex)) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                fs::write(blobs.join(hex), content)
            }
            _ => Ok(()),
        };
        let digest = sha256_digest(&self.manifest);
        put(&digest, &self.manifest)?;
        let config = std::iter::once(&self.document["config"]);
        for descriptor in config.chain(self.layers()) {
            if let (Some(digest), Some(content)) =
                (descriptor["digest"].as_str(), self.blob(descriptor))
            {
                put(digest, &content)?;
            }
        }
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{ "mediaType": MANIFEST, "digest": digest, "size": self.manifest.len() }],
        });
        fs::write(root.join("index.json"), index.to_string())?;
        fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
    }
}

impl Files {
    fn add(&mut self, path: &str, kind: &str, mode: Option<u64>, content: &[u8]) {
        let file = File {
            kind: kind.to_owned(),
            mode,
            size: content.len() as u64,
            digest: Digest::sha256(content),
        };
        if self.files.insert(path.to_owned(), file).is_some() {
            self.problems.push(format!("`{path}` is there twice"));
        }
    }
}

/// `application/vnd.cncf.model.weight.config.v1.tar+gzip` → `weight.config`, `tar+gzip`.
fn split(media_type: &str) -> Option<(&str, &str)> {
    let families = ["application/vnd.cncf.model.", "application/vnd.cnai.model."];
    let mut stripped = families
        .iter()
        .map(|family| media_type.strip_prefix(family));
    stripped.find_map(|rest| rest)?.split_once(".v1.")
}
