//! The vectors without Rust: the example in Python, over the command of the suite.

use std::process::Command;

use modelpack_testkit::{fixtures, skip};

/// Exit code and last line.
fn judge(words: &[&str]) -> Option<(Option<i32>, String, String)> {
    let output = Command::new("python3")
        .arg(fixtures().join("examples/judge.py"))
        .args(words)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    let Ok(output) = output else {
        skip("python3 is not on the PATH");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default().to_owned();
    Some((output.status.code(), last, text))
}

#[test]
fn the_command_judges_artifacts_as_the_index_says() {
    let command = format!(
        "{} artifact {{layout}}",
        env!("CARGO_BIN_EXE_modelpack-conformance")
    );
    let Some((code, last, text)) = judge(&["artifact", &command]) else {
        return;
    };
    assert_eq!(code, Some(0), "{text}");
    let words: Vec<&str> = last.split(' ').collect();
    let count: usize = words[0].parse().unwrap();
    assert!(count > 100, "{last}");
    assert_eq!(last, format!("{count} of {count} as expected"));
}

/// A command that takes everything is found out, on the vectors that one has to refuse.
#[test]
fn a_command_that_takes_everything_fails() {
    let Some((code, _, text)) = judge(&["modelfile", "true {modelfile}"]) else {
        return;
    };
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("WRONG invalid  valid"), "{text}");
    assert!(text.contains("ok    valid    valid"), "{text}");
    let (code, ..) = judge(&["modelfile", "/nowhere/at/all"]).unwrap();
    assert_eq!(code, Some(1));
}
