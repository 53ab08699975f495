//! The tables are what they say they are.

use std::collections::BTreeSet;

use super::{CODE, CONFIG, DOC, MODEL, SKIPPED, TABLES};
use crate::Pattern;

#[test]
fn every_pattern_is_valid_and_lower_case() {
    let all = TABLES.iter().flat_map(|(_, table)| *table).chain(SKIPPED);
    for text in all {
        let pattern = Pattern::parse(text);
        assert!(pattern.is_ok(), "{pattern:?}");
        assert_eq!(
            text.to_lowercase(),
            *text,
            "base names are matched in lower case"
        );
    }
}

#[test]
fn no_table_says_anything_twice() {
    for (kind, table) in TABLES {
        let unique: BTreeSet<&str> = table.iter().copied().collect();
        assert_eq!(unique.len(), table.len(), "{kind:?}");
    }
}

#[test]
fn the_tables_are_complete() {
    // Upstream lists `*.r` and `*.R`, which are the same here.
    let lengths = [CONFIG, MODEL, CODE, DOC, SKIPPED].map(<[&str]>::len);
    assert_eq!(lengths, [36, 69, 139, 104, 6]);
}
