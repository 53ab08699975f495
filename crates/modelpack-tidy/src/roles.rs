//! Which crate stands on which floor.

/// The floors, bottom up. A crate may use what lies on floors below its own, never beside or above.
///
/// Crates that are not listed are tools of the repository (tests, benchmarks, fuzzing): they may use every floor
/// and no floor may use them, but for the test kit in tests.
pub const FLOORS: &[(&str, u8)] = &[
    ("modelpack-spec", 0),
    ("modelpack-faulty", 0),
    ("modelpack-formats", 0),
    ("modelpack-modelfile", 1),
    ("modelpack-layer", 1),
    ("modelpack-store", 2),
    ("modelpack-registry", 3),
    ("modelpack-server", 3),
    ("modelpack", 4),
    ("modelpack-cli", 5),
    ("modelpack-conformance", 5),
];

/// The unpublished crates around the house.
pub(crate) const TOOLS: &[&str] = &[
    "modelpack-testkit",
    "modelpack-tidy",
    "modelpack-benches",
    "modelpack-fuzz",
];

/// What tests of every crate may use; of the workspace it uses nothing but [`FAULTY`] itself.
pub(crate) const TESTKIT: &str = "modelpack-testkit";

/// The suites, which tests of what stands beside them may use: the command line is judged by them.
pub(crate) const SUITES: &str = "modelpack-conformance";

/// The registry that misbehaves on purpose; it uses no other crate of the workspace.
pub(crate) const FAULTY: &str = "modelpack-faulty";

/// Whether other programs link this crate: everything on a floor but the command line.
pub fn is_library(name: &str) -> bool {
    name != "modelpack-cli" && floor(name).is_some()
}

pub(crate) fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(floor_name, _)| *floor_name == name)
        .map(|(_, floor)| *floor)
}
