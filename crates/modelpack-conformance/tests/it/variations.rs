//! Changes of the reference artifacts that break nothing: the valid edge of a requirement.

use modelpack_conformance::RuleSet;
use serde_json::{Value, json};

use crate::mutations::{Mutation, broken as still};
use crate::reference::{FILEPATH, entry, link};

pub(crate) fn all(set: RuleSet) -> &'static [Mutation] {
    match set {
        RuleSet::ModelPack => MODELPACK,
        RuleSet::Docker => DOCKER,
    }
}

const MODELPACK: &[Mutation] = &[
    still("manifest.subject", "none", &[], |s| {
        s.manifest["subject"] = Value::Null
    }),
    still("config.known-properties", "minimal", &[], |s| {
        s.config["descriptor"] = json!({});
        s.config["config"] = json!({});
    }),
    still("config.descriptor.created-at", "zulu", &[], |s| {
        s.config["descriptor"]["createdAt"] = json!("2026-01-31T12:00:00Z");
    }),
    still("config.descriptor.licenses-spdx", "reference", &[], |s| {
        s.config["descriptor"]["licenses"] = json!(["LicenseRef-Example"]);
    }),
    still("config.config.param-size", "lower-case", &[], |s| {
        s.config["config"]["paramSize"] = json!("8b");
    }),
    still("config.config.param-size", "quadrillions", &[], |s| {
        s.config["config"]["paramSize"] = json!("0.5Q");
    }),
    still("config.config.param-size", "thousands", &[], |s| {
        s.config["config"]["paramSize"] = json!("107k");
    }),
    still("config.config.precision", "one", &[], |s| {
        s.config["config"]["precision"] = json!("bfloat16");
    }),
    still("config.capabilities", "none", &[], |s| {
        s.config["config"]["capabilities"] = json!({});
    }),
    still("config.capabilities.languages", "none", &[], |s| {
        s.config["config"]["capabilities"]["languages"] = json!([]);
    }),
    still("annotations.reserved-keys", "title", &[], |s| {
        s.layers()[0]["annotations"]["org.opencontainers.image.title"] = json!("model.gguf");
    }),
    still("annotations.filepath", "below", &[], |s| {
        s.layers()[0]["annotations"][FILEPATH] = json!("weights/model..v2.gguf");
    }),
    still("archive.sorted", "directories", &[], |s| {
        let mut directory = entry("docs/");
        directory.set_entry_type(tar::EntryType::Directory);
        directory.set_mode(0o755);
        directory.set_size(0);
        s.docs([directory, entry("docs/LICENSE"), entry("docs/README.md")]);
    }),
    still("reader.entries", "link-inside", &[], |s| {
        s.docs([
            entry("docs/README.md"),
            link(
                tar::EntryType::Symlink,
                "docs/about/README.md",
                "../README.md",
            ),
        ]);
    }),
];

const DOCKER: &[Mutation] = &[
    still("docker.config-type", "directory", &[], |s| {
        let v02 = "application/vnd.docker.ai.model.config.v0.2+json";
        s.manifest["config"]["mediaType"] = json!(v02);
    }),
    still("docker.context-size", "none", &[], |s| {
        s.config["config"]["context_size"] = Value::Null;
    }),
    still("docker.context-size", "unlimited", &[], |s| {
        s.config["config"]["context_size"] = json!(-1);
    }),
    still("docker.weights", "shards", &[], |s| {
        s.add(
            "gguf.v3",
            "model-2.gguf",
            b"the second shard\n".to_vec(),
            b"the second shard\n",
        );
    }),
];
