//! Tests of rates, with moments instead of waiting.

use super::*;

#[test]
fn a_rate_is_that_of_the_last_seconds() {
    let start = Instant::now();
    let at = |millis: u64| start + Duration::from_millis(millis);
    let mut rate = Rate::default();
    assert_eq!(rate.at(at(0)), 0);
    rate.add(at(0), 500);
    assert_eq!(
        rate.at(at(1)),
        2000,
        "a moment counts as a quarter of a second"
    );
    assert_eq!(rate.at(at(500)), 1000);
    for tenth in 1..100 {
        rate.add(at(tenth * 100), 100);
    }
    let now = rate.at(at(9_900));
    assert!((1000..=1020).contains(&now), "{now}");
    // A stall is seen, and in the end nothing moves.
    assert!(rate.at(at(14_000)) < 600);
    assert_eq!(rate.at(at(60_000)), 0);
    assert!(rate.moments.len() <= 82);
}

#[test]
fn what_was_there_already_is_taken_back() {
    let start = Instant::now();
    let mut rate = Rate::default();
    rate.add(start, 10);
    rate.add(start + Duration::from_secs(1), 1_000_000);
    rate.take_back(1_000_000);
    assert_eq!(rate.at(start + Duration::from_secs(1)), 10);
    rate.take_back(50);
    assert_eq!(rate.at(start + Duration::from_secs(1)), 0);
}
