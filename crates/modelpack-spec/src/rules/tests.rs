//! Every rule is broken alone by one mutation of an artifact that breaks none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Artifact, Contents, Entry, all, check, check_artifact, check_config};
use crate::Digest;

/// An artifact that can be changed piece by piece.
struct Sample {
    manifest: Value,
    config: Value,
    contents: Vec<Option<Contents>>,
    /// Text that takes the place of the manifest or the config as a whole.
    manifest_text: Option<&'static str>,
    config_text: Option<&'static str>,
}

fn entry(path: &str) -> Entry {
    Entry {
        is_file: true,
        mtime: Some(0),
        uid: Some(0),
        gid: Some(0),
        mode: Some(0o644),
        ..Entry::new(path)
    }
}

/// Four layers with everything that the specification describes, all of it right.
fn reference() -> Sample {
    let id = |name: &str| Digest::sha256(name.as_bytes()).to_string();
    let layer = |media_type: &str, name: &str| {
        let metadata = json!({
            "name": name, "mode": 420, "uid": 0, "gid": 0, "size": 7,
            "mtime": "1970-01-01T00:00:00Z", "typeflag": 0
        });
        json!({
            "mediaType": format!("application/vnd.cncf.model.{media_type}"),
            "digest": id(name),
            "size": 7,
            "annotations": {
                "org.cncf.model.filepath": name,
                "org.cncf.model.file.metadata+json": metadata.to_string(),
                "org.cncf.model.file.mediatype.untested": "false",
                "org.opencontainers.image.title": name,
            }
        })
    };
    Sample {
        manifest: json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.cncf.model.manifest.v1+json",
            "config": { "mediaType": "application/vnd.cncf.model.config.v1+json" },
            "layers": [
                layer("weight.v1.raw", "model.gguf"),
                layer("weight.v1.tar", "adapter.gguf"),
                layer("weight.config.v1.raw", "config.json"),
                layer("doc.v1.tar+gzip", "README.md"),
            ],
            "annotations": { "com.example.built-by": "a test" },
        }),
        config: json!({
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
            "modelfs": {
                "type": "layers",
                "diffIds": [id("model.gguf"), id("adapter.gguf"), id("config.json"), id("the tar")],
            },
        }),
        contents: vec![
            None,
            Some(Contents::new(vec![entry("adapter.gguf")])),
            None,
            Some(Contents::new(vec![entry("LICENSE"), entry("README.md")])),
        ],
        manifest_text: None,
        config_text: None,
    }
}

/// What is broken after `mutate`. The config is pinned again unless the mutation pinned it itself.
fn broken(mutate: impl FnOnce(&mut Sample)) -> Vec<super::Violation> {
    let mut sample = reference();
    mutate(&mut sample);
    let config = sample
        .config_text
        .map_or_else(|| sample.config.to_string(), str::to_owned);
    if let Some(reference) = sample.manifest["config"].as_object_mut() {
        reference
            .entry("digest")
            .or_insert_with(|| Digest::sha256(config.as_bytes()).to_string().into());
        reference
            .entry("size")
            .or_insert_with(|| config.len().into());
    }
    let manifest = sample
        .manifest_text
        .map_or_else(|| sample.manifest.to_string(), str::to_owned);
    check(&Artifact::new(manifest.as_bytes(), config.as_bytes()).with_contents(sample.contents))
}

