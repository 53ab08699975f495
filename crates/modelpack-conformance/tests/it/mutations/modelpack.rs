//! Ways to break each requirement of a ModelPack artifact.

use serde_json::{Value, json};

use super::{Mutation, broken};
use crate::reference::{FILEPATH, METADATA, Reference, archive, digest, entry, gzip, link};

fn annotate(s: &mut Reference, key: &str, value: Value) {
    s.layers()[0]["annotations"][key] = value;
}

/// An archive with an extended attribute.
fn with_attribute() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_pax_extensions([("SCHILY.xattr.user.x", &b"y"[..])])
        .expect("memory can be written");
    let mut header = entry("docs/README.md");
    header.set_cksum();
    archive
        .append(&header, &b"text\n"[..])
        .expect("memory can be written");
    archive.into_inner().expect("memory can be written")
}

/// Where a config cannot be found, because its digest is none, it is judged as if it were empty.
pub(super) const MUTATIONS: &[Mutation] = &[
    broken("manifest.json", "key-twice", &["reader.manifest"], |s| {
        s.manifest_text = |text| text.replacen('{', "{\"schemaVersion\": 2,", 1);
    }),
    broken("manifest.schema-version", "", &["reader.manifest"], |s| {
        s.manifest["schemaVersion"] = json!(1);
    }),
    broken(
        "manifest.schema-version",
        "text",
        &["reader.manifest"],
        |s| {
            s.manifest["schemaVersion"] = json!("2");
        },
    ),
    broken("manifest.media-type", "missing", &[], |s| {
        s.manifest["mediaType"] = Value::Null;
    }),
    broken("manifest.media-type", "docker", &[], |s| {
        s.manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json".into();
    }),
    broken("manifest.artifact-type", "missing", &[], |s| {
        s.manifest["artifactType"] = Value::Null;
    }),
    broken("manifest.artifact-type", "older", &[], |s| {
        s.manifest["artifactType"] = "application/vnd.cnai.model.manifest.v1+json".into();
    }),
    broken(
        "manifest.config",
        "digest",
        &[
            "reader.manifest",
            "manifest.config-reference",
            "config.json",
            "reader.config",
        ],
        |s| {
            s.manifest["config"]["digest"] = "sha256:00".into();
        },
    ),
    broken("manifest.config", "size", &["reader.manifest"], |s| {
        s.manifest["config"]["size"] = json!(-1);
    }),
    broken("manifest.config-media-type", "", &[], |s| {
        s.manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    }),
    broken("manifest.config-reference", "size", &["blobs.match"], |s| {
        s.manifest["config"]["size"] = json!(1);
    }),
    broken(
        "manifest.config-reference",
        "digest",
        &["blobs.match"],
        |s| {
            s.manifest["config"]["digest"] = digest(b"another config\n").into();
        },
    ),
    broken("manifest.layers", "", &["reader.manifest"], |s| {
        s.manifest["layers"] = json!({});
    }),
    broken("manifest.subject", "", &["reader.manifest"], |s| {
        s.manifest["subject"]["size"] = Value::Null;
    }),
    broken("layers.descriptor", "size", &["reader.manifest"], |s| {
        s.layers()[0]["size"] = json!(1.5);
    }),
    broken("layers.descriptor", "digest", &["reader.manifest"], |s| {
        s.layers()[0]["digest"] = json!("md5:d41d8cd98f00b204e9800998ecf8427e");
    }),
    broken(
        "layers.descriptor",
        "media-type",
        &["reader.manifest"],
        |s| {
            s.layers()[0]["mediaType"] = Value::Null;
        },
    ),
    broken("layers.media-type", "", &[], |s| {
        s.layers()[2]["mediaType"] = "application/octet-stream".into();
    }),
    broken("layers.media-type", "older", &[], |s| {
        s.layers()[0]["mediaType"] = "application/vnd.cnai.model.weight.v1.raw".into();
    }),
    broken("layers.separate-weights", "", &[], |s| {
        let two = archive([entry("a.gguf"), entry("b.gguf")]);
        s.replace(1, two.clone(), &two);
    }),
    broken("layers.weights-uncompressed", "", &[], |s| {
        let plain = archive([entry("adapter.gguf")]);
        s.replace(1, gzip(&plain), &plain);
        s.layers()[1]["mediaType"] = "application/vnd.cncf.model.weight.v1.tar+gzip".into();
    }),
    broken("annotations.text", "", &["reader.manifest"], |s| {
        annotate(s, "com.example.x", json!(7));
    }),
    broken("annotations.key-shape", "", &[], |s| {
        annotate(s, "plain", json!("x"));
    }),
    broken("annotations.key-shape", "empty", &[], |s| {
        annotate(s, "", json!("x"));
    }),
    broken("annotations.reserved-keys", "", &[], |s| {
        annotate(s, "org.opencontainers.image.weights", json!("x"));
    }),
    broken("annotations.predefined-keys", "unknown", &[], |s| {
        annotate(s, "org.cncf.model.path", json!("x"));
    }),
    broken("annotations.predefined-keys", "older", &[], |s| {
        annotate(s, "org.cnai.model.filepath", json!("model.gguf"));
    }),
    broken("annotations.filepath", "parent", &["reader.paths"], |s| {
        annotate(s, FILEPATH, json!("../model.gguf"));
    }),
    broken("annotations.filepath", "absolute", &["reader.paths"], |s| {
        annotate(s, FILEPATH, json!("/model.gguf"));
    }),
    broken("annotations.file-metadata", "no-json", &[], |s| {
        annotate(s, METADATA, json!("{"));
    }),
    broken("annotations.file-metadata", "mtime", &[], |s| {
        annotate(
            s,
            METADATA,
            json!(r#"{"name":"model.gguf","mtime":"yesterday"}"#),
        );
    }),
    broken("annotations.untested", "", &[], |s| {
        annotate(s, "org.cncf.model.file.mediatype.untested", json!("yes"));
    }),
    broken("archive.file-attributes", "", &[], |s| {
        let mut header = entry("docs/README.md");
        header.as_mut_bytes()[136..148].copy_from_slice(b"yesterday\0\0\0");
        s.docs([header]);
    }),
    broken("archive.sorted", "", &[], |s| {
        s.docs([entry("docs/README.md"), entry("docs/LICENSE")]);
    }),
    broken("archive.constant-metadata", "mtime", &[], |s| {
        let mut header = entry("docs/README.md");
        header.set_mtime(1_700_000_000);
        s.docs([entry("docs/LICENSE"), header]);
    }),
    broken("archive.constant-metadata", "uid", &[], |s| {
        let mut header = entry("docs/README.md");
        header.set_uid(1000);
        s.docs([entry("docs/LICENSE"), header]);
    }),
    broken("archive.portable-metadata", "", &[], |s| {
        let content = with_attribute();
        s.replace(3, gzip(&content), &content);
    }),
    broken("config.json", "key-twice", &["reader.config"], |s| {
        s.config_text = |text| text.replacen('{', "{\"config\": {},", 1);
    }),
    broken("config.json", "null", &["reader.config"], |s| {
        s.config_text = |_| "null\n".to_owned();
    }),
    broken("config.descriptor", "", &["reader.config"], |s| {
        s.config["descriptor"] = Value::Null;
    }),
    broken("config.config", "", &["reader.config"], |s| {
        s.config["config"] = Value::Null;
    }),
    broken("config.modelfs", "", &["reader.config"], |s| {
        s.config["modelfs"] = Value::Null;
    }),
    broken("config.known-properties", "", &[], |s| {
        s.config["more"] = json!(1);
    }),
    broken(
        "config.known-properties",
        "snake-case",
        &["reader.config"],
        |s| {
            s.config["config"]["param_size"] = json!("1b");
        },
    ),
    broken(
        "config.descriptor.created-at-type",
        "",
        &["reader.config"],
        |s| {
            s.config["descriptor"]["createdAt"] = json!(0);
        },
    ),
    broken(
        "config.descriptor.created-at",
        "",
        &["reader.config"],
        |s| {
            s.config["descriptor"]["createdAt"] = json!("2025/01/01T00:00:00Z");
        },
    ),
    broken("config.descriptor.authors", "", &["reader.config"], |s| {
        s.config["descriptor"]["authors"] = json!("someone");
    }),
    broken("config.descriptor.vendor", "", &["reader.config"], |s| {
        s.config["descriptor"]["vendor"] = json!([]);
    }),
    broken("config.descriptor.family", "", &["reader.config"], |s| {
        s.config["descriptor"]["family"] = json!(1);
    }),
    broken("config.descriptor.version", "", &["reader.config"], |s| {
        s.config["descriptor"]["version"] = json!(3.1);
    }),
    broken("config.descriptor.title", "", &["reader.config"], |s| {
        s.config["descriptor"]["title"] = json!({});
    }),
    broken(
        "config.descriptor.description",
        "",
        &["reader.config"],
        |s| {
            s.config["descriptor"]["description"] = json!(true);
        },
    ),
    broken("config.descriptor.revision", "", &["reader.config"], |s| {
        s.config["descriptor"]["revision"] = json!(1);
    }),
    broken(
        "config.descriptor.name",
        "number",
        &["reader.config"],
        |s| {
            s.config["descriptor"]["name"] = json!(1);
        },
    ),
    broken("config.descriptor.name", "empty", &[], |s| {
        s.config["descriptor"]["name"] = json!("");
    }),
    broken("config.descriptor.doc-url", "", &["reader.config"], |s| {
        s.config["descriptor"]["docURL"] = json!([]);
    }),
    broken(
        "config.descriptor.source-url",
        "",
        &["reader.config"],
        |s| {
            s.config["descriptor"]["sourceURL"] = json!([]);
        },
    ),
    broken(
        "config.descriptor.datasets-url",
        "",
        &["reader.config"],
        |s| {
            s.config["descriptor"]["datasetsURL"] = json!("https://example.com/data");
        },
    ),
    broken("config.descriptor.licenses", "", &["reader.config"], |s| {
        s.config["descriptor"]["licenses"] = json!("MIT");
    }),
    broken("config.descriptor.licenses-spdx", "", &[], |s| {
        s.config["descriptor"]["licenses"] = json!(["Apache 2.0"]);
    }),
    broken("config.config.architecture", "", &["reader.config"], |s| {
        s.config["config"]["architecture"] = json!(1);
    }),
    broken("config.config.format", "", &["reader.config"], |s| {
        s.config["config"]["format"] = json!(1);
    }),
    broken(
        "config.config.param-size-type",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["paramSize"] = json!(8_000_000);
        },
    ),
    broken("config.config.param-size", "two-decimals", &[], |s| {
        s.config["config"]["paramSize"] = json!("6.75B");
    }),
    broken("config.config.param-size", "words", &[], |s| {
        s.config["config"]["paramSize"] = json!("8 billion");
    }),
    broken("config.config.param-size", "no-count", &[], |s| {
        s.config["config"]["paramSize"] = json!("B");
    }),
    broken("config.config.param-size", "negative", &[], |s| {
        s.config["config"]["paramSize"] = json!("-1B");
    }),
    broken("config.config.param-size", "no-scale", &[], |s| {
        s.config["config"]["paramSize"] = json!("8");
    }),
    broken("config.config.param-size", "unknown-scale", &[], |s| {
        s.config["config"]["paramSize"] = json!("8g");
    }),
    broken(
        "config.config.precision-type",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["precision"] = json!(16);
        },
    ),
    broken("config.config.precision", "unknown", &[], |s| {
        s.config["config"]["precision"] = json!("fp16");
    }),
    broken("config.config.precision", "space", &[], |s| {
        s.config["config"]["precision"] = json!("float16, int8");
    }),
    broken("config.config.precision", "comma", &[], |s| {
        s.config["config"]["precision"] = json!("float16,");
    }),
    broken("config.config.quantization", "", &["reader.config"], |s| {
        s.config["config"]["quantization"] = json!(4);
    }),
    broken("config.capabilities", "", &["reader.config"], |s| {
        s.config["config"]["capabilities"] = json!([]);
    }),
    broken("config.capabilities.input-types", "", &[], |s| {
        s.config["config"]["capabilities"]["inputTypes"] = json!(["img"]);
    }),
    broken(
        "config.capabilities.output-types",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["capabilities"]["outputTypes"] = json!("text");
        },
    ),
    broken(
        "config.capabilities.knowledge-cutoff-type",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["capabilities"]["knowledgeCutoff"] = json!(2025);
        },
    ),
    broken(
        "config.capabilities.knowledge-cutoff",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["capabilities"]["knowledgeCutoff"] = json!("2025-01-01");
        },
    ),
    broken(
        "config.capabilities.reasoning",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["capabilities"]["reasoning"] = json!("true");
        },
    ),
    broken(
        "config.capabilities.tool-usage",
        "",
        &["reader.config"],
        |s| {
            s.config["config"]["capabilities"]["toolUsage"] = json!(1);
        },
    ),
    broken("config.capabilities.reward", "", &["reader.config"], |s| {
        s.config["config"]["capabilities"]["reward"] = json!("no");
    }),
    broken("config.capabilities.languages", "", &[], |s| {
        s.config["config"]["capabilities"]["languages"] = json!(["deu"]);
    }),
    broken("config.modelfs.type", "", &[], |s| {
        s.config["modelfs"]["type"] = json!("layer");
    }),
    broken(
        "config.modelfs.diff-ids",
        "empty",
        &["config.modelfs.diff-ids-count"],
        |s| {
            s.config["modelfs"]["diffIds"] = json!([]);
        },
    ),
    broken(
        "config.modelfs.diff-ids",
        "digest",
        &["reader.config"],
        |s| {
            s.config["modelfs"]["diffIds"][4] = json!("sha256:00");
        },
    ),
    broken("config.modelfs.diff-ids-count", "", &[], |s| {
        s.config["modelfs"]["diffIds"]
            .as_array_mut()
            .expect("it is an array")
            .truncate(4);
    }),
    broken(
        "config.modelfs.diff-ids-order",
        "",
        &["blobs.diff-ids"],
        |s| {
            s.config["modelfs"]["diffIds"]
                .as_array_mut()
                .expect("it is an array")
                .swap(0, 2);
        },
    ),
    broken("reader.manifest", "config-and-manifests", &[], |s| {
        s.manifest["manifests"] = json!([]);
    }),
    broken(
        "reader.config",
        "no-such-day",
        &["config.descriptor.created-at"],
        |s| {
            s.config["descriptor"]["createdAt"] = json!("2026-02-30T00:00:00Z");
        },
    ),
    broken("reader.paths", "upper-case", &[], |s| {
        annotate(s, FILEPATH, json!("ADAPTER.gguf"));
    }),
    broken("reader.paths", "below-a-file", &[], |s| {
        annotate(s, FILEPATH, json!("docs/model.gguf"));
    }),
    broken("reader.entries", "parent", &[], |s| {
        s.docs([entry("../victim")]);
    }),
    broken("reader.entries", "absolute", &[], |s| {
        s.docs([entry("/victim")]);
    }),
    broken("reader.entries", "hidden-parent", &[], |s| {
        s.docs([entry("docs/../../victim")]);
    }),
    broken("reader.entries", "link-out", &[], |s| {
        s.docs([link(tar::EntryType::Symlink, "docs/link", "../../victim")]);
    }),
    broken("reader.entries", "hard-link-out", &[], |s| {
        s.docs([link(tar::EntryType::Link, "docs/link", "/victim")]);
    }),
    broken("reader.entries", "through-a-link", &[], |s| {
        s.docs([
            link(tar::EntryType::Symlink, "docs", "inside"),
            entry("docs/README.md"),
        ]);
    }),
    broken("reader.entries", "device", &[], |s| {
        s.docs([link(tar::EntryType::Char, "docs/null", "")]);
    }),
    broken("reader.entries", "twice", &[], |s| {
        s.docs([entry("docs/README.md"), entry("docs/README.md")]);
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
    broken("blobs.match", "size", &[], |s| {
        s.layers()[3]["size"] = json!(1);
    }),
    broken("blobs.match", "wrong-byte", &["blobs.diff-ids"], |s| {
        s.blobs.insert(digest(b"weights\n"), b"Weights\n".to_vec());
    }),
    broken("blobs.match", "cut", &["blobs.diff-ids"], |s| {
        s.blobs.insert(digest(b"weights\n"), b"weigh".to_vec());
    }),
    broken("blobs.readable", "no-gzip", &[], |s| {
        s.replace(3, b"no gzip\n".to_vec(), b"no gzip\n");
    }),
    broken("blobs.readable", "no-tar", &[], |s| {
        s.replace(1, vec![7; 1024], &[7; 1024]);
    }),
    broken("blobs.diff-ids", "of-compressed", &[], |s| {
        s.config["modelfs"]["diffIds"][3] = s.manifest["layers"][3]["digest"].clone();
    }),
];
