//! The journal of a partial blob: which bytes are on disk.

use std::ops::Range;

use modelpack_spec::{Digest, Hasher, RangeSet};

/// First line of every journal.
const MAGIC: &str = "modelpack-partial 1";

/// What a journal says.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// References that have asked for the blob, in the order in which they came.
    pub(crate) wanted_by: Vec<String>,
    pub(crate) done: RangeSet,
    /// Hash of so many bytes from the beginning, all of which are done.
    pub(crate) hashed: Option<(u64, Hasher)>,
}

impl Journal {
    pub(crate) fn new(digest: Digest, size: u64, wanted_by: &str) -> Self {
        let mut journal = Self {
            digest,
            size,
            wanted_by: Vec::new(),
            done: RangeSet::default(),
            hashed: None,
        };
        journal.want(wanted_by);
        journal
    }

    /// Notes who asks for the blob.
    pub(crate) fn want(&mut self, name: &str) {
        let name = name.replace(['\n', '\r'], " ");
        if !self.wanted_by.contains(&name) {
            self.wanted_by.push(name);
        }
    }

    /// The shortest file that says this.
    pub(crate) fn text(&self) -> String {
        let mut wanted_by = self.wanted_by.iter();
        let first = wanted_by.next().map_or("", String::as_str);
        let mut text = format!("{MAGIC}\n{} {} {first}\n", self.digest, self.size);
        for name in wanted_by {
            text.push_str(&line(&format!("want {name}")));
        }
        for range in self.done.iter() {
            text.push_str(&Self::record(&range));
        }
        if let Some((offset, hasher)) = &self.hashed {
            text.push_str(&Self::record_hash(*offset, hasher));
        }
        text
    }

    /// The line that says that a range is on disk.
    pub(crate) fn record(range: &Range<u64>) -> String {
        line(&format!("done {} {}", range.start, range.end))
    }

    /// The line that says how far the bytes are hashed. It must follow those that say that they are on
    /// disk.
    pub(crate) fn record_hash(offset: u64, hasher: &Hasher) -> String {
        let state: String = hasher
            .save()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        line(&format!("hash {offset} {state}"))
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
            let believed = line
                .strip_suffix('\n')
                .and_then(checked)
                .and_then(|body| journal.read_line(body));
            if believed.is_none() {
                break;
            }
        }
        Some(journal)
    }

    fn read_line(&mut self, body: &str) -> Option<()> {
        let (word, rest) = body.split_once(' ').unwrap_or((body, ""));
        match word {
            "done" => self.done.insert(parse_range(rest, self.size)?),
            "want" => self.want(rest),
            "hash" => {
                let (offset, state) = rest.split_once(' ')?;
                let offset = offset.parse().ok()?;
                if offset > self.done.frontier() {
                    return None;
                }
                // A state that another version of the hasher has saved costs one more read of the file.
                self.hashed = parse_hex(state)
                    .and_then(|state| Hasher::restore(self.digest.algorithm(), &state))
                    .map(|hasher| (offset, hasher));
            }
            _ => {}
        }
        Some(())
    }
}

fn line(body: &str) -> String {
    format!("{body} {}\n", check(body))
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

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

fn check(body: &str) -> String {
    Digest::sha256(body.as_bytes()).short()
}

#[cfg(test)]
mod tests;
