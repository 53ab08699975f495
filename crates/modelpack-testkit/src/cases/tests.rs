//! A runner of cases that never fails would make every suite green, so each way to fail is tried.

use super::*;

/// Accepts numbers, as an example of a parser.
fn number(_: &str, bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    text.trim()
        .parse::<u32>()
        .map(drop)
        .map_err(|_| format!("`{}` is not a number", text.trim()))
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let scratch = tempfile::tempdir().unwrap();
    for directory in ["valid", "invalid"] {
        fs::create_dir(scratch.path().join(directory)).unwrap();
    }
    for (path, text) in files {
        fs::write(scratch.path().join(path), text).unwrap();
    }
    assert_eq!(failures(scratch.path(), &mut number), expected);
}

const VALID: (&str, &str) = ("valid/a", "1");
const INVALID: (&str, &str) = ("invalid/b.txt", "x");
const MESSAGE: (&str, &str) = ("invalid/b.txt.error", "`x` is not a number\n");

#[test]
fn good_cases_pass() {
    check(&[VALID, INVALID, MESSAGE], &[]);
}

#[test]
fn bad_cases_fail() {
    check(
        &[("valid/a", "x"), INVALID, MESSAGE],
        &["valid/a: refused: `x` is not a number"],
    );
    check(
        &[VALID, ("invalid/b.txt", "1"), MESSAGE],
        &["invalid/b.txt: accepted"],
    );
    check(
        &[VALID, INVALID],
        &["invalid/b.txt.error is missing; the message is: `x` is not a number"],
    );
    check(
        &[VALID, INVALID, ("invalid/b.txt.error", "no")],
        &["invalid/b.txt:\n  expected no\n  found    `x` is not a number"],
    );
    check(
        &[VALID, INVALID, MESSAGE, ("invalid/c.error", "no")],
        &["invalid/c.error: there is no file that it belongs to"],
    );
}

#[test]
fn cases_that_do_not_run_fail() {
    check(&[], &["valid/: no cases", "invalid/: no cases"]);
    let failures = failures(Path::new("does-not-exist"), &mut number);
    assert_eq!(failures.len(), 2, "{failures:?}");
}

#[test]
#[should_panic(expected = "valid/: ")]
fn failures_panic() {
    check_cases(Path::new("does-not-exist"), number);
}
