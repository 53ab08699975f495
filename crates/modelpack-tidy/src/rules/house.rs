//! What every crate has, and what the repository has once.

use crate::roles::{TOOLS, floor};
use crate::{Package, Violation, Workspace, is_library};

const MAP: &str = "crates/README.md";

/// A library crate comes with a change log, a runnable example, and docs that show how to begin.
pub fn crates_complete(workspace: &Workspace) -> Vec<Violation> {
    let libraries = workspace
        .packages
        .iter()
        .filter(|package| is_library(&package.name));
    libraries
        .flat_map(|package| missing_from(workspace, package))
        .collect()
}

fn missing_from(workspace: &Workspace, package: &Package) -> Vec<Violation> {
    let mut violations = Vec::new();
    let change_log = format!("{}/CHANGELOG.md", package.directory);
    if !workspace
        .files
        .get(&change_log)
        .is_some_and(|text| text.contains("\n## "))
    {
        violations.push(Violation::new(
            &change_log,
            1,
            "the change log is missing or has no section",
            "write `## Unreleased` and below it, in the words of a user, what there is",
        ));
    }
    if !package
        .targets
        .iter()
        .any(|target| target.kind == "example")
    {
        violations.push(Violation::new(
            &format!("{}/Cargo.toml", package.directory),
            1,
            format!("{} has no example", package.name),
            "add a program to `examples/` that a new user can run",
        ));
    }
    let lib = format!("{}/src/lib.rs", package.directory);
    if !workspace
        .files
        .get(&lib)
        .is_some_and(|text| docs_have_example(text))
    {
        violations.push(Violation::new(
            &lib,
            1,
            "the docs of the crate have no example that compiles",
            "show the one type to start with in a code block",
        ));
    }
    violations
}

/// Whether the docs at the top of a file open a code block that `cargo test` compiles.
fn docs_have_example(text: &str) -> bool {
    let mut open = false;
    for line in text.lines().map_while(|line| line.strip_prefix("//!")) {
        let Some(language) = line.strip_prefix(" ```") else {
            continue;
        };
        if !open && matches!(language, "" | "no_run" | "rust" | "rust,no_run") {
            return true;
        }
        open = !open;
    }
    false
}

/// One integration binary per crate: more of them link the same code again and again.
pub fn one_test_binary(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let expected = format!("{}/tests/it/main.rs", package.directory);
        let tests = package
            .targets
            .iter()
            .filter(|target| target.kind == "test" && target.path != expected);
        violations.extend(tests.map(|target| {
            Violation::new(
                &target.path,
                1,
                format!("{} has an integration test of its own here", package.name),
                format!("make it a module of {expected}"),
            )
        }));
    }
    violations
}

/// The map names every crate, and for those on a floor exactly the crates that each uses.
pub fn crate_map(workspace: &Workspace) -> Vec<Violation> {
    let map = workspace
        .files
        .get(MAP)
        .map(String::as_str)
        .unwrap_or_default();
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let start = format!("| `{}` |", package.name);
        let Some((row, line)) = map
            .lines()
            .zip(1..)
            .find(|(row, _)| row.starts_with(&start))
        else {
            let problem = format!("the map has no row for `{}`", package.name);
            violations.push(Violation::new(
                MAP,
                1,
                problem,
                "add one that says what the crate is for",
            ));
            continue;
        };
        if floor(&package.name).is_some() {
            let uses = uses(workspace, package);
            if row.split('|').nth(3).map(str::trim) != Some(uses.as_str()) {
                let problem = format!(
                    "the map says otherwise than the manifest what `{}` uses",
                    package.name
                );
                violations.push(Violation::new(MAP, line, problem, format!("write: {uses}")));
            }
        }
    }
    violations
}

/// The crates of the workspace that a package uses, as they stand in the map.
fn uses(workspace: &Workspace, package: &Package) -> String {
    let members = package
        .normal_dependencies()
        .map(|dependency| dependency.name.as_str());
    let members = members.filter(|name| workspace.package(name).is_some());
    let mut names: Vec<String> = members
        .map(|name| format!("`{}`", name.strip_prefix("modelpack-").unwrap_or(name)))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.join(", ")
    }
}

/// The crates are released together, so they have one version. Those around the house are not published.
pub fn versions(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    let wanted = workspace
        .package("modelpack")
        .map(|package| package.version.as_str())
        .unwrap_or_default();
    for package in &workspace.packages {
        let path = format!("{}/Cargo.toml", package.directory);
        let manifest = workspace
            .files
            .get(&path)
            .map(String::as_str)
            .unwrap_or_default();
        if package.version != wanted {
            let problem = format!(
                "{} has version {}, modelpack has {wanted}",
                package.name, package.version
            );
            violations.push(Violation::new(
                &path,
                workspace.manifest_line(package, "version").1,
                problem,
                "write `version.workspace = true`",
            ));
        }
        let published = !manifest.contains("\npublish = false\n");
        if published && floor(&package.name).is_none() && TOOLS.contains(&package.name.as_str()) {
            let problem = format!(
                "{} is a tool of the repository that could be published",
                package.name
            );
            violations.push(Violation::new(&path, 1, problem, "write `publish = false`"));
        }
    }
    violations
}

/// The licence that the manifests name is there.
pub fn licence(workspace: &Workspace) -> Vec<Violation> {
    let text = workspace
        .files
        .get("LICENSE")
        .map(String::as_str)
        .unwrap_or_default();
    if text.contains("Apache License") && text.contains("END OF TERMS AND CONDITIONS") {
        return Vec::new();
    }
    vec![Violation::new(
        "LICENSE",
        1,
        "the text of the licence is missing",
        "restore the Apache License 2.0 here",
    )]
}

/// No file names a directory of the machine it was written on.
pub fn machine_paths(workspace: &Workspace) -> Vec<Violation> {
    // Put together here, so that this file does not name them.
    let paths = ["work", "root"].map(|directory| format!("/{directory}/"));
    let mut violations = Vec::new();
    for (file, text) in &workspace.files {
        for path in &paths {
            for (line, number) in text.lines().zip(1..) {
                // `network/` or `a/work/b` are other paths.
                let stands_alone = line.match_indices(path.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| {
                        c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '}' | '/')
                    })
                });
                if stands_alone {
                    let problem = format!("the file names `{path}`, a directory of one machine");
                    violations.push(Violation::new(
                        file,
                        number,
                        problem,
                        "write a path that everybody has, or none",
                    ));
                }
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests;
