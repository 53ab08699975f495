//! Ways to break each requirement of an artifact in Docker's dialect.

use serde_json::{Value, json};

use super::{Mutation, broken};
use crate::reference::{FILEPATH, METADATA, archive, digest, entry};

pub(super) const MUTATIONS: &[Mutation] = &[
    broken("docker.config-type", "", &[], |s| {
        s.manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    }),
    broken("docker.artifact-type", "", &[], |s| {
        s.manifest["artifactType"] = "application/vnd.cncf.model.manifest.v1+json".into();
    }),
    broken("docker.layer", "", &["reader.manifest"], |s| {
        s.layers()[1]["size"] = json!(1.5);
    }),
    broken("docker.layer-type", "unknown", &[], |s| {
        s.layers()[1]["mediaType"] = "application/vnd.docker.ai.unknown".into();
    }),
    broken("docker.layer-type", "published", &[], |s| {
        s.layers()[3]["mediaType"] = "application/vnd.docker.ai.gguf.v3.mmproj".into();
    }),
    broken("docker.weights", "none", &[], |s| {
        s.layers()[0]["mediaType"] = "application/vnd.docker.ai.model.file".into();
    }),
    broken("docker.weights", "two-formats", &[], |s| {
        s.add(
            "safetensors",
            "model.safetensors",
            b"more weights\n".to_vec(),
            b"more weights\n",
        );
    }),
    broken("docker.filepath", "parent", &[], |s| {
        s.layers()[0]["annotations"][FILEPATH] = "../model.gguf".into();
    }),
    broken("docker.filepath", "twice", &[], |s| {
        s.layers()[0]["annotations"][FILEPATH] = "LICENSE".into();
    }),
    broken("docker.filepath-present", "", &["reader.manifest"], |s| {
        s.layers()[0]["annotations"][FILEPATH] = Value::Null;
    }),
    broken("docker.one-template", "template", &[], |s| {
        s.add(
            "chat.template.jinja",
            "other.jinja",
            b"other template\n".to_vec(),
            b"other template\n",
        );
    }),
    broken("docker.one-template", "projector", &[], |s| {
        s.add(
            "mmproj",
            "other.gguf",
            b"other projector\n".to_vec(),
            b"other projector\n",
        );
    }),
    broken("docker.equal-layers", "", &[], |s| {
        s.add("license", "COPYING", b"licence\n".to_vec(), b"licence\n");
    }),
    broken("docker.config-json", "", &["reader.config"], |s| {
        s.config_text = |text| text.replacen('{', "{\"config\": {},", 1);
    }),
    broken("docker.format", "unknown", &[], |s| {
        s.config["config"]["format"] = json!("onnx");
    }),
    broken("docker.format", "missing", &[], |s| {
        s.config["config"]["format"] = Value::Null;
    }),
    broken("docker.context-size", "large", &[], |s| {
        s.config["config"]["context_size"] = json!(4_294_967_301_u64);
    }),
    broken("docker.context-size", "text", &["reader.config"], |s| {
        s.config["config"]["context_size"] = json!("4096");
    }),
    broken("docker.created", "", &[], |s| {
        s.config["descriptor"]["createdAt"] = json!("2026-01-31T12:00:00Z");
    }),
    broken("docker.rootfs", "type", &[], |s| {
        s.config["rootfs"]["type"] = json!("layers");
    }),
    broken("docker.rootfs", "order", &[], |s| {
        s.config["rootfs"]["diff_ids"]
            .as_array_mut()
            .expect("it is an array")
            .swap(0, 1);
    }),
    broken("docker.rootfs", "count", &[], |s| {
        s.config["rootfs"]["diff_ids"]
            .as_array_mut()
            .expect("it is an array")
            .truncate(1);
    }),
    broken("reader.manifest", "config-and-manifests", &[], |s| {
        s.manifest["manifests"] = json!([]);
    }),
    broken("reader.config", "", &["docker.context-size"], |s| {
        s.config["config"]["context_size"] = json!([]);
    }),
    broken("reader.entries", "", &["docker.layer-type"], |s| {
        let content = archive([entry("../victim")]);
        s.add("dir.tar", "extra", content.clone(), &content);
    }),
    broken("reader.file-size", "", &[], |s| {
        let layer = &mut s.layers()[0]["annotations"][METADATA];
        *layer = layer
            .as_str()
            .unwrap_or_default()
            .replace("\"size\":8", "\"size\":9")
            .into();
    }),
    broken("blobs.present", "", &[], |s| {
        s.blobs.remove(&digest(b"weights\n"));
    }),
    broken("blobs.match", "wrong-byte", &[], |s| {
        s.blobs.insert(digest(b"weights\n"), b"Weights\n".to_vec());
    }),
    broken("blobs.readable", "", &["docker.layer-type"], |s| {
        s.add("dir.tar", "extra", vec![7; 1024], &[7; 1024]);
    }),
];
