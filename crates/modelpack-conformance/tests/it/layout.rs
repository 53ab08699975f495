//! What the suite says of layouts that are right, and of ones that are wrong in one way.

use std::fs;

use modelpack_conformance::{Error, Outcome, Report, judge_artifact, judge_layout};
use modelpack_spec::Digest;
use serde_json::json;

use crate::sample::{NAME, Sample, sample};

fn judge(sample: Sample) -> Report {
    let directory = sample.write();
    judge_layout(directory.path(), None).expect("the layout can be read")
}

/// The checks that failed, each with its first finding.
fn failed(report: &Report) -> Vec<(&str, &str)> {
    report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .map(|check| (&*check.id, check.findings[0].message.as_str()))
        .collect()
}

fn check(mutate: impl FnOnce(&mut Sample), expected: &[(&str, &str)]) {
    let mut sample = sample();
    mutate(&mut sample);
    assert_eq!(failed(&judge(sample)), expected);
}

#[test]
fn a_right_artifact_conforms() {
    let report = judge(sample());
    assert_eq!(failed(&report), []);
    assert!(report.conforms());
    assert_eq!(report.count(Outcome::Skipped), 0);
}

#[test]
fn one_wrong_byte() {
    let right = Digest::sha256(b"GGUF weights");
    let wrong = Digest::sha256(b"GGUF Weights");
    check(
        |sample| sample.blobs[0].1 = b"GGUF Weights".to_vec(),
        &[
            (
                "blobs.match",
                &format!("the layer has the digest {wrong}, expected {right}"),
            ),
            (
                "blobs.diff-ids",
                &format!("the uncompressed layer has the digest {wrong}, expected {right}"),
            ),
        ],
    );
}

#[test]
fn a_missing_blob() {
    let digest = Digest::sha256(b"GGUF weights");
    check(
        |sample| drop(sample.blobs.remove(0)),
        &[(
            "blobs.present",
            &format!("blob {digest} is not in the layout"),
        )],
    );
}

#[test]
fn a_wrong_size() {
    check(
        |sample| sample.manifest["layers"][0]["size"] = json!(11),
        &[("blobs.match", "the layer has 12 bytes, expected 11")],
    );
}

#[test]
fn the_diff_id_of_a_compressed_layer() {
    let compressed = sample().blobs[2].0;
    let right = sample().config["modelfs"]["diffIds"][2].clone();
    check(
        |sample| sample.config["modelfs"]["diffIds"][2] = compressed.to_string().into(),
        &[(
            "blobs.diff-ids",
            &format!(
                "the uncompressed layer has the digest {}, expected {compressed}",
                right.as_str().expect("a diff id is text")
            ),
        )],
    );
}

#[test]
fn a_layer_that_is_not_what_its_type_says() {
    check(
        |sample| {
            sample.manifest["layers"][0]["mediaType"] =
                "application/vnd.cncf.model.doc.v1.tar+gzip".into();
        },
        &[("blobs.readable", "invalid gzip header")],
    );
}

#[test]
fn a_compressed_layer_that_ends_too_early() {
    let mut sample = sample();
    let length = sample.blobs[2].1.len() - 20;
    sample.blobs[2].1.truncate(length);
    let report = judge(sample);
    let ids: Vec<&str> = failed(&report).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["blobs.match", "blobs.readable"]);
}

#[test]
fn colliding_and_leaving_paths() {
    let path = |sample: &mut Sample, index: usize, path: &str| {
        sample.manifest["layers"][index]["annotations"]["org.cncf.model.filepath"] = path.into();
    };
    check(
        |sample| path(sample, 1, "MODEL.gguf"),
        &[(
            "reader.paths",
            "path `MODEL.gguf` collides with `model.gguf`: they differ only in upper and lower case",
        )],
    );
    let leaves = "unsafe path `../x`: a component is `..`";
    check(
        |sample| path(sample, 1, "../x"),
        &[("annotations.filepath", leaves), ("reader.paths", leaves)],
    );
}

#[test]
fn a_should_is_advice() {
    let mut sample = sample();
    sample.config["config"]["precision"] = "fp16".into();
    let report = judge(sample);
    assert_eq!(
        failed(&report),
        [(
            "config.config.precision",
            "\"fp16\" is none of the listed precisions"
        )]
    );
    assert!(report.conforms());
}

#[test]
fn a_manifest_that_readers_refuse_is_judged_all_the_same() {
    let mut sample = sample();
    sample.manifest["schemaVersion"] = json!(1);
    sample.config["config"]["paramSize"] = json!(8);
    let report = judge(sample);
    let ids: Vec<&str> = failed(&report).iter().map(|(id, _)| *id).collect();
    assert_eq!(
        ids,
        [
            "manifest.schema-version",
            "config.config.param-size-type",
            "reader.manifest",
            "reader.config"
        ]
    );
    // No layer of it was read, so none of these can have passed.
    for id in [
        "archive.sorted",
        "reader.entries",
        "blobs.present",
        "blobs.match",
        "blobs.readable",
        "blobs.diff-ids",
    ] {
        let check = report.check(id).expect("it is part of the suite");
        assert_eq!(check.outcome, Outcome::Skipped, "{id}");
    }
}

/// What only the layers show is not said to hold when none of them is there.
#[test]
fn layers_that_are_all_missing() {
    let mut sample = sample();
    sample.blobs.clear();
    let report = judge(sample);
    let ids: Vec<&str> = failed(&report).iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["blobs.present"]);
    let outcome = |id: &str| report.check(id).map(|check| check.outcome);
    assert_eq!(outcome("blobs.readable"), Some(Outcome::Skipped));
    assert_eq!(outcome("blobs.diff-ids"), Some(Outcome::Skipped));
    assert_eq!(outcome("blobs.match"), Some(Outcome::Passed), "the config");
}

#[test]
fn documents_alone() {
    let report = judge_artifact(b"[]", b"{}");
    let ids: Vec<&str> = failed(&report).iter().map(|(id, _)| *id).collect();
    assert_eq!(
        ids,
        [
            "manifest.json",
            "config.descriptor",
            "config.config",
            "config.modelfs",
            "reader.manifest",
            "reader.config"
        ]
    );
}

#[test]
fn names() {
    let directory = sample().write();
    let judge = |reference| judge_layout(directory.path(), reference);
    assert!(judge(Some(NAME)).expect("it is there").conforms());
    let error = judge(Some("other:v2")).expect_err("it is not there");
    assert!(error.is_not_found());
    assert!(
        error
            .to_string()
            .ends_with(&format!("no manifest `other:v2`; it has: {NAME}")),
        "{error}"
    );

    let index = directory.path().join("index.json");
    fs::write(&index, r#"{"schemaVersion":2,"manifests":[]}"#).expect("the layout can be written");
    assert!(matches!(judge(None), Err(Error::Ambiguous { .. })));
    fs::write(&index, "<html>").expect("the layout can be written");
    assert!(matches!(judge(None), Err(Error::NotALayout { .. })));
    fs::remove_file(&index).expect("the layout can be written");
    assert!(matches!(judge(None), Err(Error::Unreadable { .. })));
}
