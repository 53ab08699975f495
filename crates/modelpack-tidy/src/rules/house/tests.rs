//! A house with something missing.

use super::*;
use crate::testing::Example;

const DOCS: &str = "//! Types.\n//!\n//! ```\n//! let x = 1;\n//! ```\n";

fn complete() -> Example {
    Example::default()
        .package("modelpack-spec", &[])
        .target("example", "crates/modelpack-spec/examples/a.rs")
        .file(
            "crates/modelpack-spec/CHANGELOG.md",
            "# Changes\n\n## Unreleased\n",
        )
        .file("crates/modelpack-spec/src/lib.rs", DOCS)
}

#[test]
fn a_library_is_complete() {
    complete().breaks(crates_complete, &[]);
    Example::default()
        .package("modelpack-cli", &[])
        .breaks(crates_complete, &[]);
    Example::default().package("modelpack-spec", &[]).breaks(
        crates_complete,
        &[
            "crates/modelpack-spec/CHANGELOG.md:1: the change log is missing or has no section",
            "crates/modelpack-spec/Cargo.toml:1: modelpack-spec has no example",
            "crates/modelpack-spec/src/lib.rs:1: the docs of the crate have no example that compiles",
        ],
    );
    complete()
        .file("crates/modelpack-spec/CHANGELOG.md", "# Changes\n")
        .breaks(
            crates_complete,
            &["crates/modelpack-spec/CHANGELOG.md:1: the change log is missing or has no section"],
        );
}

#[test]
fn an_example_in_docs_compiles() {
    assert!(docs_have_example(DOCS));
    assert!(docs_have_example("//! ```no_run\n"));
    assert!(docs_have_example(
        "//! ```text\n//! x\n//! ```\n//! ```rust\n"
    ));
    assert!(!docs_have_example("//! ```text\n//! x\n//! ```\n"));
    assert!(!docs_have_example("//! ```ignore\n//! x\n//! ```\n"));
    assert!(!docs_have_example(
        "//! Types.\n\n/// ```\n/// x\n/// ```\n"
    ));
}

#[test]
fn integration_tests_are_one_program() {
    Example::default()
        .package("modelpack-spec", &[])
        .target("lib", "crates/modelpack-spec/src/lib.rs")
        .target("test", "crates/modelpack-spec/tests/it/main.rs")
        .target("test", "crates/modelpack-spec/tests/other.rs")
        .breaks(
            one_test_binary,
            &["crates/modelpack-spec/tests/other.rs:1: modelpack-spec has an integration test of its own here"],
        );
}

#[test]
fn the_map_is_true() {
    #[track_caller]
    fn check(map: &str, expected: &[&str]) {
        Example::default()
            .package("modelpack-layer", &["modelpack-spec", "tar"])
            .package("modelpack-spec", &["serde"])
            .package("modelpack-testkit", &["tempfile"])
            .file(MAP, map)
            .breaks(crate_map, expected);
    }
    let spec = "| `modelpack-spec` | types | – |\n| `modelpack-testkit` | tests |\n";
    check(
        &format!("{spec}| `modelpack-layer` | tar | `spec` |\n"),
        &[],
    );
    check(
        spec,
        &["crates/README.md:1: the map has no row for `modelpack-layer`"],
    );
    for row in [
        "| `modelpack-layer` | tar | – |",
        "| `modelpack-layer` | tar | `spec`, `store` |",
        "| `modelpack-layer` | tar |",
    ] {
        let problem = "crates/README.md:3: the map says otherwise than the manifest what `modelpack-layer` uses";
        check(&format!("{spec}{row}\n"), &[problem]);
    }
}

#[test]
fn versions_are_equal_and_tools_stay_at_home() {
    let manifest = "[package]\nversion = \"0.2.0\"\npublish = false\n";
    Example::default()
        .package("modelpack", &[])
        .package("modelpack-testkit", &[])
        .file("crates/modelpack-testkit/Cargo.toml", manifest)
        .breaks(versions, &[]);
    Example::default()
        .package("modelpack", &[])
        .package("modelpack-testkit", &[])
        .version("0.2.0")
        .file("crates/modelpack-testkit/Cargo.toml", "[package]\nversion = \"0.2.0\"\n")
        .breaks(
            versions,
            &[
                "crates/modelpack-testkit/Cargo.toml:2: modelpack-testkit has version 0.2.0, modelpack has 0.1.0",
                "crates/modelpack-testkit/Cargo.toml:1: modelpack-testkit is a tool of the repository that could be published",
            ],
        );
}

#[test]
fn the_licence_is_whole() {
    let missing = "LICENSE:1: the text of the licence is missing";
    Example::default().breaks(licence, &[missing]);
    Example::default()
        .file("LICENSE", "Apache License\n")
        .breaks(licence, &[missing]);
    Example::default()
        .file("LICENSE", "Apache License\nEND OF TERMS AND CONDITIONS\n")
        .breaks(licence, &[]);
}

#[test]
fn files_name_no_directory_of_one_machine() {
    let work = ["/", "work", "/"].concat();
    let problem = format!("README.md:2: the file names `{work}`, a directory of one machine");
    Example::default()
        .file("README.md", &format!("Run\ncd {work}main\n"))
        .breaks(machine_paths, &[&problem]);
    Example::default()
        .file(
            "README.md",
            &format!("a{work}b ../work/c https://x.org{work}\n"),
        )
        .breaks(machine_paths, &[]);
}
