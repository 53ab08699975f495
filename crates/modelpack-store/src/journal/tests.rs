//! Tests of the journal of a partial blob.

use modelpack_spec::Algorithm;
use proptest::prelude::*;

use super::*;

fn journal(size: u64) -> Journal {
    Journal::new(Digest::sha256(b"x"), size, "example.com/a:b")
}

fn hasher(bytes: &[u8]) -> Hasher {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher
}

proptest! {
    #[test]
    fn reads_what_it_writes(ranges in prop::collection::vec((0_u64..60, 0_u64..20), 0..20)) {
        let mut journal = journal(60);
        let mut text = journal.text();
        for (start, length) in ranges {
            let range = start..(start + length).min(60);
            journal.done.insert(range.clone());
            if !range.is_empty() {
                text.push_str(&Journal::record(&range));
            }
        }
        for text in [text, journal.text()] {
            let read = Journal::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(read.text(), journal.text());
        }
    }

    #[test]
    fn a_torn_journal_claims_no_more_than_was_written(cut in 0_usize..1200) {
        let mut whole = journal(1000);
        let mut text = whole.text();
        for range in [0..100, 200..300, 100..150, 900..1000] {
            text.push_str(&Journal::record(&range));
            text.push_str(&Journal::record_hash(70, &hasher(&[0; 70])));
            whole.done.insert(range);
        }
        let cut = cut.min(text.len());
        if let Some(torn) = Journal::parse(&text.as_bytes()[..cut]) {
            for range in torn.done.iter() {
                prop_assert!(whole.done.contains(range));
            }
            if let Some((offset, hash)) = torn.hashed {
                prop_assert!(offset <= torn.done.frontier());
                prop_assert_eq!(hash.finish(), Digest::sha256(&[0; 70]));
            }
        }
    }
}

#[test]
fn a_damaged_line_and_everything_after_it_is_not_believed() {
    let mut text = journal(1000).text();
    text.push_str(&Journal::record(&(0..100)));
    text.push_str("done 100 200 000000000000\n");
    text.push_str(&Journal::record(&(200..300)));
    assert_eq!(Journal::parse(text.as_bytes()).unwrap().done.len(), 100);
}

#[test]
fn a_line_of_a_later_version_is_passed_over() {
    let mut text = journal(1000).text();
    text.push_str(&line("tree 100 abcdef"));
    text.push_str(&Journal::record(&(200..300)));
    assert_eq!(Journal::parse(text.as_bytes()).unwrap().done.len(), 100);
}

#[test]
fn a_range_beyond_the_end_is_not_believed() {
    let text = journal(100).text() + &Journal::record(&(50..101));
    assert!(Journal::parse(text.as_bytes()).unwrap().done.is_empty());
}

#[test]
fn a_hash_of_bytes_that_are_not_there_is_not_believed() {
    let head = journal(100).text() + &Journal::record(&(0..50));
    let text = head.clone() + &Journal::record_hash(51, &hasher(&[0; 51]));
    assert!(Journal::parse(text.as_bytes()).unwrap().hashed.is_none());
    let text = head + &line("hash 50 0102");
    assert!(Journal::parse(text.as_bytes()).unwrap().hashed.is_none());
}

#[test]
fn everyone_who_wants_it_is_listed_once() {
    let mut journal = journal(100);
    for name in ["a b\nc", "example.com/a:b", "", "a b\nc"] {
        journal.want(name);
    }
    let read = Journal::parse(journal.text().as_bytes()).unwrap();
    assert_eq!(read.wanted_by, ["example.com/a:b", "a b c", ""]);
}
