//! Arrows that lead up or sideways.

use super::*;
use crate::testing::Example;

/// `floors` over one crate that uses others, told apart from what is missing in so small a workspace.
#[track_caller]
fn check(name: &str, uses: &str, purpose: Purpose, expected: &[&str]) {
    let broken = |workspace: &Workspace| {
        let violations = floors(workspace).into_iter();
        violations
            .filter(|violation| violation.path != "Cargo.toml")
            .collect()
    };
    let manifest =
        format!("[package]\nname = \"{name}\"\n\n[dependencies]\n{uses}.workspace = true\n");
    Example::default()
        .package_for(name, &[uses], purpose)
        .file(&format!("crates/{name}/Cargo.toml"), &manifest)
        .breaks(broken, expected);
}

#[test]
fn down_is_allowed() {
    check("modelpack-layer", "modelpack-spec", Purpose::Normal, &[]);
    check("modelpack-cli", "modelpack-server", Purpose::Normal, &[]);
    check("modelpack", "modelpack-server", Purpose::Dev, &[]);
    check("modelpack-spec", "modelpack-testkit", Purpose::Dev, &[]);
    check("modelpack-server", "modelpack-server", Purpose::Dev, &[]);
    check("modelpack-fuzz", "modelpack", Purpose::Normal, &[]);
    check("modelpack-spec", "serde", Purpose::Normal, &[]);
    check("modelpack-cli", "modelpack-conformance", Purpose::Dev, &[]);
}

#[test]
fn up_and_sideways_are_not() {
    let up =
        "crates/modelpack-store/Cargo.toml:5: modelpack-store on floor 2 uses modelpack on floor 4";
    check("modelpack-store", "modelpack", Purpose::Normal, &[up]);
    check("modelpack-store", "modelpack", Purpose::Dev, &[up]);
    let sideways = "crates/modelpack-registry/Cargo.toml:5: modelpack-registry on floor 3 uses modelpack-server on floor 3";
    check(
        "modelpack-registry",
        "modelpack-server",
        Purpose::Normal,
        &[sideways],
    );
    check(
        "modelpack-registry",
        "modelpack-server",
        Purpose::Dev,
        &[sideways],
    );
    check(
        "modelpack-registry",
        "modelpack-server",
        Purpose::Build,
        &[sideways],
    );
}

/// Only tests, and only from beside.
#[test]
fn the_suites_judge_what_stands_beside_them() {
    let sideways = "crates/modelpack-cli/Cargo.toml:5: modelpack-cli on floor 5 uses modelpack-conformance on floor 5";
    check(
        "modelpack-cli",
        "modelpack-conformance",
        Purpose::Normal,
        &[sideways],
    );
    let up =
        "crates/modelpack/Cargo.toml:5: modelpack on floor 4 uses modelpack-conformance on floor 5";
    check("modelpack", "modelpack-conformance", Purpose::Dev, &[up]);
}

#[test]
fn tools_are_not_for_libraries() {
    let problem =
        "crates/modelpack/Cargo.toml:5: modelpack uses modelpack-testkit, a tool of the repository";
    check(
        "modelpack",
        "modelpack-testkit",
        Purpose::Normal,
        &[problem],
    );
    let problem =
        "crates/modelpack/Cargo.toml:5: modelpack uses modelpack-fuzz, a tool of the repository";
    check("modelpack", "modelpack-fuzz", Purpose::Dev, &[problem]);
}

#[test]
fn every_crate_has_a_place() {
    check(
        "modelpack-new",
        "serde",
        Purpose::Normal,
        &["crates/modelpack-new/Cargo.toml:1: modelpack-new stands on no floor"],
    );
    let gone = |workspace: &Workspace| {
        let violations = floors(workspace).into_iter();
        violations
            .filter(|violation| violation.problem.starts_with("modelpack-layer "))
            .collect()
    };
    Example::default().package("modelpack-spec", &[]).breaks(
        gone,
        &["Cargo.toml:1: modelpack-layer has a floor but is no member of the workspace"],
    );
}

#[test]
fn the_test_kit_uses_nobody() {
    Example::default()
        .package("modelpack-spec", &[])
        .package_for(
            "modelpack-testkit",
            &["modelpack-spec", "tempfile"],
            Purpose::Dev,
        )
        .file(
            "crates/modelpack-testkit/Cargo.toml",
            "[dev-dependencies]\nmodelpack-spec = { workspace = true }\n",
        )
        .breaks(
            testkit_alone,
            &["crates/modelpack-testkit/Cargo.toml:2: modelpack-testkit uses modelpack-spec"],
        );
}
