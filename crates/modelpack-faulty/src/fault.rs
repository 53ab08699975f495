//! The faults that a rule can name.

use serde::{Deserialize, Serialize};

/// What goes wrong with one request.
///
/// Texts may contain `{registry}`, `{tokens}` and `{elsewhere}`, the URLs of the three origins without a slash at
/// the end, and `{target}`, the path and query that were asked for. Offsets count bytes of the answer's body, unless
/// a fault says otherwise; what is about a body does nothing to an answer without one, such as that to a HEAD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    // How the answer travels.
    /// The connection ends after so many bytes of the body.
    Cut {
        /// 0 ends it right behind the headers.
        after: u64,
    },
    /// The connection is reset after so many bytes of the body. The client may lose some that it has not read yet.
    Reset {
        /// 0 resets it right behind the headers.
        after: u64,
    },
    /// Nothing comes after so many bytes of the body.
    Stall {
        /// 0 stalls right behind the headers.
        after: u64,
        /// Unsaid: for ever, until the client leaves.
        #[serde(default)]
        millis: Option<u64>,
    },
    /// Nothing comes before the answer.
    Delay {
        /// Unsaid: for ever, until the client leaves.
        #[serde(default)]
        millis: Option<u64>,
    },
    /// The body comes in drops.
    Trickle {
        /// So many at once.
        bytes: u64,
        /// So long between two.
        millis: u64,
    },
    /// The body comes no faster than this, on each connection.
    Rate {
        /// Above 0.
        bytes_per_second: u64,
    },
    /// The length of the body is not said.
    Framing {
        /// How its end is told instead.
        framing: Framing,
    },
    /// The connection ends without an answer.
    HangUp {
        /// When.
        at: HangUp,
    },

    // Ranges.
    /// 200 with the whole body instead of 206.
    IgnoreRange,
    /// 416, however good the range is.
    RefuseRange,
    /// 206 with bytes that begin elsewhere.
    RangeStart {
        /// Where, from the start that was asked for.
        by: i64,
        /// Whether `Content-Range` tells; else it repeats what was asked for.
        told: bool,
    },
    /// 206 with an end that is earlier or later, which `Content-Range` tells. An earlier one is legal.
    RangeEnd {
        /// Where, from the end that was asked for.
        by: i64,
    },
    /// 206 with another total in `Content-Range`.
    RangeTotal {
        /// From the right one.
        by: i64,
    },
    /// 206 as `multipart/byteranges`.
    Multipart,

    // Bodies.
    /// Well framed, but so many bytes at the end are missing.
    ShortBody {
        /// How many.
        by: u64,
    },
    /// Well framed, but so many bytes too many.
    LongBody {
        /// How many.
        by: u64,
    },
    /// Wrong bytes of the right length, at a place in the blob: a range that does not touch it is right.
    WrongBytes {
        /// The first wrong byte of the blob.
        at: u64,
        /// How many.
        count: u64,
    },
    /// Wrong bytes of the right length, at a place in the body, whatever range it is of.
    WrongBodyBytes {
        /// The first wrong byte of the body.
        at: u64,
        /// How many.
        count: u64,
    },
    /// Another body. The digest header fits it.
    Body {
        /// Which.
        body: Filler,
    },
    /// The same body, only that so many spaces come first: what a parser takes, in a size that nobody should.
    Padding {
        /// Unsaid: without end.
        #[serde(default)]
        bytes: Option<u64>,
    },

    // Headers.
    /// `Docker-Content-Digest` is wrong or missing.
    DigestHeader {
        /// Unsaid: missing.
        #[serde(default)]
        value: Option<String>,
    },
    /// `Content-Type` is another one.
    MediaType {
        /// Which.
        value: String,
    },
    /// `Content-Encoding: gzip`. A compressed body is no part of the blob and not in the ledger.
    Gzip {
        /// Whether the body is compressed; else only the header says so.
        real: bool,
    },
    /// A header has this value, once.
    SetHeader {
        /// Which.
        name: String,
        /// With placeholders.
        value: String,
    },
    /// A header is missing.
    RemoveHeader {
        /// Which.
        name: String,
    },

    // Refusals.
    /// This answer, and nothing is done.
    Status {
        /// Which.
        status: u16,
        /// With which body.
        #[serde(default)]
        body: Filler,
        /// With which `Retry-After`.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// Before or after the body of the request has come.
        #[serde(default)]
        timing: Timing,
    },
    /// This answer when the body of the request is longer, and nothing is done. A body that does not tell its length is
    /// taken up to there.
    RefuseOver {
        /// The most that is taken.
        bytes: u64,
        /// 413 as a proxy has it, or 416 as a registry that wants no large chunk.
        status: u16,
        /// Before or after the body of the request has come.
        #[serde(default)]
        timing: Timing,
    },
    /// 401 with the registry's own challenge, whatever the credentials.
    Unauthorized,
    /// 401 that wants more scope, whatever the credentials.
    InsufficientScope,
    /// 401 with this challenge.
    Challenge {
        /// The value of `WWW-Authenticate`, with placeholders.
        value: String,
    },
    /// Every token given out so far stops working, before this request is looked at.
    ForgetTokens,
    /// Another place to ask.
    Redirect {
        /// Which.
        to: Target,
        /// 301, 302, 303, 307 or 308.
        #[serde(default = "temporary")]
        status: u16,
    },

    // Uploads.
    /// The `Location` of an upload is written another way.
    Location {
        /// How.
        location: Location,
    },
    /// The upload is forgotten before the request is looked at.
    ForgetSession,
    /// So many bytes at the end of what was received are lost, and the answer tells the lower offset.
    LoseTail {
        /// How many.
        by: u64,
    },
    /// `OCI-Chunk-Min-Length`, set where an upload starts; a chunk after one that was shorter is refused.
    MinChunk {
        /// How many bytes.
        bytes: u64,
    },

    // Lists and tags.
    /// `Link` to a next page.
    Link {
        /// Which.
        to: Link,
    },
    /// The tag that was asked for leads elsewhere from the next request on.
    MoveTag {
        /// The digest.
        to: String,
    },
}

