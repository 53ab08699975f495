//! Cases that end in every way.

use super::*;

#[test]
fn a_case_takes_no_other_down() {
    let cases = ["a.good", "a.bad", "b.panics", "b.breaks", "c.skipped"];
    let head = |case: &&'static str| Head {
        id: (*case).into(),
        level: Level::Must,
        anchor: "https://example.com".into(),
        summary: "it holds".into(),
    };
    let judge = |case: &&'static str| {
        let mut judged = Judged::default();
        match *case {
            "a.bad" => judged.find("bad"),
            "b.panics" => panic!("at {}", 1),
            "b.breaks" => return Err(io::Error::other("no disk")),
            "c.skipped" => judged = Judged::skipped("nothing there"),
            _ => {}
        }
        Ok(judged)
    };
    let mut options = ToolOptions::new([]);
    let mut report = Report::new("test", "x");
    let mut count = 0;
    let mut seen = |_: &Check| count += 1;
    run_cases(&mut report, &cases, head, &options, &mut seen, judge).expect("they run");
    assert_eq!(count, 5);
    let found: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            (
                check.outcome,
                check
                    .findings
                    .first()
                    .map(|finding| finding.message.as_str()),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (Outcome::Passed, None),
            (Outcome::Failed, Some("bad")),
            (Outcome::Broken, Some("a defect of the suite: at 1")),
            (Outcome::Broken, Some("no disk")),
            (Outcome::Skipped, Some("nothing there")),
        ]
    );

    let mut report = Report::new("test", "x");
    options.only = vec!["a.".to_owned()];
    run_cases(&mut report, &cases, head, &options, &mut |_| {}, judge).expect("they run");
    assert_eq!(report.checks.len(), 2);
    options.only = vec!["d".to_owned()];
    let error =
        run_cases(&mut report, &cases, head, &options, &mut |_| {}, judge).expect_err("none");
    assert_eq!(
        error.to_string(),
        "no check is called `d`; there are: a.good, a.bad, b.panics, b.breaks, c.skipped"
    );

    options.only.clear();
    let mut report = Report::new("test", "x");
    let stopping = |case: &&'static str| {
        options.stop.store(*case == "b.breaks", Ordering::Relaxed);
        Ok(Judged::default())
    };
    run_cases(&mut report, &cases, head, &options, &mut |_| {}, stopping).expect("they run");
    let names: Vec<_> = report.checks.iter().map(|check| &*check.id).collect();
    assert_eq!(names, ["a.good", "a.bad", "b.panics", "suite"]);
    assert_eq!(report.ending(), crate::Ending::Unknown);
}
