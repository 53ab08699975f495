//! When upstream is asked again.

use std::time::{Duration, Instant};

use super::{MAX_TAGS, Refreshes, is_due};

#[test]
fn a_tag_is_asked_for_once_per_time() {
    let (asked, every) = (Instant::now(), Duration::from_secs(60));
    let due_after = |passed| is_due(Some(asked), every, asked + Duration::from_secs(passed));
    assert!(is_due(None, every, asked));
    assert_eq!([0, 59, 60, 61].map(due_after), [false, false, true, true]);
    assert!(is_due(Some(asked), Duration::ZERO, asked));
    // A clock that went back says nothing.
    assert!(!is_due(Some(asked + every), every, asked));
}

#[test]
fn what_is_remembered_of_tags_is_bounded() {
    let refreshes = Refreshes::default();
    let held = refreshes.of(&"a".parse().unwrap(), &"held".parse().unwrap());
    for number in 0..=MAX_TAGS {
        let tag = format!("v{number}").parse().unwrap();
        refreshes.of(&"a".parse().unwrap(), &tag);
    }
    assert!(refreshes.turns.lock().unwrap().len() <= MAX_TAGS);
    let again = refreshes.of(&"a".parse().unwrap(), &"held".parse().unwrap());
    assert!(std::sync::Arc::ptr_eq(&held, &again));
}
