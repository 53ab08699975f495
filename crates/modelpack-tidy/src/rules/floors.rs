//! A crate uses what lies below it, never beside or above.

use crate::roles::{FAULTY, FLOORS, SUITES, TESTKIT, TOOLS, floor};
use crate::{Purpose, Violation, Workspace};

/// Every dependency between crates of the workspace leads to a lower floor. Tests may use the test kit too, and the
/// suites from beside them.
pub fn floors(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let Some(own) = floor(&package.name) else {
            if !TOOLS.contains(&package.name.as_str()) {
                violations.push(Violation::new(
                    &format!("{}/Cargo.toml", package.directory),
                    1,
                    format!("{} stands on no floor", package.name),
                    "add it to FLOORS in crates/modelpack-tidy/src/roles.rs and to the map in crates/README.md",
                ));
            }
            continue;
        };
        for dependency in &package.dependencies {
            let problem = match floor(&dependency.name) {
                Some(other) if other < own => continue,
                // Tests turn on a feature of their own crate this way.
                Some(_)
                    if dependency.name == package.name && dependency.purpose == Purpose::Dev =>
                {
                    continue;
                }
                Some(other)
                    if other == own
                        && dependency.name == SUITES
                        && dependency.purpose == Purpose::Dev =>
                {
                    continue;
                }
                Some(other) => format!(
                    "{} on floor {own} uses {} on floor {other}",
                    package.name, dependency.name
                ),
                None if !TOOLS.contains(&dependency.name.as_str()) => continue,
                None if dependency.name == TESTKIT && dependency.purpose == Purpose::Dev => {
                    continue;
                }
                None => format!(
                    "{} uses {}, a tool of the repository",
                    package.name, dependency.name
                ),
            };
            let (path, line) = workspace.manifest_line(package, &dependency.name);
            violations.push(Violation::new(
                &path,
                line,
                problem,
                "a crate uses only floors below its own (its tests also modelpack-testkit): move the shared part down",
            ));
        }
    }
    for (name, _) in FLOORS {
        if !workspace.packages.is_empty() && workspace.package(name).is_none() {
            violations.push(Violation::new(
                "Cargo.toml",
                1,
                format!("{name} has a floor but is no member of the workspace"),
                "remove it from FLOORS in crates/modelpack-tidy/src/roles.rs and from crates/README.md",
            ));
        }
    }
    violations
}

/// The test kit uses only the registry that misbehaves on purpose, so that each other crate can use it.
pub fn testkit_alone(workspace: &Workspace) -> Vec<Violation> {
    let Some(testkit) = workspace.package(TESTKIT) else {
        return Vec::new();
    };
    let members = testkit
        .dependencies
        .iter()
        .filter(|dependency| dependency.name != FAULTY)
        .filter(|dependency| workspace.package(&dependency.name).is_some());
    members
        .map(|dependency| {
            let (path, line) = workspace.manifest_line(testkit, &dependency.name);
            Violation::new(
                &path,
                line,
                format!("{TESTKIT} uses {}", dependency.name),
                "the test kit must serve every crate, so it uses none but modelpack-faulty: take what it needs as an argument",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
