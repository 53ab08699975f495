//! An answer before it is sent: status, headers, a body in segments, and how it travels.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::blob::Blob;
use super::fault::Framing;

/// An answer. Its `Content-Length` is computed when it is sent.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<Segment>,
    /// These bytes of the body are turned into others while they are sent.
    pub(super) wrong: Vec<Wrong>,
    pub(super) travel: Travel,
}

/// A piece of a body.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Bytes(Arc<[u8]>),
    Blob {
        digest: String,
        blob: Blob,
        range: Range<u64>,
    },
    /// One byte again and again; `None` has no end.
    Fill(u8, Option<u64>),
}

impl Segment {
    /// `None` when it has no end.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Blob { range, .. } => Some(range.end - range.start),
            Self::Fill(_, count) => *count,
        }
    }

    /// Cuts off what comes after so many bytes.
    fn truncate(&mut self, len: u64) {
        match self {
            Self::Bytes(bytes) => {
                if len < bytes.len() as u64 {
                    *bytes = bytes[..len as usize].into();
                }
            }
            Self::Blob { range, .. } => range.end = range.end.min(range.start + len),
            Self::Fill(_, count) => *count = Some(count.map_or(len, |count| count.min(len))),
        }
    }
}

/// Bytes to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Counted in the blob.
    InBlob(Range<u64>),
    /// Counted in the body.
    InBody(Range<u64>),
}

/// How an answer travels.
#[derive(Debug, Clone, Default)]
pub(super) struct Travel {
    /// Before the first byte; an inner `None` is for ever.
    pub(super) delays: Vec<Option<Duration>>,
    /// The connection ends after so many bytes of the body.
    pub(super) cut: Option<u64>,
    /// By a reset.
    pub(super) resets: bool,
    /// After so many bytes of the body.
    pub(super) stalls: Vec<(u64, Option<Duration>)>,
    /// At most so many bytes, then a pause.
    pub(super) trickle: Option<(u64, Duration)>,
    /// Bytes per second.
    pub(super) rate: Option<u64>,
    pub(super) framing: Option<Framing>,
    /// Nothing or half of the headers is sent.
    pub(super) lost: Option<Lost>,
    /// What is done about a request body that nobody has read.
    pub(super) unread: Unread,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    All,
    InHeaders,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unread {
    /// Read to its end before the answer.
    #[default]
    First,
    /// Read to its end after the answer, which ends the connection.
    Afterwards,
    /// The connection ends after the answer.
    Never,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            wrong: Vec::new(),
            travel: Travel::default(),
        }
    }

    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self::new(status)
            .with("Content-Type", "application/json")
            .bytes(document.to_string())
    }

    /// The error document of the specification.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"errors": [{"code": code, "message": message}]}),
        )
    }

    /// No answer: the connection ends.
    pub(super) fn lost(unread: Unread) -> Self {
        let mut reply = Self::new(0);
        reply.travel.lost = Some(Lost::All);
        reply.travel.unread = unread;
        reply
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = vec![Segment::Bytes(bytes.into().into())];
        self
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// In place of all headers of that name.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// `None` when the body has no end. A body that is promised to be longer than any can be is as long as can be.
    pub(super) fn len(&self) -> Option<u64> {
        let mut segments = self.body.iter();
        segments.try_fold(0u64, |sum, segment| {
            segment.len().map(|len| sum.saturating_add(len))
        })
    }

    /// Leaves out the end of the body.
    pub(super) fn shorten(&mut self, by: u64) {
        let Some(len) = self.len() else { return };
        let mut left = len.saturating_sub(by);
        for segment in &mut self.body {
            segment.truncate(left);
            left -= segment.len().unwrap_or(0);
        }
    }

    /// The whole body in memory, if it has an end and is no longer than the limit.
    pub(super) fn collect(&self, limit: u64) -> Option<Vec<u8>> {
        self.len().filter(|len| *len <= limit)?;
        let mut bytes = Vec::new();
        for segment in &self.body {
            match segment {
                Segment::Bytes(part) => bytes.extend_from_slice(part),
                Segment::Fill(byte, count) => {
                    let len = bytes.len() + usize::try_from(count.unwrap_or(0)).ok()?;
                    bytes.resize(len, *byte);
                }
                Segment::Blob { blob, range, .. } => {
                    let mut at = range.start;
                    while at < range.end {
                        let most = usize::try_from(range.end - at).ok()?;
                        let part = blob.part(at, most);
                        if part.is_empty() {
                            return None;
                        }
                        bytes.extend_from_slice(part);
                        at += part.len() as u64;
                    }
                }
            }
        }
        Some(bytes)
    }
}

/// What stands behind the status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}

/// The error code that belongs to a status.
pub(super) fn code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        404 => "NAME_UNKNOWN",
        405 => "UNSUPPORTED",
        413 => "SIZE_INVALID",
        416 => "BLOB_UPLOAD_INVALID",
        429 => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    }
}
