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
    let (code, out, _) = run(&["artifact", path, "--json", "-"]);
    assert_eq!(code, 0);
    let report: Value = serde_json::from_str(&out).expect("it prints JSON");
    assert_eq!(report["checks"][0]["id"], "manifest.json");
    assert_eq!(report["checks"][0]["level"], "MUST");
    assert_eq!(report["checks"][0]["outcome"], "passed");
}

/// The suite `registry` from a shell: exit codes, JSON, JUnit.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_judged() {
    use modelpack_server::{ListenOptions, MemoryStorage, Options, Registry, listen};

    async fn judged(options: Options, arguments: Vec<String>) -> (i32, String, String) {
        let registry = Registry::new(MemoryStorage::new(), options);
        let any_port = "127.0.0.1:0".parse().expect("an address");
        let listener = listen(any_port, registry, ListenOptions::default())
            .await
            .expect("a port is free");
        let mut words = vec![
            "registry".to_owned(),
            format!("http://{}", listener.local_addr()),
        ];
        words.extend(arguments);
        tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run(&words)
        })
        .await
        .expect("the task ends")
    }

    let directory = tempfile::tempdir().expect("there is room");
    let junit = directory.path().join("junit.xml");
    let mut sparse = Options::default();
    sparse.allow_sparse = true;
    let arguments = ["--json", "-", "--junit", &junit.to_string_lossy()].map(ToOwned::to_owned);
    let (code, out, err) = judged(sparse, arguments.to_vec()).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let report: Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(report["apis"]["Ping"], "Pass");
    let xml = std::fs::read_to_string(junit).expect("it was written");
    assert!(xml.contains("failures=\"0\""), "{xml}");

    let (code, out, _) = judged(Options::default(), Vec::new()).await;
    assert_eq!(code, 1, "sparse manifests are not taken");
    assert!(out.contains("does not conform"), "{out}");
    let no_sparse = vec!["--no-sparse".to_owned()];
    let (code, out, _) = judged(Options::default(), no_sparse).await;
    assert_eq!(code, 0, "{out}");

    for arguments in [
        &["registry"][..],
        &["registry", "ftp://127.0.0.1"],
        &["registry", "http://127.0.0.1:1"],
        &["registry", "http://127.0.0.1:1", "--user", "x"],
        &[
            "registry",
            "http://127.0.0.1:1",
            "--repository",
            "UPPER",
            "--what",
        ],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(!err.is_empty());
    }
}

/// Reports in files, one check alone, and files that cannot be written.
#[test]
fn reports_and_single_checks() {
    let right = sample().write();
    let path = right.path().to_str().expect("the path is text");
    let scratch = tempfile::tempdir().expect("there is room");
    let file = |name: &str| scratch.path().join(name).to_string_lossy().into_owned();
    let (html, json) = (file("report.html"), file("report.json"));
    let (code, out, _) = run(&["artifact", path, "--html", &html, "--json", &json]);
    assert_eq!(code, 0);
    assert!(
        out.contains("\nMUST ") && out.contains("\nSHOULD "),
        "{out}"
    );
    let page = std::fs::read_to_string(&html).expect("it was written");
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    let report = std::fs::read(&json).expect("it was written");
    let report: Value = serde_json::from_slice(&report).expect("it is JSON");
    assert_eq!(report["suite"], "artifact");
    let again = report["checks"][0]["again"].as_str().expect("a command");
    let expected = format!("modelpack-conformance artifact {path} --only manifest.json");
    assert_eq!(again, expected);

    let (code, out, _) = run(&["artifact", path, "--only", "manifest.json", "--json", "-"]);
    let report: Value = serde_json::from_str(&out).expect("it is JSON alone");
    assert_eq!(code, 0);
    assert_eq!(report["checks"].as_array().map(Vec::len), Some(1));

    let (code, _, err) = run(&["artifact", path, "--only", "nothing.at-all"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("no check is called `nothing.at-all`; there are: manifest.json,"),
        "{err}"
    );
    let nowhere = file("not/there.html");
    let (code, out, err) = run(&["artifact", path, "--html", &nowhere]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");

    // What could not be judged has a report as well.
    let (code, _, _) = run(&["artifact", "/nowhere/at/all", "--json", &json]);
    let report = std::fs::read(&json).expect("it was written");
    let report: Value = serde_json::from_slice(&report).expect("it is JSON");
    assert_eq!(code, 2);
    assert_eq!(report["checks"][0]["outcome"], "broken");
}

/// A run that is interrupted ends its tool, and reports what it found till then.
#[test]
fn an_interrupted_run_has_a_report() {
    let scratch = tempfile::tempdir().expect("there is room");
    let file = |name: &str| scratch.path().join(name);
    let script = r#"sh -c 'test -e "$MARK" || exec touch "$MARK"; echo $$ > "$MARK"; sleep 1000' {ref} {out}"#;
    let mark = file("mark");
    std::fs::write(file("report.json"), "of an earlier run").expect("there is room");
    let mut suite = Command::new(env!("CARGO_BIN_EXE_modelpack-conformance"))
        .args(["consumer", "--only", "files", "--cmd", script, "--json"])
        .arg(file("report.json"))
        .arg("--env")
        .arg(format!("MARK={}", mark.display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    // The first case ends, the second one hangs and says who it is.
    let tool = loop {
        match std::fs::read_to_string(&mark) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
        assert!(
            suite.try_wait().expect("it can be waited for").is_none(),
            "it hangs"
        );
    };
    // Were it killed now, nobody could take what is there for the report of a run that ended.
    let unfinished = std::fs::read(file("report.json")).expect("it was written");
    let unfinished: Value = serde_json::from_slice(&unfinished).expect("it is JSON");
    assert_eq!(unfinished["checks"][0]["outcome"], "broken");
    let signal = Command::new("kill")
        .args(["-INT", &suite.id().to_string()])
        .status();
    assert!(signal.expect("kill is everywhere").success());
    assert_eq!(
        suite.wait().expect("it ends").code(),
        Some(1),
        "one MUST failed before"
    );
    let report = std::fs::read(file("report.json")).expect("it was written");
    let report: Value = serde_json::from_slice(&report).expect("it is JSON");
    let checks = report["checks"].as_array().expect("checks");
    assert_eq!(checks[0]["id"], "files.raw");
    assert_eq!(checks[1]["id"], "suite");
    assert_eq!(checks[1]["outcome"], "broken");
    let alive = Command::new("kill")
        .args(["-0", &tool])
        .output()
        .expect("kill is everywhere");
    assert!(!alive.status.success(), "the tool is still there");
}
