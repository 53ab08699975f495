//! Reports in all their forms.

use super::*;

fn sample() -> Report {
    let mut report = Report::new("consumer", "tool '{ref}' <b>");
    let check = |id: &'static str, level, findings: &[&str]| {
        let findings = findings.iter().map(|text| Finding::new("/a", *text));
        let anchor = "https://example.com/text#anchor";
        Check::of(id, level, anchor, "what has to hold", findings.collect())
    };
    report.checks.push(check("good", Level::Must, &[]));
    let evidence = Evidence::new("stderr", "<script>alert('\u{1b}[1m')</script>\u{202e}");
    let mut bad = check("bad", Level::Must, &["\"one\" & <two>"]).with_evidence(vec![evidence]);
    bad.again = "modelpack-conformance consumer --only bad".to_owned();
    report.checks.push(bad);
    report
        .checks
        .push(check("better", Level::Should, &["not so good"]));
    report
        .checks
        .push(check("absent", Level::May, &[]).ended(Outcome::Skipped, "not there"));
    report
}

#[test]
fn endings() {
    let mut report = Report::new("artifact", "x");
    assert_eq!(report.ending(), Ending::Unknown, "nothing was judged");
    report
        .checks
        .push(Check::of("a", Level::Must, "", "", Vec::new()));
    assert_eq!(report.ending(), Ending::Conforms);
    let advice = vec![Finding::new("", "x")];
    report
        .checks
        .push(Check::of("b", Level::Should, "", "", advice.clone()));
    assert_eq!(report.ending(), Ending::Conforms);
    report.broke_off("the disk is full");
    assert_eq!(report.ending(), Ending::Unknown);
    report
        .checks
        .push(Check::of("c", Level::Must, "", "", advice));
    assert_eq!(report.ending(), Ending::DoesNotConform);
    assert_eq!(
        [Ending::Conforms, Ending::DoesNotConform, Ending::Unknown].map(Ending::code),
        [0, 1, 2]
    );
}

#[test]
fn text() {
    let text = sample().to_string();
    let expected = "\
ok      MUST   good                                    what has to hold
FAILED  MUST   bad                                     what has to hold
        /a: \"one\" & <two>
        see https://example.com/text#anchor
advice  SHOULD better                                  what has to hold
        /a: not so good
        see https://example.com/text#anchor
skipped MAY    absent                                  what has to hold
        not there

MUST    1 passed, 1 failed, 0 skipped
SHOULD  0 passed, 1 failed, 0 skipped
MAY     0 passed, 0 failed, 1 skipped
does not conform: 1 passed, 2 failed, 1 skipped
";
    assert_eq!(text, expected);
}

#[test]
fn html_is_escaped_and_loads_nothing() {
    let page = sample().to_html();
    for foreign in [
        "<script", "<b>", "\u{1b}", "\u{202e}", "src=", "@import", "url(",
    ] {
        assert!(!page.contains(foreign), "{foreign:?} in {page}");
    }
    assert!(page.contains("&lt;script&gt;alert(&#39;\u{fffd}[1m&#39;)&lt;/script&gt;"));
    assert!(page.contains("<details id=\"bad\" open>"));
    assert!(page.contains("<details id=\"good\">"));
    assert!(page.contains("<a href=\"https://example.com/text#anchor\""));
    assert!(page.contains("--only bad"));
    for both in ["<details", "<dl>", "<table>", "<pre>", "<div>"] {
        let name = both.trim_matches(['<', '>']);
        let closing = format!("</{name}>");
        assert_eq!(
            page.matches(both).count(),
            page.matches(&closing).count(),
            "{both}"
        );
    }
}

#[test]
fn junit_fails_by_musts_alone() {
    let xml = sample().to_junit();
    assert!(
        xml.contains("tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\""),
        "{xml}"
    );
    assert!(
        xml.contains("<failure message=\"/a: &quot;one&quot; &amp; &lt;two&gt;\"/>"),
        "{xml}"
    );
    assert!(
        xml.contains("<system-out>/a: not so good</system-out>"),
        "{xml}"
    );
    assert_eq!(xml.matches("<testcase").count(), 4);
}
