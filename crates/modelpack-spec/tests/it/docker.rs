//! Artifacts in Docker's dialect, in every form that is met.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use modelpack_spec::convert::{ConvertOptions, Target, convert};
use modelpack_spec::docker::{DockerConfig, format_bytes, format_size, manifest_document};
use modelpack_spec::{Dialect, Document, Manifest, ModelView, rules};
use modelpack_testkit::{fixtures, skip};

fn artifacts(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .expect("it can be listed")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.join("manifest.json").is_file())
        .collect();
    found.sort();
    found
}

fn read(directory: &Path) -> (Document<Manifest>, Bytes) {
    let bytes = |name: &str| Bytes::from(fs::read(directory.join(name)).expect("it is there"));
    let manifest = Document::parse(bytes("manifest.json")).expect("it is a manifest");
    (manifest, bytes("config.json"))
}

/// What is seen in an artifact, one fact per line.
fn seen(manifest: &Document<Manifest>, config: &Bytes) -> String {
    let mut text = String::new();
    let mut line = |words: String| writeln!(text, "{words}").expect("text takes text");
    match ModelView::read(manifest.value(), config) {
        Err(error) => line(format!("refused: {error}")),
        Ok(view) => {
            line(format!("dialect: {}", view.dialect.describe()));
            line(format!("name: {:?}, family: {:?}", view.name, view.family));
            line(format!(
                "architecture: {:?}, format: {:?}",
                view.architecture, view.format
            ));
            line(format!(
                "parameters: {:?}, quantization: {:?}, precision: {:?}",
                view.parameters, view.quantization, view.precision
            ));
            line(format!(
                "context size: {:?}, created: {:?}",
                view.context_size, view.created
            ));
            line(format!("metadata: {:?}", view.metadata));
            for file in &view.files {
                let path = file.path.as_ref().map_or("-", |path| path.as_str());
                line(format!(
                    "file: {path} ({}, {})",
                    file.role.as_str(),
                    file.encoding.as_str()
                ));
            }
        }
    }
    for violation in rules::docker::check_artifact(manifest.bytes(), config) {
        line(format!("rule: {violation}"));
    }
    match convert(
        manifest,
        config,
        Target::ModelPack,
        &ConvertOptions::default(),
    ) {
        Err(error) => line(format!("not converted: {error}")),
        Ok(converted) => {
            line(format!(
                "config: {}",
                String::from_utf8_lossy(&converted.config)
            ));
            for layer in &converted.manifest.value().layers {
                line(format!(
                    "layer: {} {:?}",
                    layer.media_type,
                    layer.annotations.get("org.cncf.model.filepath")
                ));
            }
            for violation in rules::check_artifact(converted.manifest.bytes(), &converted.config) {
                line(format!("modelpack rule: {violation}"));
            }
        }
    }
    text
}

#[test]
fn every_form_is_read_and_converted() {
    let mut failures = Vec::new();
    let directories = artifacts(&fixtures().join("docker"));
    assert!(directories.len() >= 10, "fixtures are lost");
    for directory in directories {
        let (manifest, config) = read(&directory);
        let found = seen(&manifest, &config);
        let path = directory.join("expected");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&path, &found).expect("it can be written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            failures.push(format!(
                "{}:\nexpected {expected}\nfound    {found}",
                path.display()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What other tools wrote is written the same, converted, and given back as it was.
fn check_written(directory: &Path) {
    let (manifest, config) = read(directory);
    let name = directory.display();
    if manifest.value().is_model() {
        return;
    }
    let written = manifest_document(manifest.value()).expect("it is small");
    assert_eq!(written.bytes(), manifest.bytes(), "{name}");
    if matches!(
        Dialect::of(manifest.value(), &config),
        Some(Dialect::Docker(_))
    ) {
        let read = DockerConfig::read(config.clone()).expect("it is a config");
        let written = read.value().to_document().expect("it is small");
        if read.value().files.is_empty() {
            assert_eq!(written.bytes(), &config, "{name}");
        }
    }
    let options = ConvertOptions::default();
    let Ok(converted) = convert(&manifest, &config, Target::ModelPack, &options) else {
        return;
    };
    let must = rules::check_artifact(converted.manifest.bytes(), &converted.config)
        .into_iter()
        .filter(|violation| violation.rule.level == rules::Level::Must)
        .map(|violation| violation.to_string());
    // Docker's daemon writes numbers of parameters into ModelPack configs that ModelPack does not have.
    let must: Vec<String> = must.filter(|text| !text.contains("param-size")).collect();
    assert_eq!(must, [""; 0], "{name}");
    let back = convert(
        &converted.manifest,
        &converted.config,
        Target::Docker,
        &options,
    )
    .unwrap_or_else(|error| panic!("{name}: {error}"));
    if !matches!(converted.from, Dialect::Mixed(_)) {
        assert_eq!(back.manifest.bytes(), manifest.bytes(), "{name}");
        assert_eq!(back.config, config, "{name}");
    }
}

#[test]
fn what_docker_writes_is_written_the_same() {
    for directory in artifacts(&fixtures().join("docker")) {
        check_written(&directory);
    }
}

/// Documents that Docker's own code wrote, where somebody has them.
#[test]
fn goldens_are_written_the_same() {
    let Some(goldens) = std::env::var_os("MODELPACK_DOCKER_GOLDENS") else {
        skip("MODELPACK_DOCKER_GOLDENS names no directory with documents of Docker's tools");
        return;
    };
    let directories = artifacts(Path::new(&goldens));
    assert!(!directories.is_empty(), "there are no goldens");
    for directory in directories {
        check_written(&directory);
    }
}

#[test]
fn sizes_are_printed_as_docker_prints_them() {
    let check = |bytes, expected: &str| assert_eq!(format_size(bytes), expected);
    check(0, "0B");
    check(864, "864B");
    check(1_010, "1.01KB");
    check(8_192, "8KiB");
    check(1_020_000, "1.02MB");
    check(268_804_000, "256.35MiB");
    check(4_920_000_000, "4.58GiB");
    let check = |bytes, expected: &str| assert_eq!(format_bytes(bytes), expected);
    check(14, "14.00B");
    check(1_212, "1.21kB");
    check(164_496, "164.50kB");
    check(2_470_000_000, "2.47GB");
}
