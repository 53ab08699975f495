//! Tests of patterns for names.

use super::*;

fn check(pattern: &str, name: &str, expected: bool) {
    let reference = name.parse().expect("a reference");
    let matches = NamePattern::new(pattern).matches(&reference);
    assert_eq!(matches, expected, "{pattern} {name}");
}

#[test]
fn names_match_as_a_whole_or_from_after_a_slash() {
    let name = "ghcr.io/me/qwen3:0.6b";
    for pattern in [
        name,
        "ghcr.io/me/qwen3",
        "qwen3",
        "qwen3:0.6b",
        "me/qwen3",
        "*",
        "**",
        "q*3",
        "qwen?",
        "*:0.?b",
        "*en*",
    ] {
        check(pattern, name, true);
    }
    for pattern in [
        "",
        "qwen",
        "wen3",
        "ghcr.io/me",
        "*:0.6",
        "QWEN3",
        "qwen3?",
        "0.6b",
    ] {
        check(pattern, name, false);
    }
}

#[test]
fn many_stars_cost_no_more_than_their_product() {
    let pattern = format!("{}b", "a*".repeat(40));
    check(&pattern, &format!("r.io/{}:t", "a".repeat(200)), false);
}
