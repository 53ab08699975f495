//! The journal of a partial blob: which bytes are on disk.

use std::collections::BTreeMap;
use std::ops::Range;

use modelpack_spec::Digest;

/// First line of every journal.
const MAGIC: &str = "modelpack-partial 1";

/// What a journal says. Ranges are half-open, disjoint and not adjacent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) wanted_by: String,
    done: BTreeMap<u64, u64>,
}

impl Journal {
    pub(crate) fn new(digest: Digest, size: u64, wanted_by: &str) -> Self {
        let wanted_by = wanted_by.replace(['\n', '\r'], " ");
        Self {
            digest,
            size,
            wanted_by,
            done: BTreeMap::new(),
        }
    }

    /// The shortest file that says this.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{MAGIC}\n{} {} {}\n",
            self.digest, self.size, self.wanted_by
        );
        for (start, end) in &self.done {
            text.push_str(&Self::record(&(*start..*end)));
        }
        text
    }

    /// The line that says that a range is on disk.
    pub(crate) fn record(range: &Range<u64>) -> String {
        let body = format!("done {} {}", range.start, range.end);
        format!("{body} {}\n", check(&body))
    }

    /// Reads a journal. Reading ends at the first line that is torn or damaged: everything before it
    /// was synced before the next line was begun. Whole lines of another kind are passed over, so
    /// that a later version may add some.
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let content = String::from_utf8_lossy(content);
        let mut lines = content.split_inclusive('\n');
        if lines.next()?.strip_suffix('\n')? != MAGIC {
            return None;
        }
        let mut head = lines.next()?.strip_suffix('\n')?.splitn(3, ' ');
        let digest = head.next()?.parse().ok()?;
        let size = head.next()?.parse().ok()?;
        let mut journal = Self::new(digest, size, head.next()?);
        for line in lines {
            let Some(body) = line.strip_suffix('\n').and_then(checked) else {
                break;
            };
            if let Some(range) = body.strip_prefix("done ") {
                let Some(range) = parse_range(range, size) else {
                    break;
                };
                journal.add(range);
            }
        }
        Some(journal)
    }

    /// Notes a range as done, joining it with its neighbours.
    pub(crate) fn add(&mut self, mut range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let touching: Vec<u64> = self
            .done
            .range(..=range.end)
            .filter(|(_, end)| **end >= range.start)
            .map(|(start, _)| *start)
            .collect();
        for start in touching {
            if let Some(end) = self.done.remove(&start) {
                range.start = range.start.min(start);
                range.end = range.end.max(end);
            }
        }
        self.done.insert(range.start, range.end);
    }

    /// Bytes from the beginning without a gap.
    pub(crate) fn frontier(&self) -> u64 {
        self.done.get(&0).copied().unwrap_or(0)
    }

    /// Bytes that are done in all.
    pub(crate) fn done(&self) -> u64 {
        self.done.iter().map(|(start, end)| end - start).sum()
    }

    /// The gaps, in order.
    pub(crate) fn missing(&self) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for (start, end) in &self.done {
            if at < *start {
                gaps.push(at..*start);
            }
            at = *end;
        }
        if at < self.size {
            gaps.push(at..self.size);
        }
        gaps
    }
}

fn checked(line: &str) -> Option<&str> {
    let (body, found) = line.rsplit_once(' ')?;
    (found == check(body)).then_some(body)
}

fn parse_range(text: &str, size: u64) -> Option<Range<u64>> {
    let (start, end) = text.split_once(' ')?;
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    (start < end && end <= size).then_some(start..end)
}

fn check(body: &str) -> String {
    Digest::sha256(body.as_bytes()).short()
}

#[cfg(test)]
mod tests;
