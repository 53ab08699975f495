//! The documents of `spec-fixtures/documents`; its README says how a file is judged.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use modelpack_spec::{AnyManifest, Document, Model, rules};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../spec-fixtures/documents")
        .join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
}

/// Broken rules, a line each, and what the typed reader says; empty when nothing is wrong.
fn judge_config(bytes: &[u8]) -> String {
    let mut report = String::new();
    for violation in rules::check_config(bytes) {
        writeln!(report, "{violation}").expect("text can always grow");
    }
    if let Err(error) = Document::<Model>::parse(bytes.to_vec().into()) {
        writeln!(report, "not read: {error}").expect("text can always grow");
    }
    report
}

/// What the typed reader says of a manifest or index.
fn judge_manifest(bytes: &[u8]) -> String {
    match AnyManifest::parse(bytes.to_vec().into(), None) {
        Ok(read) => {
            assert_eq!(read.bytes().as_ref(), bytes);
            String::new()
        }
        Err(error) => format!("not read: {error}\n"),
    }
}

fn check_valid(folder: &str, count: usize, judge: fn(&[u8]) -> String) {
    let files = files(folder);
    assert_eq!(files.len(), count, "documents in {folder}");
    for file in files {
        let report = judge(&fs::read(&file).expect("the document can be read"));
        assert_eq!(report, "", "{}", file.display());
    }
}

fn check_invalid(folder: &str, count: usize, judge: fn(&[u8]) -> String) {
    let files = files(folder);
    assert_eq!(files.len(), count, "documents in {folder}");
    for file in files {
        let report = judge(&fs::read(&file).expect("the document can be read"));
        assert!(!report.is_empty(), "{} is accepted", file.display());
        let beside = file.with_extension("error");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&beside, &report).expect("the folder can be written");
        }
        let expected = fs::read_to_string(beside).unwrap_or_default();
        assert_eq!(report, expected, "{}", file.display());
    }
}

#[test]
fn valid_configs() {
    check_valid("valid/config", 4, judge_config);
}

#[test]
fn invalid_configs() {
    check_invalid("invalid/config", 28, judge_config);
}

#[test]
fn valid_manifests() {
    check_valid("valid/manifest", 5, judge_manifest);
}

#[test]
fn invalid_manifests() {
    check_invalid("invalid/manifest", 12, judge_manifest);
}
