//! Every rule over this repository, and that each function in `rules` is run here.

use std::path::Path;
use std::sync::LazyLock;

use modelpack_tidy::{Violation, Workspace, rules};

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Workspace::read(&root)
});

macro_rules! rules {
    ($($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                hold(rules::$rule);
            }
        )*

        const RUN: &[&str] = &[$(stringify!($rule)),*];
    };
}

rules! {
    floors
    testkit_alone
    forbidden_dependencies
    forbidden_code
    first_lines
    lengths
    lints
    unfinished
    test_modules
    unsafe_code
    crates_complete
    one_test_binary
    crate_map
    versions
    licence
    machine_paths
    cases
}

#[track_caller]
fn hold(rule: fn(&Workspace) -> Vec<Violation>) {
    let mut violations = rule(&WORKSPACE);
    violations.sort();
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} broken:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn the_repository_was_read() {
    assert!(
        WORKSPACE
            .package("modelpack-spec")
            .is_some_and(|package| !package.dependencies.is_empty())
    );
    assert!(WORKSPACE.files.contains_key("LICENSE"));
    assert!(
        WORKSPACE
            .sources
            .iter()
            .any(|file| file.path == "crates/modelpack-spec/src/lib.rs")
    );
    // A way that is allowed, so that one which is forbidden would be found.
    let way = WORKSPACE.lockfile.way(&WORKSPACE, "modelpack", "hyper");
    assert_eq!(
        way.expect("the client drives hyper"),
        ["modelpack", "modelpack-registry", "hyper"]
    );
}

#[test]
fn every_rule_is_run() {
    let exports = &WORKSPACE.files["crates/modelpack-tidy/src/rules.rs"];
    let names = exports
        .lines()
        .filter_map(|line| line.strip_prefix("pub use "))
        .flat_map(|line| {
            let names = line.split_once("::").map_or(line, |(_, names)| names);
            names.trim_matches(['{', '}', ';']).split(", ")
        });
    let names: Vec<&str> = names.collect();
    let mut run = RUN.to_vec();
    let mut exported = names;
    run.sort_unstable();
    exported.sort_unstable();
    assert_eq!(run, exported);
}
