//! The command line as the conformance suites see it: a tool like any other, from outside.

use modelpack_conformance::{
    Check, Ending, Report, Template, ToolOptions, TransportCase, judge_builder, judge_consumer,
    judge_transport,
};

/// The commands of this tool, as one would write them in a shell.
fn tool(commands: &[&str]) -> ToolOptions {
    let program = env!("CARGO_BIN_EXE_modelpack");
    let template = |command: &&str| -> Template {
        let text = format!("'{program}' {command}");
        text.parse().expect("it is a template")
    };
    ToolOptions::new(commands.iter().map(template))
}

/// Everything holds, SHOULD and MAY too, and everything was tried.
#[track_caller]
fn assert_complete(report: &Report, least: usize) {
    let is_good = |check: &&Check| check.outcome == modelpack_conformance::Outcome::Passed;
    let bad: Vec<String> = report
        .checks
        .iter()
        .filter(|check| !is_good(check))
        .map(|check| {
            let evidence = check.evidence.iter();
            let evidence: Vec<String> = evidence
                .map(|evidence| format!("--- {}\n{}", evidence.what, evidence.text))
                .collect();
            format!("{check}\n{}", evidence.join("\n"))
        })
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
    assert_eq!(report.ending(), Ending::Conforms);
    assert!(report.checks.len() >= least, "{}", report.checks.len());
}

#[test]
fn builder() {
    let options = tool(&[
        "build -t {ref} -f {modelfile} {dir}",
        "push {ref} --plain-http",
    ]);
    let report = judge_builder(&options, &mut |_| {}).expect("the commands are complete");
    assert_complete(&report, 28);
}

/// Straight into a directory, and by way of the store.
#[test]
fn consumer() {
    let straight = tool(&["pull {ref} --extract-dir {out} --extract-from-remote --plain-http"]);
    let report = judge_consumer(&straight, &mut |_| {}).expect("the commands are complete");
    assert_complete(&report, 53);
}

#[test]
fn consumer_with_a_store() {
    let stored = tool(&["pull {ref} --plain-http", "extract {ref} {out}"]);
    let report = judge_consumer(&stored, &mut |_| {}).expect("the commands are complete");
    assert_complete(&report, 53);
}

#[test]
fn transport() {
    let options = tool(&["pull {ref} --extract-dir {out} --plain-http"]);
    let list = tool(&["ls --remote {ref} --plain-http"]).commands;
    let mut cases = TransportCase::all();
    // Silence is waited out for a minute before a connection is given up.
    cases.retain(|case| case.id != "silence.body");
    let report =
        judge_transport(&options, &list, &cases, &mut |_| {}).expect("the commands are complete");
    assert_complete(&report, 36);
}
