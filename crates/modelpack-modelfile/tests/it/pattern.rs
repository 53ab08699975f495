//! Which paths a pattern matches.

use modelpack_modelfile::Pattern;

#[track_caller]
fn check(pattern: &str, matching: &[&str], others: &[&str]) {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{error}"));
    for path in matching {
        assert!(parsed.matches(path), "`{pattern}` matches `{path}`");
    }
    for path in others {
        assert!(!parsed.matches(path), "`{pattern}` does not match `{path}`");
    }
}

#[track_caller]
fn check_error(pattern: &str, expected: &str) {
    let error = Pattern::parse(pattern).map_err(|error| error.to_string());
    assert_eq!(error, Err(expected.to_owned()));
}

#[test]
fn paths() {
    check(
        "a/b.bin",
        &["a/b.bin"],
        &["b.bin", "a/b.bin/c", "a", "a/B.bin"],
    );
    check("./a//b/./c/", &["a/b/c"], &["./a//b/./c/"]);
    check("...", &["..."], &[]);
    check("v1..2/w.bin", &["v1..2/w.bin"], &[]);
    // Without wildcards a backslash is a character like any other.
    check(r"a\b", &[r"a\b"], &["ab"]);
    check("{a,b}", &["{a,b}"], &["a", "b"]);
}

#[test]
fn stars_and_question_marks() {
    check("*", &["a", ".env", "ä"], &["a/b"]);
    check(
        "*.bin",
        &["a.bin", ".bin", "a.bin.bin"],
        &["a.bin.x", "d/a.bin"],
    );
    check("d/*", &["d/a", "d/.a"], &["d", "d/a/b", "e/a"]);
    check("*/*", &["a/b"], &["a", "a/b/c"]);
    check("a*b*c", &["abc", "aXbXbXc"], &["abcd", "ab"]);
    check("*a*b", &["aab", "abab"], &["aba"]);
    check(
        "model-????.bin",
        &["model-0001.bin", "model-äöüß.bin"],
        &["model-001.bin"],
    );
    check("a**b", &["ab", "aXb"], &["a/b"]);
}

#[test]
fn classes() {
    check("[a-c]x", &["ax", "bx", "cx"], &["dx", "x"]);
    check("[^a-c]x", &["dx"], &["ax", "x"]);
    check("[!a]", &["!", "a"], &["b"]);
    check("[abx-z]", &["a", "b", "y"], &["c", "-"]);
    check(r"[\]\-\\]", &["]", "-", r"\"], &["a"]);
    check("[а-я]", &["ж"], &["z"]);
    check("w[0-9].bin", &["w1.bin"], &["w[1].bin"]);
    check("]*", &["]", "]a"], &["a"]);
}

#[test]
fn escapes() {
    check(r"w\[1\].bin", &["w[1].bin"], &["w1.bin"]);
    check(r"\*", &["*"], &["a"]);
    check(r"a\b*", &["ab", "abc"], &[r"a\b"]);
    check(r"a\\b*", &[r"a\b", r"a\bc"], &["ab"]);
    check(r"d\\/*", &[r"d\/x"], &["d/x"]);
}

#[test]
fn any_directories() {
    check("**/*.bin", &["a.bin", "x/a.bin", "x/y/a.bin"], &["a.txt"]);
    check("a/**", &["a/b", "a/b/c", "a"], &["b/a", "ab"]);
    check(
        "a/**/b",
        &["a/b", "a/x/b", "a/x/y/b", "a/b/b"],
        &["a", "b", "a/bb", "a/b/c"],
    );
    check("**", &["a", "a/b/c"], &[]);
    check(
        "**/a/**/b",
        &["a/b", "x/a/y/b", "a/b/a/b"],
        &["b/a", "a/b/a"],
    );
    check("**/a/b/**/c/*", &["a/x/a/b/y/c/z"], &["a/x/b/y/c/z"]);
}

#[test]
fn hostile_patterns_take_no_exponential_time() {
    let stars = "a*".repeat(200) + "b";
    check(&stars, &[], &[&"a".repeat(2000)]);
    let directories = "**/a/".repeat(200) + "b";
    check(&directories, &[], &[&"a/".repeat(2000)]);
}

#[test]
fn wildcards_are_seen_behind_escapes() {
    let has = |text| Pattern::parse(text).expect("valid").has_wildcards();
    assert!(!has("a/b.bin"));
    assert!(!has(r"a\b"));
    assert!(!has(r"w\[1\].bin"));
    assert!(!has(r"\*/\?"));
    assert!(has("*"));
    assert!(has("a/**"));
    assert!(has("a?"));
    assert!(has("[a]"));
}

#[test]
fn outside() {
    let has_parent = |text: &str| format!("`{text}` is outside of the work directory: it has `..`");
    for text in [
        "..", "../x", "a/../b", "a/..", "../*", "*/..", r"\.\./*", r".\./[x]",
    ] {
        check_error(text, &has_parent(text));
    }
    for text in ["/", "/etc/passwd", "//x", "/*"] {
        let expected = format!(
            "`{text}` is outside of the work directory: it is absolute; write it relative to the work directory"
        );
        check_error(text, &expected);
    }
}

#[test]
fn malformed() {
    let unclosed = "a `[` is never closed; write `\\[` for the character itself";
    let nothing = "a `[` is followed by nothing that could match; escape it as `\\[`";
    for (text, reason) in [
        ("", "it names no file"),
        (".", "it names no file"),
        ("./", "it names no file"),
        ("[a", unclosed),
        ("[", unclosed),
        ("[a-", unclosed),
        ("[a/b]", unclosed),
        ("[]a]", nothing),
        ("[-a]", nothing),
        ("[^]", nothing),
        ("[a-]", "a range in `[…]` has no end"),
        (r"*\", "it ends in a backslash"),
        (r"*\/a", "it ends in a backslash"),
    ] {
        check_error(text, &format!("invalid pattern `{text}`: {reason}"));
    }
    check_error(
        "a\nb",
        "`a\\nb` cannot be written in a Modelfile: it has a line break",
    );
}
