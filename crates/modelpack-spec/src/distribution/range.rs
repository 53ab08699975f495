//! Byte ranges as they stand in the headers of downloads, and of uploads in chunks.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::Error;

/// What a `Range` header asks for (RFC 9110 section 14.1.2), one range only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, both included.
    Closed {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// `bytes=first-`, to the end.
    From {
        /// Offset of the first byte.
        first: u64,
    },
    /// `bytes=-length`, the last so many bytes.
    Last {
        /// How many bytes.
        length: u64,
    },
}

impl ByteRange {
    /// Reads a `Range` header. `None` for what a server may ignore and answer with the whole body:
    /// another unit, several ranges, or no range at all.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (unit, range) = header.trim().split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        Some(match (first.trim(), last.trim()) {
            ("", length) => Self::Last {
                length: number(length)?,
            },
            (first, "") => Self::From {
                first: number(first)?,
            },
            (first, last) => Self::Closed {
                first: number(first)?,
                last: number(last)?,
            },
        })
    }

    /// The bytes of a content of `size` bytes that are meant, clamped to its end. `None` when there
    /// are none, which is answered by 416; a range that ends before it begins counts as such.
    #[must_use]
    pub fn resolve(self, size: u64) -> Option<Range<u64>> {
        let (first, end) = match self {
            Self::Closed { first, last } => (first, last.saturating_add(1).min(size)),
            Self::From { first } => (first, size),
            Self::Last { length } => (size.saturating_sub(length), size),
        };
        (first < end).then_some(first..end)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { first, last } => write!(f, "bytes={first}-{last}"),
            Self::From { first } => write!(f, "bytes={first}-"),
            Self::Last { length } => write!(f, "bytes=-{length}"),
        }
    }
}

/// The `Content-Range` header of an answer (RFC 9110 section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes first-last/total`: which part of the content the body is.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte, included.
        last: u64,
        /// Size of the whole content in bytes; unknown when the server wrote `*`.
        total: Option<u64>,
    },
    /// `bytes */total`: the range that was asked for does not exist.
    Unsatisfied {
        /// Size of the whole content in bytes.
        total: u64,
    },
}

impl ContentRange {
    /// The header for these bytes (not empty) of a content of `total` bytes.
    #[must_use]
    pub fn part(range: &Range<u64>, total: u64) -> Self {
        Self::Part {
            first: range.start,
            last: range.end.saturating_sub(1),
            total: Some(total),
        }
    }

    /// Reads the header. `None` when it is malformed or contradicts itself.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (unit, rest) = header.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        if range == "*" {
            return Some(Self::Unsatisfied {
                total: exact(total)?,
            });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (exact(first)?, exact(last)?);
        let total = match total {
            "*" => None,
            total => Some(exact(total)?),
        };
        (first <= last && total.is_none_or(|total| last < total)).then_some(Self::Part {
            first,
            last,
            total,
        })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part {
                first,
                last,
                total: Some(total),
            } => write!(f, "bytes {first}-{last}/{total}"),
            Self::Part {
                first,
                last,
                total: None,
            } => write!(f, "bytes {first}-{last}/*"),
            Self::Unsatisfied { total } => write!(f, "bytes */{total}"),
        }
    }
}

/// `first-last`, both included, without unit: the `Content-Range` of a chunk and the `Range` of an
/// answer about an upload session (distribution specification, pushing a blob in chunks).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte, included; not before `first`.
    pub last: u64,
}

impl UploadRange {
    /// What a session answers that has received `bytes`. The form cannot say "nothing": like most
    /// registries, an empty session says `0-0`, which a client has to take as 0 or 1 byte.
    #[must_use]
    pub fn received(bytes: u64) -> Self {
        Self {
            first: 0,
            last: bytes.saturating_sub(1),
        }
    }

    /// How many bytes it spans.
    #[must_use]
    pub fn length(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl FromStr for UploadRange {
    type Err = Error;

    /// Also takes the form of RFC 9110, `bytes first-last/total`, which some clients send.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let text = text.trim();
            let text = text
                .strip_prefix("bytes")
                .map_or(text, |rest| rest.trim_start_matches([' ', '=']));
            let text = text.split('/').next()?;
            let (first, last) = text.split_once('-')?;
            let (first, last) = (exact(first)?, exact(last)?);
            (first <= last && last < u64::MAX).then_some(Self { first, last })
        };
        parse().ok_or_else(|| Error::InvalidDocument {
            document: "range of an upload",
            reason: "expected `first-last`, two decimal numbers in rising order".to_owned(),
        })
    }
}

impl fmt::Display for UploadRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A decimal number; one that is too large for any content is the largest.
fn number(text: &str) -> Option<u64> {
    is_decimal(text).then(|| text.parse().unwrap_or(u64::MAX))
}

/// A decimal number that must be meant as it stands.
fn exact(text: &str) -> Option<u64> {
    is_decimal(text).then(|| text.parse().ok()).flatten()
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