fn temporary() -> u16 {
    307
}

/// How the end of a body is told when its length is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Framing {
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The connection ends.
    UntilClose,
}

/// When a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HangUp {
    /// Before the body of the request is read.
    AtOnce,
    /// After so many bytes of the body of the request; an upload keeps them.
    InRequest(u64),
    /// The body has come, nothing is done.
    BeforeDoing,
    /// Everything is done as asked; only the answer is lost.
    AfterDoing,
    /// In the middle of the headers of the answer, everything being done.
    InHeaders,
}

/// A body that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Filler {
    /// The error document of the specification, with the code that belongs to the status.
    #[default]
    Error,
    /// Nothing.
    Empty,
    /// What a proxy in front says.
    Html,
    /// This text, with placeholders.
    Text(String),
    /// Arrays in arrays, so many deep.
    Deep(u64),
    /// So many spaces.
    Spaces(u64),
    /// Spaces without end.
    Endless,
}

/// A `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RetryAfter {
    /// In seconds.
    Seconds(u64),
    /// As an HTTP date so many seconds from now.
    DateIn(u64),
    /// This text.
    Text(String),
}

/// When a request with a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Timing {
    /// After its body has come.
    #[default]
    Late,
    /// At once; the rest of the body is taken and thrown away, so that the answer arrives.
    Early,
    /// At once, and the connection ends; the client may lose the answer.
    Rude,
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Target {
    /// To the same blob at the other origin, by a URL that is good for whoever has it.
    Signed {
        /// For so many requests; unsaid: for any number.
        #[serde(default)]
        uses: Option<u64>,
        /// Whether it was signed for GET alone, so that HEAD is refused.
        #[serde(default)]
        get_only: bool,
    },
    /// To itself.
    Itself,
    /// Here, with placeholders.
    Url(String),
}

/// How the `Location` of an upload is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Location {
    /// A path.
    Relative,
    /// A URL.
    Absolute,
    /// A path with a query that must come back.
    Query,
    /// A URL at the other origin, which takes the upload.
    Elsewhere,
    /// None at all.
    Missing,
    /// This, with placeholders; `{target}` is the right path.
    Url(String),
}

/// Where a `Link` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Link {
    /// To one more page, each time.
    Endless,
    /// To the page it stands on.
    Itself,
    /// To the other origin.
    Elsewhere,
}
