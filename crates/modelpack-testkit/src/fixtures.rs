//! Where the files under `spec-fixtures/` are.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory `spec-fixtures/` of this repository.
pub fn fixtures() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("a crate lies two levels below the root");
    let fixtures = root.join("spec-fixtures");
    assert!(
        fixtures.is_dir(),
        "{} is missing: the tests need a full clone",
        fixtures.display()
    );
    fixtures
}

/// The directory of a fixture model: `tiny-llama-gguf` or `tiny-safetensors`.
///
/// Only for reading. A test that writes, or that depends on file modes and times, uses [`copy_model`].
///
/// # Panics
///
/// When there is no such model.
pub fn model(name: &str) -> PathBuf {
    let directory = fixtures().join("models").join(name);
    assert!(directory.is_dir(), "there is no fixture model {name:?}");
    directory
}

/// Copies a fixture model to `target`, which is created; files keep their mode.
///
/// # Panics
///
/// When there is no such model or `target` cannot be written.
pub fn copy_model(name: &str, target: &Path) {
    copy_directory(&model(name), target);
}

fn copy_directory(source: &Path, target: &Path) {
    fs::create_dir_all(target)
        .unwrap_or_else(|error| panic!("cannot create {}: {error}", target.display()));
    let entries = fs::read_dir(source)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", source.display()));
    for entry in entries {
        let entry =
            entry.unwrap_or_else(|error| panic!("cannot read {}: {error}", source.display()));
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if from.is_dir() {
            copy_directory(&from, &to);
        } else {
            fs::copy(&from, &to)
                .unwrap_or_else(|error| panic!("cannot copy to {}: {error}", to.display()));
        }
    }
}
