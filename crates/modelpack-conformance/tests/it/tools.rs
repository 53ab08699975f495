//! The suites that judge tools go red for tools that are wrong, and only where they are.

use std::collections::BTreeSet;
use std::time::Duration;

use modelpack_conformance::{
    Ending, Outcome, Report, Template, ToolOptions, TransportCase, judge_builder, judge_consumer,
    judge_modelfile_command, judge_transport,
};

use crate::fakes::fake;

fn commands(commands: &[&str]) -> ToolOptions {
    let template = |text: &&str| text.parse::<Template>().expect("it is a template");
    let mut options = ToolOptions::new(commands.iter().map(template));
    options
        .environment
        .push(("PATH".into(), "/usr/bin:/bin".into()));
    options
}

fn with(report: &Report, outcome: Outcome) -> BTreeSet<&str> {
    let checks = report
        .checks
        .iter()
        .filter(|check| check.outcome == outcome);
    checks.map(|check| &*check.id).collect()
}

/// These fail, those pass; what is not named may do either.
#[track_caller]
fn assert_judged(report: &Report, failing: &[&str], passing: &[&str]) {
    let (failed, passed) = (with(report, Outcome::Failed), with(report, Outcome::Passed));
    for id in failing {
        assert!(failed.contains(id), "{id} does not fail:\n{report}");
    }
    for id in passing {
        assert!(passed.contains(id), "{id} does not pass:\n{report}");
    }
    assert_eq!(with(report, Outcome::Broken), BTreeSet::new(), "{report}");
}

#[test]
fn a_consumer_that_believes_everything() {
    let mut options = fake("pull", "{ref} {out}");
    // All but the limits: it would fill the memory of the machine.
    options.only = ["files", "names", "bytes", "pin", "path", "tar", "mode"]
        .map(str::to_owned)
        .into();
    let report = judge_consumer(&options, &mut |_| {}).expect("it runs");
    let failing = [
        "bytes.wrong",
        "bytes.wrong-leave-no-trace",
        "bytes.wrong-once",
        "bytes.wrong-all",
        "bytes.short",
        "bytes.cut",
        "bytes.wrong-tar",
        "pin.mismatch",
        "pin.tag-and-digest",
        "names.twice",
        "path.parent",
        "path.parent-inside",
        "path.absolute",
        "path.planted-link",
        "tar.parent",
        "tar.absolute",
        "tar.link",
        "tar.write-through-link",
        "tar.overwrite-link",
        "tar.chain-of-links",
        "tar.hard-link",
        "tar.hard-link-parent",
        "mode.set-id",
        "mode.set-id-tar",
        "mode.world-writable",
        "files.former-types",
        "files.tar-gzip",
    ];
    let passing = [
        "files.raw",
        "files.tar",
        "files.no-media-type",
        "files.same-content",
        "files.empty",
        "files.executable",
        "names.dots-inside",
        "names.dots-inside-tar",
        "names.unicode",
        "pin.digest",
        "path.nul",
    ];
    assert_judged(&report, &failing, &passing);
    assert_eq!(report.ending(), Ending::DoesNotConform);
    let escaped = report.check("path.parent").expect("it ran");
    let message = &escaped.findings.last().expect("a finding").message;
    assert_eq!(
        message,
        "`place/escaped.bin` was written, outside of `place/out`"
    );
    let has = |what: &str| {
        escaped
            .evidence
            .iter()
            .any(|evidence| evidence.what == what)
    };
    assert!(["command", "requests", "files"].into_iter().all(has));
    // Nothing of the configuration is asked for, so nothing can be said about it.
    assert!(
        with(&report, Outcome::Skipped).contains("bytes.config"),
        "{report}"
    );
}

#[test]
fn tools_that_do_nothing_of_use() {
    // It succeeds and writes nothing.
    let mut options = commands(&["true {ref} {out}"]);
    options.only = vec!["files.raw".to_owned(), "bytes.wrong".to_owned()];
    let report = judge_consumer(&options, &mut |_| {}).expect("it runs");
    assert_judged(&report, &["files.raw"], &[]);
    assert!(
        with(&report, Outcome::Skipped).contains("bytes.wrong"),
        "{report}"
    );

    // It hangs, with a child that does too.
    let mut options = commands(&["sh -c 'sleep 1000 & sleep 1000' {ref} {out}"]);
    options.timeout = Duration::from_millis(200);
    options.only = ["files.raw", "path.parent", "bytes.config"]
        .map(str::to_owned)
        .into();
    let report = judge_consumer(&options, &mut |_| {}).expect("it runs");
    // Also where it asked for nothing that could have gone wrong.
    assert_judged(
        &report,
        &[
            "files.raw",
            "path.parent",
            "path.parent-inside",
            "bytes.config",
        ],
        &[],
    );
    let message = &report.checks[0].findings[0].message;
    assert_eq!(message, "the tool did not end within 0.2 s and was killed");

    // It prints what is no text, and writes where it runs and over the suite's own file.
    let script = "sh -c 'printf \"\\377\\0\"; touch dropped; echo mine > $1/../sentinel; exit 1' x {out} {ref}";
    let mut options = commands(&[script]);
    options.only = vec!["path.nul".to_owned()];
    let report = judge_consumer(&options, &mut |_| {}).expect("it runs");
    let messages: Vec<_> = report.checks[0]
        .findings
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "`run/dropped` was written, outside of `place/out`",
            "`place/sentinel` was changed, outside of `place/out`",
        ]
    );

    // It cannot be started: nothing is known, and that is said for each case.
    let mut options = commands(&["/nowhere/at/all {ref} {out}"]);
    options.only = vec!["files".to_owned()];
    let report = judge_consumer(&options, &mut |_| {}).expect("it runs");
    assert_eq!(report.ending(), Ending::Unknown);
    assert_eq!(with(&report, Outcome::Broken).len(), report.checks.len());
}

