//! The binary: exit codes and what goes to standard output.

use std::process::Command;

use serde_json::{Value, json};

use crate::sample::{NAME, sample};

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_modelpack-conformance"))
        .args(arguments)
        .output()
        .expect("the binary can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    (
        output.status.code().expect("it ends by itself"),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn exit_codes() {
    let right = sample().write();
    let path = right.path().to_str().expect("the path is text");
    let named = format!("{path}:{NAME}");
    for target in [path, &named] {
        let (code, out, err) = run(&["artifact", target]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(
            out.lines()
                .last()
                .is_some_and(|line| line.starts_with("conforms: ")),
            "{out}"
        );
    }

    let mut wrong = sample();
    wrong.manifest["artifactType"] = json!("a/b");
    let wrong = wrong.write();
    let (code, out, _) = run(&["artifact", wrong.path().to_str().expect("the path is text")]);
    assert_eq!(code, 1);
    assert!(
        out.contains("FAILED  MUST   manifest.artifact-type"),
        "{out}"
    );

    for arguments in [
        &["artifact"][..],
        &["registry", "x"],
        &["artifact", "/nowhere/at/all"],
        &["artifact", "--what"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(!err.is_empty());
    }
    assert_eq!(run(&["--help"]).0, 0);
}

#[test]
fn json() {
    let right = sample().write();
    let path = right.path().to_str().expect("the path is text");
    let (code, out, _) = run(&["artifact", "--json", path]);
    assert_eq!(code, 0);
    let report: Value = serde_json::from_str(&out).expect("it prints JSON");
    assert_eq!(report["checks"][0]["id"], "manifest.json");
    assert_eq!(report["checks"][0]["level"], "MUST");
    assert_eq!(report["checks"][0]["outcome"], "passed");
}
