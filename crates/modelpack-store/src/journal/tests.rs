//! Tests of the journal of a partial blob.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn journal(size: u64) -> Journal {
    Journal::new(Digest::sha256(b"x"), size, "example.com/a:b")
}

proptest! {
    #[test]
    fn agrees_with_a_set_of_bytes(ranges in prop::collection::vec((0_u64..60, 0_u64..20), 0..20)) {
        let mut journal = journal(60);
        let mut bytes = BTreeSet::new();
        let mut text = journal.text();
        for (start, length) in ranges {
            let range = start..(start + length).min(60);
            journal.add(range.clone());
            bytes.extend(range.clone());
            if !range.is_empty() {
                text.push_str(&Journal::record(&range));
            }
        }
        prop_assert_eq!(journal.done(), bytes.len() as u64);
        prop_assert_eq!(journal.frontier(), (0..60).take_while(|byte| bytes.contains(byte)).count() as u64);
        let missing: BTreeSet<u64> = journal.missing().into_iter().flatten().collect();
        prop_assert_eq!(missing, (0..60).filter(|byte| !bytes.contains(byte)).collect::<BTreeSet<_>>());
        prop_assert_eq!(Journal::parse(text.as_bytes()), Some(journal));
    }

    #[test]
    fn a_torn_journal_claims_no_more_than_was_written(cut in 0_usize..400) {
        let mut whole = journal(1000);
        let mut text = whole.text();
        for range in [0..100, 200..300, 100..150, 900..1000] {
            text.push_str(&Journal::record(&range));
            whole.add(range);
        }
        let cut = cut.min(text.len());
        if let Some(torn) = Journal::parse(&text.as_bytes()[..cut]) {
            prop_assert!(torn.done() <= whole.done());
            prop_assert!(!torn.missing().is_empty());
        }
    }
}

#[test]
fn a_damaged_line_and_everything_after_it_is_not_believed() {
    let mut text = journal(1000).text();
    text.push_str(&Journal::record(&(0..100)));
    text.push_str("done 100 200 000000000000\n");
    text.push_str(&Journal::record(&(200..300)));
    assert_eq!(Journal::parse(text.as_bytes()).unwrap().done(), 100);
}

#[test]
fn a_line_of_a_later_version_is_passed_over() {
    let mut text = journal(1000).text();
    let later = "hash 100 abcdef";
    text.push_str(&format!("{later} {}\n", check(later)));
    text.push_str(&Journal::record(&(200..300)));
    assert_eq!(Journal::parse(text.as_bytes()).unwrap().done(), 100);
}

#[test]
fn a_range_beyond_the_end_is_not_believed() {
    let text = journal(100).text() + &Journal::record(&(50..101));
    assert_eq!(Journal::parse(text.as_bytes()).unwrap().done(), 0);
}
