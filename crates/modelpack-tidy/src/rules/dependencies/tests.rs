//! Forbidden packages behind other packages.

use super::*;
use crate::Purpose;
use crate::testing::Example;

const LOCK: &str = r#"
version = 4

[[package]]
name = "modelpack-spec"
version = "0.1.0"
dependencies = [
 "proptest",
 "serde",
]

[[package]]
name = "proptest"
version = "1.0.0"
dependencies = [
 "tokio",
]

[[package]]
name = "regex"
version = "1.0.0"
dependencies = [
 "serde",
 "net 1.0.0",
]

[[package]]
name = "net"
version = "1.0.0"
dependencies = [
 "tokio",
]

[[package]]
name = "net"
version = "2.0.0"

[[package]]
name = "serde"
version = "1.0.0"

[[package]]
name = "tokio"
version = "1.0.0"
"#;

#[test]
fn the_way_to_a_forbidden_package_is_shown() {
    Example::default()
        .package("modelpack-spec", &["serde", "regex"])
        .file("crates/modelpack-spec/Cargo.toml", "[dependencies]\nserde.workspace = true\nregex = \"1\"\n")
        .lockfile(LOCK)
        .breaks(
            forbidden_dependencies,
            &["crates/modelpack-spec/Cargo.toml:3: modelpack-spec reaches tokio (modelpack-spec → regex → net → tokio)"],
        );
}

#[test]
fn other_members_are_followed_by_their_manifests() {
    #[track_caller]
    fn check(spec_uses: &str, expected: &[&str]) {
        let of_layer = |workspace: &Workspace| {
            let violations = forbidden_dependencies(workspace).into_iter();
            violations
                .filter(|violation| violation.path.contains("layer"))
                .collect()
        };
        let workspace = Example::default().package("modelpack-layer", &["modelpack-spec"]);
        workspace
            .package("modelpack-spec", &[spec_uses])
            .lockfile(LOCK)
            .breaks(of_layer, expected);
    }
    // In the lock file `modelpack-spec` uses proptest and so tokio, but only its tests do.
    check("serde", &[]);
    let way = "modelpack-layer → modelpack-spec → regex → net → tokio";
    check(
        "regex",
        &[&format!(
            "crates/modelpack-layer/Cargo.toml:1: modelpack-layer reaches tokio ({way})"
        )],
    );
}

#[test]
fn what_tests_use_is_theirs() {
    Example::default()
        .package_for("modelpack-spec", &["tokio"], Purpose::Dev)
        .lockfile(LOCK)
        .breaks(forbidden_dependencies, &[]);
}

/// ME9: Each row forbids.
#[test]
fn each_row_forbids() {
    #[track_caller]
    fn check(name: &str, dependency: &str) {
        let problem = format!(
            "crates/{name}/Cargo.toml:1: {name} reaches {dependency} ({name} → {dependency})"
        );
        Example::default()
            .package(name, &[dependency])
            .breaks(forbidden_dependencies, &[&problem]);
    }
    check("modelpack-store", "hyper");
    check("modelpack-layer", "tokio");
    check("modelpack-spec", "tempfile");
    check("modelpack-formats", "oci-spec");
    check("modelpack-modelfile", "walkdir");
    check("modelpack-registry", "modelpack-store");
    check("modelpack-registry", "memmap2");
    check("modelpack-server", "modelpack-registry");
    check("modelpack-cli", "reqwest");
    check("modelpack", "openssl");
}
