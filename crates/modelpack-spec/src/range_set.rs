//! A set of byte offsets, kept as the ranges that it consists of.

use std::collections::BTreeMap;
use std::ops::Range;

/// Which bytes of a blob are there, or are missing: half-open ranges that are disjoint and not adjacent.
///
/// ```
/// use modelpack_spec::RangeSet;
///
/// let mut there = RangeSet::default();
/// there.insert(0..10);
/// there.insert(20..30);
/// assert_eq!(there.gaps(0..40), [10..20, 30..40]);
/// assert_eq!((there.len(), there.frontier()), (20, 10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeSet {
    /// Start and end of each range.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Adds a range, joining it with its neighbours.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((near_start, near_end)) = self.last_before(end.saturating_add(1)) {
            if near_end < start {
                break;
            }
            self.ranges.remove(&near_start);
            start = start.min(near_start);
            end = end.max(near_end);
        }
        self.ranges.insert(start, end);
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        while let Some((start, end)) = self.last_before(range.end) {
            if end <= range.start {
                break;
            }
            self.ranges.remove(&start);
            if start < range.start {
                self.ranges.insert(start, range.start);
            }
            if range.end < end {
                self.ranges.insert(range.end, end);
            }
        }
    }

    /// The parts of `within` that are not in the set, in order.
    #[must_use]
    pub fn gaps(&self, within: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = within.start;
        let first = self
            .ranges
            .range(..=within.start)
            .next_back()
            .map_or(within.start, |(start, _)| *start);
        for (&start, &end) in self.ranges.range(first..) {
            if start >= within.end {
                break;
            }
            if at < start {
                gaps.push(at..start);
            }
            at = at.max(end);
        }
        if at < within.end {
            gaps.push(at..within.end);
        }
        gaps
    }

    /// Whether all of a range is in the set.
    #[must_use]
    pub fn contains(&self, range: Range<u64>) -> bool {
        self.gaps(range).is_empty()
    }

    /// End of the range that begins at 0; 0 when there is none.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        self.ranges.get(&0).copied().unwrap_or(0)
    }

    /// Number of bytes in the set.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(&start, &end)| start..end)
    }

    fn last_before(&self, end: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..end).next_back()?;
        Some((*start, *end))
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}
