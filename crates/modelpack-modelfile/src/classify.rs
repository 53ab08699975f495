//! Which kind of layer a file belongs to, by its name.

use std::sync::LazyLock;

use modelpack_spec::Kind;

use crate::Pattern;
use crate::tables::{SKIPPED, TABLES};

/// A file that no table knows is taken for weights when it is larger than this many bytes.
const LARGE_FILE_BYTES: u64 = 128_000_000;

static COMPILED: LazyLock<Vec<(Kind, Vec<Pattern>)>> = LazyLock::new(|| {
    TABLES
        .iter()
        .map(|(kind, patterns)| (*kind, compile(patterns)))
        .collect()
});
static SKIPPED_COMPILED: LazyLock<Vec<Pattern>> = LazyLock::new(|| compile(SKIPPED));

fn compile(patterns: &[&str]) -> Vec<Pattern> {
    patterns
        .iter()
        .map(|pattern| Pattern::parse(pattern).expect("a test parses every pattern of the tables"))
        .collect()
}

/// The kind of a file by its base name and its size in bytes. Upper and lower case do not matter.
/// Never [`Kind::Dataset`]: nothing in a name tells data from weights or code.
#[must_use]
pub fn classify(path: &str, size: u64) -> Kind {
    let name = base_name(path);
    COMPILED
        .iter()
        .find(|(_, patterns)| patterns.iter().any(|pattern| pattern.matches(&name)))
        .map_or(
            if size > LARGE_FILE_BYTES {
                Kind::Weight
            } else {
                Kind::Code
            },
            |(kind, _)| *kind,
        )
}

/// Whether a generated Modelfile leaves a file or directory out unless it is asked for.
pub(crate) fn is_skipped(path: &str) -> bool {
    let name = base_name(path);
    SKIPPED_COMPILED
        .iter()
        .any(|pattern| pattern.matches(&name))
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_lowercase()
}
