//! The part of the suite that needs a manifest and a config, but no layer.

use modelpack_spec::rules::{self, Artifact, Contents, Level};
use modelpack_spec::{Document, Manifest, Model, PathSet, annotations};

use crate::{Check, Finding, Report};

const READERS: &str =
    "https://github.com/opencontainers/image-spec/blob/main/manifest.md#image-manifest";
const CONFIG: &str = "https://github.com/modelpack/model-spec/blob/main/docs/config.md#properties";
const PATHS: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#layer-annotation-keys";

/// Judges a manifest and its config. What needs the layers is skipped.
#[must_use]
pub fn judge_artifact(manifest: &[u8], config: &[u8]) -> Report {
    judge(manifest, config, Vec::new())
}

/// Judges with what was found inside the archives.
pub(crate) fn judge(manifest: &[u8], config: &[u8], contents: Vec<Option<Contents>>) -> Report {
    let has_archives = contents.iter().any(Option::is_some);
    let artifact = Artifact::new(manifest, config).with_contents(contents);
    let mut violations = rules::check(&artifact);
    let mut report = Report::default();
    for rule in rules::all() {
        let (ours, rest) = violations
            .into_iter()
            .partition(|violation| violation.rule.id == rule.id);
        violations = rest;
        let needs_archives =
            rule.id.starts_with("archive.") || rule.id == "layers.separate-weights";
        report.checks.push(if needs_archives && !has_archives {
            Check::skipped(rule.id, rule.level, rule.anchor, rule.summary)
        } else {
            let ours: Vec<rules::Violation> = ours;
            let findings = ours.into_iter().map(Finding::from).collect();
            Check::of(rule.id, rule.level, rule.anchor, rule.summary, findings)
        });
    }

    let read = Document::<Manifest>::parse(manifest.to_vec().into());
    let refusal = |error: &modelpack_spec::Error| vec![Finding::new("", error.to_string())];
    report.checks.push(Check::of(
        "reader.manifest",
        Level::Must,
        READERS,
        "a careful reader accepts the manifest: within its limits, unambiguous",
        read.as_ref().err().map(refusal).unwrap_or_default(),
    ));
    report.checks.push(Check::of(
        "reader.config",
        Level::Must,
        CONFIG,
        "a careful reader accepts the config: within its limits, unambiguous",
        Document::<Model>::parse(config.to_vec().into())
            .as_ref()
            .err()
            .map(refusal)
            .unwrap_or_default(),
    ));
    report.checks.push(match &read {
        Ok(read) => Check::of(
            PATHS_ID,
            Level::Must,
            PATHS,
            PATHS_SUMMARY,
            paths(read.value()),
        ),
        Err(_) => Check::skipped(PATHS_ID, Level::Must, PATHS, PATHS_SUMMARY),
    });
    report
}

const PATHS_ID: &str = "reader.paths";
const PATHS_SUMMARY: &str =
    "the files of all layers can stand in one directory: no way out, none twice, none below a file";

fn paths(manifest: &Manifest) -> Vec<Finding> {
    let mut set = PathSet::new();
    let mut findings = Vec::new();
    for (index, layer) in manifest.layers.iter().enumerate() {
        let added = match annotations::filepath(layer) {
            Ok(Some(path)) => set.insert(&path),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = added {
            findings.push(Finding::new(
                format!("/layers/{index}/annotations"),
                error.to_string(),
            ));
        }
    }
    findings
}
