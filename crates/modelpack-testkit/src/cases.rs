//! Directories of valid and invalid documents, run as one test.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Gives every file in `directory/valid` and `directory/invalid` to `check`, with its name and its bytes.
///
/// A valid file must give `Ok`. An invalid file `NAME` must give `Err` with exactly the text of its sibling
/// `NAME.error` (a newline at the end of that file is not part of the message). Adding a case is adding a file.
///
/// # Panics
///
/// When any case fails, with one line for each of them. Also when a directory is missing or empty, when an
/// invalid file has no sibling or a sibling no file: a case that does not run must not look like one that passed.
pub fn check_cases(directory: &Path, mut check: impl FnMut(&str, &[u8]) -> Result<(), String>) {
    let failures = failures(directory, &mut check);
    assert!(
        failures.is_empty(),
        "cases in {}:\n{}",
        directory.display(),
        failures.join("\n")
    );
}

fn failures<C>(directory: &Path, check: &mut C) -> Vec<String>
where
    C: FnMut(&str, &[u8]) -> Result<(), String>,
{
    let mut failures = Vec::new();
    for file in files(&directory.join("valid"), &mut failures) {
        if let Err(message) = check(&name(&file), &read(&file)) {
            failures.push(format!("valid/{}: refused: {message}", name(&file)));
        }
    }
    let (expectations, files): (Vec<_>, Vec<_>) = files(&directory.join("invalid"), &mut failures)
        .into_iter()
        .partition(|file| file.extension() == Some(OsStr::new("error")));
    for file in &files {
        let name = name(file);
        let expected = expectations
            .iter()
            .find(|expectation| expectation.with_extension("") == *file);
        let expected = expected.map(|expectation| {
            String::from_utf8_lossy(&read(expectation))
                .trim_end()
                .to_owned()
        });
        match (check(&name, &read(file)), expected) {
            (Ok(()), _) => failures.push(format!("invalid/{name}: accepted")),
            (Err(found), None) => failures.push(format!(
                "invalid/{name}.error is missing; the message is: {found}"
            )),
            (Err(found), Some(expected)) if found.trim_end() != expected => {
                failures.push(format!(
                    "invalid/{name}:\n  expected {expected}\n  found    {found}"
                ));
            }
            (Err(_), Some(_)) => {}
        }
    }
    for expectation in &expectations {
        if !files.contains(&expectation.with_extension("")) {
            failures.push(format!(
                "invalid/{}: there is no file that it belongs to",
                name(expectation)
            ));
        }
    }
    failures
}

/// The files of a directory in the order of their names; nothing there is a failure.
fn files(directory: &Path, failures: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = match fs::read_dir(directory) {
        Ok(entries) => entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file())
            .collect(),
        Err(error) => {
            failures.push(format!("{}/: {error}", name(directory)));
            return Vec::new();
        }
    };
    if files.is_empty() {
        failures.push(format!("{}/: no cases", name(directory)));
    }
    files.sort();
    files
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests;