#[test]
fn the_reference_artifact_is_clean() {
    let found: Vec<String> = broken(|_| ()).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{found:#?}");
}

fn archive(sample: &mut Sample) -> &mut Vec<Entry> {
    &mut sample.contents[3]
        .as_mut()
        .expect("the fourth layer is an archive")
        .entries
}

fn set_layer(sample: &mut Sample, key: &str, value: impl Into<Value>) {
    sample.manifest["layers"][0]["annotations"][key] = value.into();
}

type Mutation = fn(&mut Sample);

/// Rule, pointer of the finding, mutation.
const CASES: &[(&str, &str, Mutation)] = &[
    ("manifest.json", "", |s| s.manifest_text = Some("<html>")),
    ("manifest.json", "", |s| s.manifest_text = Some("[]")),
    ("manifest.schema-version", "/schemaVersion", |s| {
        s.manifest["schemaVersion"] = json!(1)
    }),
    ("manifest.schema-version", "/schemaVersion", |s| {
        s.manifest["schemaVersion"] = json!("2")
    }),
    ("manifest.media-type", "/mediaType", |s| {
        s.manifest["mediaType"] = Value::Null
    }),
    ("manifest.media-type", "/mediaType", |s| {
        s.manifest["mediaType"] = "application/json".into()
    }),
    ("manifest.artifact-type", "/artifactType", |s| {
        s.manifest["artifactType"] = Value::Null
    }),
    ("manifest.artifact-type", "/artifactType", |s| {
        s.manifest["artifactType"] = "application/vnd.cnai.model.manifest.v1+json".into();
    }),
    ("manifest.config", "/config", |s| {
        s.manifest["config"] = Value::Null
    }),
    ("manifest.config", "/config/mediaType", |s| {
        s.manifest["config"]["mediaType"] = Value::Null
    }),
    ("manifest.config", "/config/digest", |s| {
        s.manifest["config"]["digest"] = "sha256:00".into()
    }),
    ("manifest.config", "/config/size", |s| {
        s.manifest["config"]["size"] = json!(-1)
    }),
    ("manifest.config-media-type", "/config/mediaType", |s| {
        s.manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    }),
    ("manifest.config-reference", "/config/size", |s| {
        s.manifest["config"]["size"] = json!(1)
    }),
    ("manifest.config-reference", "/config/digest", |s| {
        s.manifest["config"]["digest"] = Digest::sha256(b"other").to_string().into();
    }),
    ("manifest.layers", "/layers", |s| {
        s.manifest["layers"] = Value::Null
    }),
    ("manifest.layers", "/layers", |s| {
        s.manifest["layers"] = json!({})
    }),
    ("manifest.subject", "/subject/size", |s| {
        s.manifest["subject"] =
            json!({"mediaType": "a/b", "digest": Digest::sha256(b"").to_string()});
    }),
    ("layers.descriptor", "/layers/0/size", |s| {
        s.manifest["layers"][0]["size"] = json!(1.5)
    }),
    ("layers.descriptor", "/layers/0/digest", |s| {
        s.manifest["layers"][0]["digest"] = json!(7)
    }),
    ("layers.descriptor", "/layers/0/mediaType", |s| {
        s.manifest["layers"][0]["mediaType"] = json!([])
    }),
    ("layers.descriptor", "/layers/3", |s| {
        s.manifest["layers"][3] = json!("x")
    }),
    ("layers.media-type", "/layers/0/mediaType", |s| {
        s.manifest["layers"][0]["mediaType"] = "application/vnd.cnai.model.weight.v1.raw".into();
    }),
    ("layers.media-type", "/layers/0/mediaType", |s| {
        s.manifest["layers"][0]["mediaType"] = "application/octet-stream".into();
    }),
    ("layers.separate-weights", "/layers/1", |s| {
        s.contents[1] = Some(Contents::new(vec![entry("a.bin"), entry("b.bin")]));
    }),
    ("layers.weights-uncompressed", "/layers/1/mediaType", |s| {
        s.manifest["layers"][1]["mediaType"] =
            "application/vnd.cncf.model.weight.v1.tar+zstd".into();
    }),
    (
        "annotations.text",
        "/layers/0/annotations/com.example.x",
        |s| set_layer(s, "com.example.x", 7),
    ),
    ("annotations.text", "/annotations", |s| {
        s.manifest["annotations"] = json!([])
    }),
    (
        "annotations.key-shape",
        "/layers/0/annotations/plain",
        |s| set_layer(s, "plain", "x"),
    ),
    ("annotations.key-shape", "/layers/0/annotations/", |s| {
        set_layer(s, "", "x")
    }),
    (
        "annotations.key-shape",
        "/layers/0/annotations/~0a~1b",
        |s| set_layer(s, "~a/b", "x"),
    ),
    (
        "annotations.reserved-keys",
        "/layers/0/annotations/org.opencontainers.image.weights",
        |s| {
            set_layer(s, "org.opencontainers.image.weights", "x");
        },
    ),
    (
        "annotations.predefined-keys",
        "/layers/0/annotations/org.cncf.model.path",
        |s| {
            set_layer(s, "org.cncf.model.path", "x");
        },
    ),
    (
        "annotations.predefined-keys",
        "/layers/0/annotations/org.cnai.model.filepath",
        |s| {
            set_layer(s, "org.cnai.model.filepath", "x");
        },
    ),
    (
        "annotations.filepath",
        "/layers/0/annotations/org.cncf.model.filepath",
        |s| {
            set_layer(s, "org.cncf.model.filepath", "../model.gguf");
        },
    ),
    (
        "annotations.file-metadata",
        "/layers/0/annotations/org.cncf.model.file.metadata+json",
        |s| {
            set_layer(s, "org.cncf.model.file.metadata+json", "{");
        },
    ),
    (
        "annotations.file-metadata",
        "/layers/0/annotations/org.cncf.model.file.metadata+json",
        |s| {
            set_layer(
                s,
                "org.cncf.model.file.metadata+json",
                r#"{"name":"x","mtime":"yesterday"}"#,
            );
        },
    ),
    (
        "annotations.untested",
        "/layers/0/annotations/org.cncf.model.file.mediatype.untested",
        |s| {
            set_layer(s, "org.cncf.model.file.mediatype.untested", "yes");
        },
    ),
    ("archive.file-attributes", "/layers/3", |s| {
        archive(s)[1].mode = None
    }),
    ("archive.sorted", "/layers/3", |s| archive(s).swap(0, 1)),
    ("archive.constant-metadata", "/layers/3", |s| {
        archive(s)[1].mtime = Some(1_700_000_000)
    }),
    ("archive.constant-metadata", "/layers/3", |s| {
        archive(s).iter_mut().for_each(|e| e.uid = Some(1000))
    }),
    ("archive.portable-metadata", "/layers/3", |s| {
        archive(s)[0]
            .platform_keys
            .push("SCHILY.xattr.user.x".into());
    }),
    ("config.json", "", |s| s.config_text = Some("null")),
    ("config.json", "", |s| s.config_text = Some("")),
    ("config.descriptor", "/descriptor", |s| {
        s.config["descriptor"] = Value::Null
    }),
    ("config.config", "/config", |s| {
        s.config["config"] = json!("x")
    }),
    ("config.modelfs", "/modelfs", |s| {
        s.config["modelfs"] = Value::Null
    }),
    ("config.known-properties", "/more", |s| {
        s.config["more"] = json!(1)
    }),
    ("config.known-properties", "/config/param_size", |s| {
        s.config["config"]["param_size"] = "1b".into()
    }),
    (
        "config.descriptor.created-at-type",
        "/descriptor/createdAt",
        |s| s.config["descriptor"]["createdAt"] = json!(0),
    ),
    (
        "config.descriptor.created-at",
        "/descriptor/createdAt",
        |s| s.config["descriptor"]["createdAt"] = "2025/01/01T00:00:00Z".into(),
    ),
    ("config.descriptor.authors", "/descriptor/authors", |s| {
        s.config["descriptor"]["authors"] = "x".into()
    }),
    ("config.descriptor.vendor", "/descriptor/vendor", |s| {
        s.config["descriptor"]["vendor"] = json!([])
    }),
    ("config.descriptor.family", "/descriptor/family", |s| {
        s.config["descriptor"]["family"] = json!(1)
    }),
    ("config.descriptor.name", "/descriptor/name", |s| {
        s.config["descriptor"]["name"] = json!(1)
    }),
    ("config.descriptor.name", "/descriptor/name", |s| {
        s.config["descriptor"]["name"] = "".into()
    }),
    ("config.descriptor.version", "/descriptor/version", |s| {
        s.config["descriptor"]["version"] = json!(3.1)
    }),
    ("config.descriptor.title", "/descriptor/title", |s| {
        s.config["descriptor"]["title"] = json!({})
    }),
    (
        "config.descriptor.description",
        "/descriptor/description",
        |s| s.config["descriptor"]["description"] = json!(true),
    ),
    ("config.descriptor.doc-url", "/descriptor/docURL", |s| {
        s.config["descriptor"]["docURL"] = json!([])
    }),
    (
        "config.descriptor.source-url",
        "/descriptor/sourceURL",
        |s| s.config["descriptor"]["sourceURL"] = json!([]),
    ),
    (
        "config.descriptor.datasets-url",
        "/descriptor/datasetsURL",
        |s| s.config["descriptor"]["datasetsURL"] = "x".into(),
    ),
    ("config.descriptor.revision", "/descriptor/revision", |s| {
        s.config["descriptor"]["revision"] = json!(1)
    }),
    (
        "config.descriptor.licenses",
        "/descriptor/licenses/0",
        |s| s.config["descriptor"]["licenses"] = json!([1]),
    ),
    (
        "config.descriptor.licenses-spdx",
        "/descriptor/licenses/0",
        |s| s.config["descriptor"]["licenses"] = json!(["Apache 2.0"]),
    ),
    ("config.config.architecture", "/config/architecture", |s| {
        s.config["config"]["architecture"] = json!(1)
    }),
    ("config.config.format", "/config/format", |s| {
        s.config["config"]["format"] = json!(1)
    }),
    ("config.config.param-size-type", "/config/paramSize", |s| {
        s.config["config"]["paramSize"] = json!(8_000_000)
    }),
    ("config.config.param-size", "/config/paramSize", |s| {
        s.config["config"]["paramSize"] = "6.75B".into()
    }),
    ("config.config.precision-type", "/config/precision", |s| {
        s.config["config"]["precision"] = json!(16)
    }),
    ("config.config.precision", "/config/precision", |s| {
        s.config["config"]["precision"] = "fp16".into()
    }),
    ("config.config.quantization", "/config/quantization", |s| {
        s.config["config"]["quantization"] = json!(4)
    }),
    ("config.capabilities", "/config/capabilities", |s| {
        s.config["config"]["capabilities"] = json!([])
    }),
    (
        "config.capabilities.input-types",
        "/config/capabilities/inputTypes/0",
        |s| s.config["config"]["capabilities"]["inputTypes"] = json!(["img"]),
    ),
    (
        "config.capabilities.output-types",
        "/config/capabilities/outputTypes",
        |s| s.config["config"]["capabilities"]["outputTypes"] = "text".into(),
    ),
    (
        "config.capabilities.knowledge-cutoff-type",
        "/config/capabilities/knowledgeCutoff",
        |s| s.config["config"]["capabilities"]["knowledgeCutoff"] = json!(2025),
    ),
    (
        "config.capabilities.knowledge-cutoff",
        "/config/capabilities/knowledgeCutoff",
        |s| s.config["config"]["capabilities"]["knowledgeCutoff"] = "2025-01-01".into(),
    ),
    (
        "config.capabilities.reasoning",
        "/config/capabilities/reasoning",
        |s| s.config["config"]["capabilities"]["reasoning"] = "true".into(),
    ),
    (
        "config.capabilities.tool-usage",
        "/config/capabilities/toolUsage",
        |s| s.config["config"]["capabilities"]["toolUsage"] = json!(1),
    ),
    (
        "config.capabilities.reward",
        "/config/capabilities/reward",
        |s| s.config["config"]["capabilities"]["reward"] = "no".into(),
    ),
    (
        "config.capabilities.languages",
        "/config/capabilities/languages/0",
        |s| s.config["config"]["capabilities"]["languages"] = json!(["fra"]),
    ),
    ("config.modelfs.type", "/modelfs/type", |s| {
        s.config["modelfs"]["type"] = "layer".into()
    }),
    ("config.modelfs.diff-ids", "/modelfs/diffIds", |s| {
        s.config["modelfs"]["diffIds"] = "sha256:00".into()
    }),
    ("config.modelfs.diff-ids", "/modelfs/diffIds/0", |s| {
        s.config["modelfs"]["diffIds"][0] = "md5:00".into()
    }),
    ("config.modelfs.diff-ids-count", "/modelfs/diffIds", |s| {
        s.config["modelfs"]["diffIds"]
            .as_array_mut()
            .expect("diff ids are an array")
            .truncate(3);
    }),
    ("config.modelfs.diff-ids-order", "/modelfs/diffIds/0", |s| {
        s.config["modelfs"]["diffIds"][0] = Digest::sha256(b"another").to_string().into();
    }),
];

#[test]
fn each_mutation_breaks_one_rule_alone() {
    for (id, pointer, mutate) in CASES {
        let found = broken(mutate);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|violation| (violation.rule.id, violation.pointer.as_str()))
            .collect();
        assert_eq!(found, [(*id, *pointer)]);
    }
}

