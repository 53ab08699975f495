//! Tests of what is left out.

use std::fs;

use super::*;

fn left_out(ignore_file: &str, include: &[&str], exclude: &[&str]) -> Result<LeftOut, Error> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(IGNORE_FILE), ignore_file).expect("a file");
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    LeftOut::read(&[directory.path()], &owned(include), &owned(exclude))
}

#[test]
fn an_exclude_goes_before_an_include_and_that_before_the_file() {
    let rules = left_out(
        "# notes\n*.log\nout/\n!keep.log\n/top.txt\n",
        &["a.log", "hidden/**"],
        &["b.bin", "x/*.md", "gone"],
    )
    .unwrap();
    for (path, covered) in [
        ("z.log", true),
        ("deep/z.log", true),
        ("keep.log", false),
        ("a.log", false),
        ("out/x/y.bin", true),
        ("top.txt", true),
        ("deep/top.txt", false),
        ("b.bin", true),
        ("x/r.md", true),
        ("x/y/r.md", false),
        ("gone/deep/file", true),
        ("m.bin", false),
    ] {
        assert_eq!(rules.covers(path), covered, "{path}");
        if !path.contains('/') {
            assert_eq!(rules.keeps(path), !covered, "{path}");
        }
    }
    assert!(!rules.enters("out") && rules.enters("x") && !rules.enters("gone"));
}

#[test]
fn an_include_leads_into_an_ignored_directory() {
    let rules = left_out("out/\n", &["out/keep/*"], &[]).unwrap();
    assert!(rules.enters("out") && rules.enters("out/keep"));
    assert!(rules.keeps("out/keep/a.bin") && !rules.keeps("out/b.bin"));
}

#[test]
fn a_line_that_is_no_pattern_is_named() {
    let error = left_out("*.log\n[z-a]\n", &[], &[]).unwrap_err();
    assert!(error.to_string().contains("line 2 of "), "{error}");
    assert!(error.hint().is_some());
    assert!(left_out("", &["{"], &[]).is_err());
}
