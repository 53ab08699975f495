//! Which paths a pattern names.

use modelpack_modelfile::Pattern;
use proptest::prelude::*;

#[test]
fn patterns_match_as_go_does_but_for_two_stars() {
    let check = |pattern: &str, path: &str, expected: bool| {
        let parsed = Pattern::parse(pattern).unwrap();
        assert_eq!(parsed.matches(path), expected, "{pattern:?} {path:?}");
    };
    check("a.bin", "a.bin", true);
    check("./a.bin", "a.bin", true);
    check("a//b", "a/b", true);
    check("*.bin", "a.bin", true);
    check("*.bin", "sub/a.bin", false);
    check("*", ".env", true);
    check("sub/*", "sub/a", true);
    check("sub/*", "sub/a/b", false);
    check("?", "é", true);
    check("[a-c]x", "bx", true);
    check("[^a-c]x", "bx", false);
    check("[^a-c]x", "dx", true);
    check("\\[1\\]*", "[1]x", true);
    check("**/*.bin", "a.bin", true);
    check("**/*.bin", "x/y/a.bin", true);
    check("x/**", "x/y/z", true);
    check("x/**/z", "x/z", true);
    check("**/a/**/b", "q/a/a/c/b", true);
    check("**/a/**/b", "q/a/a/c", false);
    check("a*b*c", "aXbXbXc", true);
    check("a*b*c", "aXbXbX", false);
}

#[test]
fn what_is_no_pattern_says_why() {
    let check = |pattern: &str| assert!(Pattern::parse(pattern).is_err(), "{pattern:?}");
    for pattern in [
        "", ".", "/", "/a", "..", "a/../b", "[", "[]", "[a", "[a-]", "*\\", "[-a]",
    ] {
        check(pattern);
    }
}

#[test]
fn many_stars_take_no_exponential_time() {
    let pattern = Pattern::parse(&format!("{}b", "a*".repeat(200))).unwrap();
    assert!(!pattern.matches(&"a".repeat(5000)));
    let deep = Pattern::parse(&format!("{}z", "**/a/".repeat(30))).unwrap();
    assert!(!deep.matches(&"a/".repeat(500)));
}

proptest! {
    #[test]
    fn an_escaped_name_matches_itself_alone(name in "[a-z*?\\[\\]\\\\ \"#.é]{1,12}", other in "[a-z*?\\[\\]\\\\ \"#.é]{1,12}") {
        prop_assume!(!name.split('/').any(|part| part == "." || part == ".."));
        let pattern = Pattern::parse(&Pattern::escape(&name)).unwrap();
        prop_assert!(pattern.matches(&name));
        prop_assert!(!pattern.has_wildcards());
        prop_assert_eq!(pattern.matches(&other), name == other);
    }
}