#[test]
fn every_rule_has_a_mutation() {
    let broken: BTreeSet<&str> = CASES.iter().map(|(id, _, _)| *id).collect();
    let rules: BTreeSet<&str> = all().map(|rule| rule.id).collect();
    assert_eq!(broken, rules);
    assert_eq!(all().count(), rules.len(), "two rules have one id");
}

#[test]
fn an_anchor_is_the_address_of_a_section() {
    for rule in all() {
        let (page, fragment) = rule
            .anchor
            .split_once('#')
            .expect("an anchor has a fragment");
        assert!(page.starts_with("https://github.com/"), "{rule:?}");
        assert!(!fragment.is_empty(), "{rule:?}");
    }
}

#[test]
fn a_key_that_stands_twice_is_found_and_the_rest_still_judged() {
    let config = br#"{"descriptor":{},"config":{},"config":{"format":1},"modelfs":{}}"#;
    let found: Vec<&str> = check_config(config)
        .iter()
        .map(|found| found.rule.id)
        .collect();
    assert_eq!(
        found,
        [
            "config.json",
            "config.config.format",
            "config.modelfs.type",
            "config.modelfs.diff-ids"
        ]
    );
}

#[test]
fn bytes_that_are_no_json_break_one_rule_per_document() {
    let found: Vec<String> = check_artifact(b"", b"\xff")
        .iter()
        .map(|found| format!("{} {}", found.rule.subject, found.rule.id))
        .collect();
    assert_eq!(found, ["manifest manifest.json", "config config.json"]);
}

#[test]
fn licence_expressions() {
    let check = |text, expected| assert_eq!(super::spdx::is_expression(text), expected, "{text:?}");
    for text in [
        "MIT",
        "apache-2.0",
        "GPL-2.0+",
        "LicenseRef-Qwen",
        "DocumentRef-x:LicenseRef-y",
        "MIT OR Apache-2.0",
        "(MIT AND (BSD-3-Clause OR ISC))",
        "GPL-2.0-only WITH Classpath-exception-2.0",
    ] {
        check(text, true);
    }
    for text in [
        "",
        " ",
        "Apache 2.0",
        "MIT OR",
        "OR MIT",
        "(MIT",
        "MIT)",
        "()",
        "MIT, ISC",
        "a:b:c",
        "+",
    ] {
        check(text, false);
    }
}