#[test]
fn a_builder_that_reads_no_modelfile() {
    let report = judge_builder(&fake("build", "{ref} {dir}"), &mut |_| {}).expect("it runs");
    let failing = [
        "files.plain",
        "modes.plain",
        "rules.plain",
        "reproducible.plain",
        "files.dataset",
        "refused.nothing-matches",
        "refused.outside",
    ];
    assert_judged(&report, &failing, &["changed.plain"]);
    let files = report.check("files.plain").expect("it ran");
    let said: Vec<_> = files
        .findings
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    for message in [
        "`config.json` is a layer of kind `weight`, not `weight.config`",
        "`notes.txt` got in, which no line of the Modelfile names",
        "`Modelfile` is there, which was not in the directory",
    ] {
        assert!(said.contains(&message), "{said:?}");
    }

    let failing = judge_builder(&commands(&["false {ref} {dir}"]), &mut |_| {}).expect("it runs");
    assert_judged(
        &failing,
        &["files.plain", "rules.plain"],
        &["refused.nothing-matches"],
    );
    let idle = judge_builder(&commands(&["true {ref} {dir}"]), &mut |_| {}).expect("it runs");
    assert_judged(&idle, &["files.plain", "refused.nothing-matches"], &[]);
}

/// It succeeds twice and pushes once.
#[test]
fn a_builder_that_builds_once() {
    let mut options = fake("build", "{ref} {dir}");
    let build = options.commands.remove(0).to_string();
    let build = build.replace("{ref}", "\"$1\"").replace("{dir}", "\"$2\"");
    let build = build.replace('\'', "");
    let script = format!("sh -c 'case $1 in *:v2) ;; *) {build} ;; esac' x {{ref}} {{dir}}");
    options.commands = vec![script.parse().expect("it is a template")];
    options
        .environment
        .push(("PATH".into(), "/usr/bin:/bin".into()));
    options.only = vec!["changed".to_owned()];
    let report = judge_builder(&options, &mut |_| {}).expect("it runs");
    assert_judged(&report, &["changed.plain"], &[]);
    assert_eq!(
        report.checks[0].findings[0].message,
        "the tool says that the second build succeeded, but the registry has no such tag"
    );
}

#[test]
fn a_client_that_believes_everything() {
    let mut options = fake("pull", "{ref} {out}");
    // What has no end is read until then.
    options.timeout = Duration::from_secs(5);
    let list = fake("list", "{repo}").commands;
    let cases = TransportCase::all();
    let report = judge_transport(&options, &list, &cases, &mut |_| {}).expect("it runs");
    let failing = [
        "secret.redirect",
        "secret.redirect-manifest",
        "secret.challenge",
        "secret.link",
        "digest.blob",
        "digest.manifest",
        "digest.short",
        "digest.media-type",
        "bounded.manifest",
        "bounded.blob",
        "bounded.error",
        "bounded.tags",
        "resume.cut",
        "retry.503",
        "retry.after-seconds",
        "redirect.loop",
        "redirect.manifest-loop",
        "link.endless",
        "link.itself",
        "silence.body",
    ];
    let passing = [
        "pull.open",
        "pull.pinned",
        "login.basic",
        "retry.hopeless",
        "tag.moved",
    ];
    assert_judged(&report, &failing, &passing);
    assert!(
        with(&report, Outcome::Skipped).contains("digest.config"),
        "{report}"
    );

    let leak = report.check("secret.redirect").expect("it ran");
    let message = &leak.findings[0].message;
    assert!(
        message.starts_with("another host was sent `authorization` (GET "),
        "{message}"
    );
}

/// It succeeds and reads nothing.
#[test]
fn a_client_that_does_nothing() {
    let options = commands(&["true {ref}"]);
    let report =
        judge_transport(&options, &[], &TransportCase::all(), &mut |_| {}).expect("it runs");
    let failing = ["pull.open", "pull.pinned", "login.basic", "login.token"];
    assert_judged(&report, &failing, &[]);
    let message = &report.check("pull.open").expect("it ran").findings[0].message;
    assert_eq!(
        message,
        "the client says that it succeeded, but of the 1048576 bytes of the layer it was sent 0"
    );
    assert!(
        with(&report, Outcome::Skipped).contains("digest.blob"),
        "{report}"
    );
    assert_eq!(report.ending(), Ending::DoesNotConform);
}

