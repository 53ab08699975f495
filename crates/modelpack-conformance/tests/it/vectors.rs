//! The vectors of `spec-fixtures`: artifacts written from mutations, and the index over everything.
//!
//! `UPDATE_FIXTURES=1 cargo test -p modelpack-conformance --test it up_to_date` writes what these tests compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use modelpack_conformance::{
    Outcome, Report, RuleSet, judge_artifact, judge_layout, modelfile_requirements,
};
use modelpack_spec::rules::Level;
use modelpack_spec::{AnyManifest, Document, Model, rules};
use modelpack_testkit::fixtures;
use serde_json::{Value, json};

use crate::mutations::{self, Mutation, failed};
use crate::reference::{Finished, digest, reference};
use crate::{modelfile, variations};

mod index;
mod judge_py;

/// Compares a file with what it should be, or writes it when asked to.
#[track_caller]
pub(crate) fn check_written(path: &Path, expected: &[u8]) {
    let mut found = fs::read(path).unwrap_or_default();
    if found != expected && std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, expected).unwrap();
        found = fs::read(path).unwrap();
    }
    assert!(
        found == expected,
        "{} is not what it should be: write it with UPDATE_FIXTURES=1 and read the difference",
        path.display()
    );
}

/// The entries of the artifacts, judged once for all tests.
static ARTIFACTS: LazyLock<Vec<Vector>> =
    LazyLock::new(|| artifacts().iter().map(Artifact::vector).collect());

/// An entry of the index.
#[derive(Clone)]
struct Vector {
    id: String,
    kind: &'static str,
    files: BTreeMap<String, String>,
    layers: Option<Vec<Option<String>>>,
    expect: &'static str,
    rules: Vec<String>,
}

impl Vector {
    fn new(id: impl Into<String>, kind: &'static str) -> Self {
        Self {
            id: id.into(),
            kind,
            files: BTreeMap::new(),
            layers: None,
            expect: "valid",
            rules: Vec::new(),
        }
    }

    fn file(mut self, role: &str, path: impl Into<String>) -> Self {
        self.files.insert(role.to_owned(), path.into());
        self
    }

    /// What a report says: the broken requirements, the strongest of which decides.
    fn judged(mut self, report: &Report) -> Self {
        let broken = report
            .checks
            .iter()
            .filter(|it| it.outcome == Outcome::Failed);
        self.expect = match broken.map(|check| check.level).min() {
            Some(Level::Must) => "invalid",
            Some(_) => "advice",
            None => "valid",
        };
        self.rules = failed(report).into_iter().collect();
        self
    }

    fn to_json(&self) -> Value {
        let mut value = json!({
            "id": self.id, "kind": self.kind, "files": self.files,
            "expect": self.expect, "rule": self.rules,
        });
        if let Some(layers) = &self.layers {
            value["layers"] = json!(layers);
        }
        value
    }
}

/// An artifact that is a vector.
struct Artifact {
    set: RuleSet,
    name: String,
    /// What it is a vector of; its valid case when nothing is to be red.
    id: Option<&'static str>,
    is_valid: bool,
    finished: Finished,
}

fn artifacts() -> Vec<Artifact> {
    let mut artifacts = Vec::new();
    for set in RuleSet::ALL {
        artifacts.push(Artifact {
            set,
            name: "full".to_owned(),
            id: None,
            is_valid: true,
            finished: reference(set).finish(),
        });
        for (table, is_valid) in [(variations::all(set), true), (mutations::all(set), false)] {
            artifacts.extend(table.iter().map(|change: &Mutation| Artifact {
                set,
                name: change.name(),
                id: Some(change.id),
                is_valid,
                finished: mutations::apply(set, change),
            }));
        }
    }
    artifacts
}

impl Artifact {
    fn directory(&self) -> String {
        let set = match self.set {
            RuleSet::ModelPack => "modelpack",
            RuleSet::Docker => "docker",
        };
        let folder = if self.is_valid { "valid" } else { "invalid" };
        format!("artifacts/{set}/{folder}/{}", self.name)
    }

    /// The bytes of each layer, where there are any.
    fn layers(&self) -> Vec<Option<&Vec<u8>>> {
        let manifest: Value = serde_json::from_slice(&self.finished.manifest).unwrap_or_default();
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        let bytes = |layer: &Value| self.finished.blobs.get(layer["digest"].as_str()?);
        layers.iter().map(bytes).collect()
    }

    fn vector(&self) -> Vector {
        let directory = self.directory();
        let written =
            |bytes: &Vec<u8>| format!("artifacts/layers/{}", digest(bytes).replace("sha256:", ""));
        let layers = self.layers().into_iter();
        let report = mutations::judge(&self.finished);
        let mut vector = Vector::new(&directory, "artifact")
            .file("manifest", format!("{directory}/manifest.json"))
            .file("config", format!("{directory}/config.json"))
            .judged(&report);
        vector.layers = Some(layers.map(|bytes| bytes.map(written)).collect());
        match self.id {
            // The requirement that it was made for stands first.
            Some(id) if !self.is_valid => {
                vector.rules.retain(|rule| rule != id);
                vector.rules.insert(0, id.to_owned());
            }
            Some(id) => vector.rules = vec![id.to_owned()],
            None => {
                let held = report
                    .checks
                    .iter()
                    .filter(|it| it.outcome == Outcome::Passed);
                vector.rules = held.map(|check| check.id.to_string()).collect();
            }
        }
        vector
    }
}

/// Compares the artifacts, or writes them when asked to.
fn check_artifacts() {
    for artifact in artifacts() {
        let directory = fixtures().join(artifact.directory());
        check_written(
            &directory.join("manifest.json"),
            &artifact.finished.manifest,
        );
        check_written(&directory.join("config.json"), &artifact.finished.config);
        for bytes in artifact.layers().into_iter().flatten() {
            let name = digest(bytes).replace("sha256:", "");
            check_written(&fixtures().join("artifacts/layers").join(name), bytes);
        }
    }
}

#[test]
fn the_artifacts_are_up_to_date() {
    check_artifacts();
}

#[test]
fn variations_break_nothing() {
    for set in RuleSet::ALL {
        for variation in variations::all(set) {
            let report = mutations::judge(&mutations::apply(set, variation));
            assert_eq!(
                failed(&report),
                BTreeSet::new(),
                "{}\n{report}",
                variation.name()
            );
            let check = report.check(variation.id).unwrap();
            assert_eq!(check.outcome, Outcome::Passed, "{}", variation.name());
        }
    }
}

/// Every vector that is written is judged as its entry says, from the files that the entry names.
#[test]
fn artifacts_are_judged_from_their_files() {
    for vector in ARTIFACTS.iter() {
        let read = |path: &str| fs::read(fixtures().join(path)).unwrap();
        let manifest = read(&vector.files["manifest"]);
        let parsed: Value = serde_json::from_slice(&manifest).unwrap_or_default();
        let layers = parsed["layers"].as_array().cloned().unwrap_or_default();
        let mut blobs = BTreeMap::new();
        for (layer, path) in layers.iter().zip(vector.layers.iter().flatten()) {
            if let (Some(digest), Some(path)) = (layer["digest"].as_str(), path) {
                blobs.insert(digest.to_owned(), read(path));
            }
        }
        let finished = Finished {
            manifest,
            config: read(&vector.files["config"]),
            blobs,
        };
        let directory = tempfile::tempdir().unwrap();
        finished.write_layout(directory.path());
        let report = judge_layout(directory.path(), None).unwrap();
        let found = Vector::new("", "artifact").judged(&report);
        assert_eq!(found.expect, vector.expect, "{}", vector.id);
    }
}
