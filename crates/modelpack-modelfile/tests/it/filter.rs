//! What a walk enters and keeps.

use modelpack_modelfile::Filter;

fn filter(include: &[&str], exclude: &[&str]) -> Result<Filter, String> {
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    Filter::new(&owned(include), &owned(exclude)).map_err(|error| error.to_string())
}

#[track_caller]
fn check_excluded(patterns: &[&str], path: &str, expected: bool) {
    let filter = filter(&[], patterns).expect("valid");
    assert_eq!(
        !filter.keep(path),
        expected,
        "{patterns:?} excludes `{path}`"
    );
}

#[track_caller]
fn check_entered(include: &[&str], path: &str, expected: bool) {
    let filter = filter(include, &[]).expect("valid");
    assert_eq!(filter.enter(path), expected, "{include:?} enters `{path}`");
}

#[track_caller]
fn check_error(pattern: &str, expected: &str) {
    let found = filter(&[], &[pattern]).map(|_| ());
    assert_eq!(found, Err(expected.to_owned()), "{pattern}");
}

#[test]
fn names_left_out_by_default() {
    let filter = filter(&[], &[]).expect("valid");
    for path in ["a.bin", "d/a.bin", "modelfile.txt", "py/cache", "a.py"] {
        assert!(filter.keep(path), "{path}");
    }
    for path in [
        ".env",
        "d/.a",
        "Modelfile",
        "d/MODELFILE",
        "a.pyc",
        "a.PYO",
        "d/a.pyd",
    ] {
        assert!(!filter.keep(path), "{path}");
    }
    assert!(filter.enter("src") && filter.enter("a/b"));
    assert!(!filter.enter(".git") && !filter.enter("a/__pycache__"));
}

/// ME6: Excludes.
#[test]
fn excludes() {
    check_excluded(&[], "main.go", false);
    check_excluded(&["*.log"], "debug.log", true);
    check_excluded(&["*.log"], "debug.log.old", false);
    check_excluded(&["*.log"], "logs/debug.log", false);
    check_excluded(&["**/*.log"], "debug.log", true);
    check_excluded(&["**/*.log"], "a/b/c/debug.log", true);
    check_excluded(&["build/*"], "build/app", true);
    check_excluded(&["build/*"], "build", false);
    check_excluded(&["build/*"], "build/assets/icon.png", false);
    check_excluded(&["build/**"], "build", true);
    check_excluded(&["build/**"], "build/assets/icon.png", true);
    check_excluded(&["checkpoint/"], "checkpoint", true);
    check_excluded(&["checkpoint/"], "checkpoint/file.py", false);
    check_excluded(&["*.tmp", "build/"], "a.tmp", true);
    check_excluded(&["*.tmp", "build/"], "src/main.go", false);
    assert!(!filter(&[], &["old/"]).expect("valid").enter("old"));
}

#[test]
fn braces() {
    check_excluded(&["*.{bin,onnx}"], "a.bin", true);
    check_excluded(&["*.{bin,onnx}"], "a.onnx", true);
    check_excluded(&["*.{bin,onnx}"], "a.{bin,onnx}", false);
    check_excluded(&["a{,b,{c,d}e}{1,2}"], "a1", true);
    check_excluded(&["a{,b,{c,d}e}{1,2}"], "ab2", true);
    check_excluded(&["a{,b,{c,d}e}{1,2}"], "ade2", true);
    check_excluded(&["a{,b,{c,d}e}{1,2}"], "ad2", false);
    check_excluded(&["{a,b}/{c,d}/*"], "b/c/x", true);
    check_excluded(&["{a/b,c}"], "a/b", true);
    // Ordinary behind a backslash and in a class.
    check_excluded(&[r"a\{b,c\}"], "a{b,c}", true);
    check_excluded(&[r"a\{b,c\}"], "ab", false);
    check_excluded(&["[{]a[,}]"], "{a}", true);
    check_excluded(&[r"{a\,b,c}"], "a,b", true);
}

#[test]
fn backslashes_and_classes() {
    check_excluded(&[r"\a"], "a", true);
    check_excluded(&[r"a\\b"], r"a\b", true);
    check_excluded(&["[!a]"], "b", true);
    check_excluded(&["[!a]"], "!", true);
    check_excluded(&["[!a]"], "a", false);
    check_excluded(&["[^a]"], "b", true);
}

#[test]
fn includes_open_hidden_directories() {
    check_entered(&[], ".weights", false);
    check_entered(&["**/.*"], ".weights", true);
    check_entered(&["**/.*"], "sub/.hidden", true);
    check_entered(&["**/.*"], "__pycache__", false);
    check_entered(&["**/.*"], "modelfile", false);
    check_entered(&["**/__pycache__/**"], "src/__pycache__", true);
    check_entered(&["**/__pycache__/**"], ".hidden", false);
    check_entered(&[".weights/**"], ".weights", true);
    check_entered(&[".weights/**"], ".weird", false);
    check_entered(&[".weights/*"], ".weights", true);
    check_entered(&["./.weights/*"], ".weights", true);
    check_entered(&["a/.b/c/*.bin"], "a/.b", true);
    check_entered(&[".{a,b}/*"], ".b", true);
    check_entered(&[".a"], ".a/.b", false);
}

#[test]
fn includes_keep_hidden_files() {
    let hidden = filter(&["**/.*"], &["**/.env"]).expect("valid");
    assert!(hidden.keep(".hidden.py") && hidden.keep("sub/.secret.yml"));
    assert!(!hidden.keep(".env") && !hidden.keep("sub/.env") && !hidden.keep("a.pyc"));
    let top = filter(&[".*"], &[]).expect("valid");
    assert!(top.keep(".hidden") && !top.keep("sub/.hidden"));
    // A file in a directory that was opened needs no include of its own.
    let weights = filter(&[".weights/*.safetensors"], &[]).expect("valid");
    assert!(weights.enter(".weights") && weights.keep(".weights/extra.bin"));
    assert!(!weights.keep(".weights/.part"));
}

#[test]
fn malformed() {
    let closes = "a `}` closes nothing; write `\\}` for the character";
    let never = "a `{` is never closed; write `\\{` for the character";
    for (pattern, reason) in [
        ("a}", closes),
        ("{a}}", closes),
        ("{a", never),
        ("{a,{b}", never),
        ("a\\", "it ends in a backslash"),
        ("", "it names no file"),
        (
            "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
            "its braces stand for too many patterns",
        ),
    ] {
        check_error(pattern, &format!("invalid pattern `{pattern}`: {reason}"));
    }
    check_error(
        "{a,../b}",
        "`../b` is outside of the work directory: it has `..`",
    );
}

#[test]
fn each_side_of_a_filter_covers_what_lies_below_it() {
    let filter = filter(&["keep/**", "a.log"], &["gone", "*.tmp"]).expect("valid");
    for path in ["gone", "gone/deep/x", "x.tmp"] {
        assert!(filter.excludes(path), "{path}");
    }
    assert!(!filter.excludes("kept/gone") && !filter.excludes("d/x.tmp"));
    assert!(filter.includes("keep/x") && filter.includes("a.log") && !filter.includes("b.log"));
    assert!(filter.leads_into("keep") && !filter.leads_into("other"));
}
