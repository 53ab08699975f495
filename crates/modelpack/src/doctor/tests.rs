//! Tests of judgements: probes in, findings out.

use std::path::PathBuf;

use super::*;
use crate::VerifyReport;

fn probe(state: StoreState) -> StoreProbe {
    StoreProbe {
        path: PathBuf::from("/s"),
        state,
        free_bytes: Some(5_000_000_000),
        names: 2,
        partials: 0,
        partial_bytes: 0,
        damage: Vec::new(),
        verified: None,
    }
}

fn check(probe: &StoreProbe, expected: &[(&str, Verdict, &str)]) {
    let findings = probe.findings();
    let found: Vec<_> = findings
        .iter()
        .map(|it| (it.check.as_str(), it.verdict, it.says.as_str()))
        .collect();
    assert_eq!(found, expected);
    for finding in &findings {
        let is_good = finding.verdict == Verdict::Good;
        assert_eq!(finding.hint.is_none(), is_good, "{finding:?}");
    }
}

#[test]
fn a_store_that_is_well() {
    let mut well = probe(StoreState::Ready);
    check(
        &well,
        &[
            ("path", Verdict::Good, "/s"),
            ("space", Verdict::Good, "5.0 GB free"),
            ("downloads", Verdict::Good, "none is unfinished"),
            (
                "content",
                Verdict::Good,
                "2 names, complete; --verify also hashes them",
            ),
        ],
    );
    well.verified = Some(VerifyReport {
        blobs: 7,
        bytes: 70,
        damage: Vec::new(),
    });
    let last = well.findings().pop().expect("findings");
    assert_eq!(last.says, "2 names, complete; 7 blobs hashed, no damage");
    assert_eq!(worst(&well.findings()), Verdict::Good);
}

#[test]
fn a_store_that_is_not() {
    let mut ill = probe(StoreState::ReadOnly("permission denied".to_owned()));
    ill.free_bytes = Some(10);
    ill.partials = 1;
    ill.partial_bytes = 5;
    ill.damage = vec!["a: blob b is missing".to_owned()];
    check(
        &ill,
        &[
            (
                "path",
                Verdict::Bad,
                "/s cannot be written: permission denied",
            ),
            ("space", Verdict::Notice, "10 B free"),
            (
                "downloads",
                Verdict::Notice,
                "1 unfinished, 5 B of them are here",
            ),
            ("content", Verdict::Bad, "a: blob b is missing"),
        ],
    );
    ill.damage = (0..25).map(|n| format!("damage {n:02}")).collect();
    let findings = ill.findings();
    assert_eq!(findings.len(), 3 + 10 + 1);
    let last = findings.last().expect("findings");
    assert_eq!(last.says, "15 more of these; `modelpack verify` names all");
    assert_eq!(worst(&findings), Verdict::Bad);
}

#[test]
fn no_store() {
    let says = "/s (there is none yet; the first command makes it)";
    check(
        &probe(StoreState::Missing),
        &[("path", Verdict::Good, says)],
    );
    let unusable = probe(StoreState::Unusable("it has version 9".to_owned()));
    let says = "/s cannot be used: it has version 9";
    check(&unusable, &[("path", Verdict::Bad, says)]);
}

#[test]
fn sizes_are_for_people() {
    let check = |bytes, expected: &str| assert_eq!(size(bytes), expected);
    check(999, "999 B");
    check(1000, "1.0 kB");
    check(999_999, "999.9 kB");
    check(u64::MAX, "18446.7 PB");
}
