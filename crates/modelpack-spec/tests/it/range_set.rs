//! Range sets: the same as a row of flags.

use std::ops::Range;

use modelpack_spec::RangeSet;
use proptest::prelude::*;

const SIZE: u64 = 40;

fn runs(flags: &[bool], wanted: bool, within: Range<u64>) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for at in within {
        if flags[at as usize] != wanted {
            continue;
        }
        match runs.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

proptest! {
    #[test]
    fn a_set_is_a_row_of_flags(
        steps in prop::collection::vec((any::<bool>(), 0..SIZE, 0..=SIZE), 0..20),
        within in (0..SIZE, 0..=SIZE),
    ) {
        let mut set = RangeSet::default();
        let mut flags = vec![false; SIZE as usize];
        for (is_added, start, end) in steps {
            let end = end.max(start);
            flags[start as usize..end as usize].fill(is_added);
            if is_added {
                set.insert(start..end);
            } else {
                set.remove(start..end);
            }
        }
        let there = runs(&flags, true, 0..SIZE);
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), there.clone());
        prop_assert_eq!(set.len(), flags.iter().filter(|flag| **flag).count() as u64);
        prop_assert_eq!(set.is_empty(), there.is_empty());
        prop_assert_eq!(set.frontier(), flags.iter().take_while(|flag| **flag).count() as u64);
        let within = within.0..within.1.max(within.0);
        prop_assert_eq!(set.gaps(within.clone()), runs(&flags, false, within.clone()));
        prop_assert_eq!(set.contains(within.clone()), flags[within.start as usize..within.end as usize].iter().all(|flag| *flag));
        prop_assert_eq!(there.into_iter().rev().collect::<RangeSet>(), set);
    }
}

#[test]
fn the_largest_offset_is_no_special_case() {
    let mut set = RangeSet::default();
    set.insert(u64::MAX - 1..u64::MAX);
    set.insert(0..u64::MAX - 1);
    assert_eq!((set.frontier(), set.iter().count()), (u64::MAX, 1));
    set.remove(1..u64::MAX);
    assert_eq!(set.frontier(), 1);
}
