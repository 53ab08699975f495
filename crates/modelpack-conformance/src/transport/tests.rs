//! The cases as data.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_cases_can_be_read_and_have_names_of_their_own() {
    let cases = TransportCase::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().all(|case| case.anchor.starts_with("https://")));
}

#[test]
fn cases_that_cannot_be_understood() {
    let refuse = |text: &str, expected: &str| {
        let error = TransportCase::parse(text).expect_err("it is wrong");
        let source = std::error::Error::source(&error)
            .expect("it has a cause")
            .to_string();
        assert!(source.contains(expected), "{source}");
    };
    let case =
        |rest: &str| format!(r#"[{{"id":"a","level":"MUST","anchor":"b","summary":"c",{rest}}}]"#);
    refuse("{}", "expected a sequence");
    refuse(
        r#"[{"id":"a","level":"WILL","anchor":"b","summary":"c"}]"#,
        "none of MUST",
    );
    refuse(
        &case(r#""rules":[{"fault":{"kind":"explode"}}]"#),
        "unknown variant `explode`",
    );
    refuse(
        &case(r#""expect":{"end":"success"}"#),
        "unknown field `end`",
    );
}

#[test]
fn a_wait_is_measured_from_the_refusal() {
    // Nothing was refused, so nothing can have come too early.
    let mut judged = Judged::default();
    judge_wait(&[], Duration::from_secs(3), &mut judged);
    assert!(judged.findings.is_empty());
}