/// Impatience and mixtures are what a careless client does not show.
#[test]
fn a_client_that_does_not_wait() {
    // Asks, is refused, and asks again at once.
    let pull = fake("pull", "{ref} {out}").commands.remove(0);
    let again = format!(
        "sh -c '{} || {}' x {{ref}} {{out}}",
        quoted(&pull),
        quoted(&pull)
    );
    let mut options = fake("pull", "{ref} {out}");
    options
        .environment
        .push(("PATH".into(), "/usr/bin:/bin".into()));
    options.commands = vec![again.parse().expect("it is a template")];
    options.only = vec!["retry.after".to_owned(), "retry.503".to_owned()];
    let cases = TransportCase::all();
    let report = judge_transport(&options, &[], &cases, &mut |_| {}).expect("it runs");
    assert_judged(
        &report,
        &["retry.after-seconds", "retry.after-date"],
        &["retry.503"],
    );
    let message = &report
        .check("retry.after-seconds")
        .expect("it ran")
        .findings[0]
        .message;
    assert!(
        message.starts_with("it was asked for again after "),
        "{message}"
    );
}

/// The command inside of single quotes, its placeholders as arguments of the shell.
fn quoted(command: &Template) -> String {
    let text = command.to_string().replace('\'', "'\\''");
    text.replace("{ref}", "\"$1\"").replace("{out}", "\"$2\"")
}

#[test]
fn cases_of_ones_own() {
    let case = r#"[{"id":"mine","level":"MAY","anchor":"https://example.com","summary":"it asks once",
        "rules":[{"when":{"class":"manifest"},"fault":{"kind":"status","status":410}}],
        "expect":{"ends":"failure","requests-at-most":0}}]"#;
    let cases = TransportCase::parse(case).expect("it is a case");
    let report =
        judge_transport(&fake("pull", "{ref} {out}"), &[], &cases, &mut |_| {}).expect("it runs");
    assert_eq!(
        report.checks[0].findings[0].message,
        "1 requests were made, more than 0"
    );
    assert_eq!(report.ending(), Ending::Conforms, "a MAY is no MUST");
}

#[test]
fn commands_that_say_too_little() {
    let said = |error: modelpack_conformance::ToolError| error.to_string();
    let nothing = commands(&["tool"]);
    let needs = |what: &str, suite: &str| {
        format!(
            "the suite `{suite}` needs {what} in its commands; write them where the tool takes its arguments"
        )
    };
    let error = judge_consumer(&nothing, &mut |_| {}).expect_err("it is incomplete");
    assert_eq!(said(error), needs("{ref}, {out}", "consumer"));
    let error =
        judge_builder(&commands(&["tool {ref}"]), &mut |_| {}).expect_err("it is incomplete");
    assert_eq!(said(error), needs("{dir}", "builder"));
    let error = judge_transport(&nothing, &[], &[], &mut |_| {}).expect_err("it is incomplete");
    assert_eq!(said(error), needs("{ref}", "transport"));
    let foreign = commands(&["tool {ref} {out} -f {modelfile}"]);
    let error = judge_consumer(&foreign, &mut |_| {}).expect_err("there is no Modelfile");
    assert_eq!(
        said(error),
        "the suite `consumer` has no {modelfile}; it has {ref}, {out}, {repo}"
    );
    let list: Template = "tool".parse().expect("it is a template");
    let error = judge_transport(&commands(&["tool {ref}"]), &[list], &[], &mut |_| {})
        .expect_err("it is incomplete");
    assert_eq!(said(error), needs("{repo}", "transport"));
}

#[test]
fn parsers_that_are_commands() {
    let report =
        judge_modelfile_command(&commands(&["false {file}"]), &mut |_| {}).expect("it runs");
    let failing = ["modelfile.commands", "modelfile.line"];
    assert_judged(
        &report,
        &failing,
        &["modelfile.unknown-command", "modelfile.answers"],
    );

    let mut options = commands(&["sh -c 'kill -9 $$' {file}"]);
    options.only = vec!["modelfile.answers".to_owned()];
    let report = judge_modelfile_command(&options, &mut |_| {}).expect("it runs");
    assert_judged(&report, &["modelfile.answers"], &[]);
    let message = &report.checks[0].findings[0].message;
    assert_eq!(
        (report.checks.len(), message.as_str()),
        (1, "ended by signal 9")
    );

    let absent = commands(&["/nowhere/at/all {file}"]);
    let report = judge_modelfile_command(&absent, &mut |_| {}).expect("it runs");
    assert_eq!(report.ending(), Ending::Unknown, "{report}");
}
