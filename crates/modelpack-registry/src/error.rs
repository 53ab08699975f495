//! Why a registry did not do what was asked.

use std::fmt;
use std::io;
use std::time::Duration;

use http::Method;
use modelpack_spec::distribution::ErrorEntry;
use modelpack_spec::{Digest, Host};
use url::Url;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Longest text of a registry that is repeated in a message, in characters; more is noise.
const MAX_MESSAGE_CHARS: usize = 300;
/// Most errors of one answer that are kept; registries send one.
const MAX_ENTRIES: usize = 8;

/// The request that failed and what the registry said to it. Holds no secret: the URL has neither
/// query nor user, and the registry's texts are cut and free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct At {
    /// Method of the request.
    pub method: Method,
    /// URL of the request, without query.
    pub url: Box<str>,
    /// Status of the answer, when there was one.
    pub status: Option<u16>,
    /// The registry's own errors, when it sent some.
    pub errors: Vec<ErrorEntry>,
    /// Whether the answer was a web page, as a server sends that is no registry.
    pub is_web_page: bool,
}

impl At {
    pub(crate) fn new(method: Method, url: &Url) -> Box<Self> {
        Box::new(Self {
            method,
            url: clean_url(url).into(),
            status: None,
            errors: Vec::new(),
            is_web_page: false,
        })
    }

    /// Takes the registry's own errors, made harmless for terminals and logs.
    pub(crate) fn with_reply(
        mut self: Box<Self>,
        status: u16,
        mut errors: Vec<ErrorEntry>,
    ) -> Box<Self> {
        errors.truncate(MAX_ENTRIES);
        for entry in &mut errors {
            entry.message = clean_text(&entry.message);
            entry.code = clean_text(entry.code.as_str()).as_str().into();
            entry.detail = None;
        }
        self.status = Some(status);
        self.errors = errors;
        self
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// What the registry said, as the end of a message.
struct Said<'a>(&'a At);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ErrorEntry { code, message, .. } in &self.0.errors {
            match (code.as_str(), message.as_str()) {
                ("", "") => {}
                ("", text) | (text, "") => write!(f, ": {text}")?,
                (code, message) => write!(f, ": {code}: {message}")?,
            }
        }
        if self.0.is_web_page {
            f.write_str(" (the answer is a web page; is this a registry?)")?;
        }
        Ok(())
    }
}

fn clean_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// One line of at most [`MAX_MESSAGE_CHARS`] without control and direction characters.
pub(crate) fn clean_text(text: &str) -> String {
    let mut cleaned: String = text
        .chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
            c => c,
        })
        .take(MAX_MESSAGE_CHARS)
        .collect();
    if text.chars().nth(MAX_MESSAGE_CHARS).is_some() {
        cleaned.push('…');
    }
    cleaned.trim().to_owned()
}

/// Why a registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry does not have it, or does not show it to this user.
    #[error("{at}: not found{}", Said(at))]
    NotFound {
        /// The request.
        at: Box<At>,
    },
    /// Credentials are missing or were not taken.
    #[error(
        "{at}: not logged in, or the credentials were not accepted{}",
        Said(at)
    )]
    Unauthorized {
        /// The request, to the registry or to its token service.
        at: Box<At>,
    },
    /// The credentials are good, but not for this.
    #[error("{at}: access denied{}", Said(at))]
    Denied {
        /// The request.
        at: Box<At>,
    },
    /// Too many requests; the limit of repeats is used up or the wait is too long.
    #[error("{at}: too many requests{}", Said(at))]
    RateLimited {
        /// The request.
        at: Box<At>,
        /// How long the registry wants us to wait, when it said so.
        retry_after: Option<Duration>,
    },
    /// The registry, or this build of the client, does not offer the operation.
    #[error("{at}: not supported: {reason}{}", Said(at))]
    Unsupported {
        /// The request.
        at: Box<At>,
        /// What is not supported.
        reason: &'static str,
    },
    /// An answer is longer than this client reads.
    #[error("{at}: the {what} is over the limit of {limit} bytes")]
    TooLarge {
        /// The request.
        at: Box<At>,
        /// What was read.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The registry does not take content of this size (413).
    #[error("{at}: the registry refuses content of this size{}", Said(at))]
    RefusedSize {
        /// The request.
        at: Box<At>,
    },
    /// Bytes, or the digest that the registry states for them, are not what was asked for.
    #[error("{at}: the {what} has digest {actual}, expected {expected}")]
    DigestMismatch {
        /// The request.
        at: Box<At>,
        /// Which content.
        what: &'static str,
        /// What was promised.
        expected: Digest,
        /// What was found.
        actual: Digest,
    },
    /// The blob is longer or shorter than its descriptor says.
    #[error("{at}: the blob has {actual} bytes, expected {expected}")]
    SizeMismatch {
        /// The request.
        at: Box<At>,
        /// Size by the descriptor, in bytes.
        expected: u64,
        /// Size by the registry, in bytes; a lower bound when the excess was not read.
        actual: u64,
    },
    /// The body ended early, and again after every repeat that was allowed.
    #[error("{at}: the answer ended after {actual} of {expected} bytes")]
    Truncated {
        /// The request.
        at: Box<At>,
        /// Size in bytes.
        expected: u64,
        /// How many bytes came.
        actual: u64,
    },
    /// Something answered that is no registry.
    #[error("{at}: not the answer of a registry: {reason}")]
    NotARegistry {
        /// The request.
        at: Box<At>,
        /// What the answer is instead.
        reason: String,
    },
    /// The connection could not be made, or broke.
    #[error("{at}: network error")]
    Network {
        /// The request.
        at: Box<At>,
        /// What happened.
        source: BoxError,
    },
    /// Nothing moved for too long.
    #[error("{at}: no progress for {} s", waited.as_secs())]
    Timeout {
        /// The request.
        at: Box<At>,
        /// How long was waited.
        waited: Duration,
    },
    /// Going on would carry a secret, or a request, to a place where it does not belong.
    #[error("{at}: refused: {reason}")]
    Policy {
        /// The request.
        at: Box<At>,
        /// What was refused, and how to allow it where that is possible.
        reason: String,
    },
    /// The registry failed (5xx).
    #[error("{at}: the registry failed with status {}{}", at.status.unwrap_or_default(), Said(at))]
    Server {
        /// The request.
        at: Box<At>,
    },
    /// The registry refused the request as it stands (another 4xx).
    #[error("{at}: the registry refused with status {}{}", at.status.unwrap_or_default(), Said(at))]
    Rejected {
        /// The request.
        at: Box<At>,
    },
    /// The registry answered, but not as the distribution specification says.
    #[error("{at}: invalid answer: {reason}")]
    InvalidReply {
        /// The request.
        at: Box<At>,
        /// What is wrong with it.
        reason: String,
        /// The parser's error, when there is one.
        source: Option<BoxError>,
    },
    /// The sink did not take the blob.
    #[error("cannot write blob {digest}")]
    Sink {
        /// The blob.
        digest: Digest,
        /// What happened.
        source: io::Error,
    },
    /// The source did not give the blob.
    #[error("cannot read blob {digest}")]
    Source {
        /// The blob.
        digest: Digest,
        /// What happened.
        source: io::Error,
    },
    /// The registry refused a blob, and it is right: the source no longer has the bytes of its digest.
    #[error("blob {digest} is damaged on this side: its bytes have digest {actual}")]
    DamagedSource {
        /// The blob.
        digest: Digest,
        /// Digest of what the source has now.
        actual: Digest,
    },
    /// The credentials for a registry could not be found out.
    #[error("cannot get the credentials for {host}")]
    Credentials {
        /// The registry.
        host: Host,
        /// What happened.
        source: BoxError,
    },
    /// The options of the client contradict themselves or hold something unreadable.
    #[error("cannot set up the registry client: {reason}")]
    Setup {
        /// What is wrong.
        reason: String,
        /// The parser's error, when there is one.
        source: Option<BoxError>,
    },
}

impl Error {
    /// The request that failed; none for errors on this side.
    #[must_use]
    pub fn at(&self) -> Option<&At> {
        match self {
            Self::NotFound { at }
            | Self::Unauthorized { at }
            | Self::Denied { at }
            | Self::RateLimited { at, .. }
            | Self::Unsupported { at, .. }
            | Self::TooLarge { at, .. }
            | Self::RefusedSize { at }
            | Self::DigestMismatch { at, .. }
            | Self::SizeMismatch { at, .. }
            | Self::Truncated { at, .. }
            | Self::NotARegistry { at, .. }
            | Self::Network { at, .. }
            | Self::Timeout { at, .. }
            | Self::Policy { at, .. }
            | Self::Server { at }
            | Self::Rejected { at }
            | Self::InvalidReply { at, .. } => Some(at),
            Self::Sink { .. }
            | Self::Source { .. }
            | Self::DamagedSource { .. }
            | Self::Credentials { .. }
            | Self::Setup { .. } => None,
        }
    }

    /// Whether the registry does not have what was asked for.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether logging in could help.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized { .. })
    }

    /// Whether the user may not do this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    /// Whether network or registry failed in a way that can be over later.
    #[must_use]
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Self::Network { .. }
                | Self::Timeout { .. }
                | Self::Truncated { .. }
                | Self::RateLimited { .. }
                | Self::Server { .. }
        )
    }

    /// Whether the same call can succeed later without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.is_network()
    }

    /// Whether bytes differ from what was promised.
    #[must_use]
    pub fn is_integrity(&self) -> bool {
        matches!(
            self,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::DamagedSource { .. }
        )
    }
}

#[cfg(test)]
mod tests;
