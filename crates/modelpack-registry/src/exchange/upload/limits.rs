//! How a host wants a blob cut into requests: what is known of it, and what it has shown.

use modelpack_spec::Host;

const MIB: u64 = 1024 * 1024;
/// Size of a chunk where a host asks for nothing smaller, in bytes: each chunk costs a round trip, and some
/// registries go over all that they have at every one.
const CHUNK: u64 = 64 * MIB;
/// Largest chunk after one was refused with 416 at its right offset: what GHCR takes.
const CAUTIOUS_CHUNK: u64 = 4 * MIB;
/// Largest body that Cloudflare lets through to the registry behind it, in bytes.
const CLOUDFLARE_BODY: u64 = 100_000_000;
/// A blob in more pieces than this is not sent: the limit that asks for it is a mistake on the other side.
const MAX_CHUNKS: u64 = 200_000;

/// What is known about a hosted registry beforehand. Whole blobs in one request are tried first everywhere.
struct Profile {
    /// Names of hosts; those that begin with a dot are endings.
    hosts: &'static [&'static str],
    /// Largest chunk.
    chunk: u64,
    /// Smallest chunk but the last.
    min_chunk: u64,
    refuses_chunks: bool,
}

const PROFILES: &[Profile] = &[
    // Refuses larger chunks with 416; a whole blob of gigabytes is fine.
    Profile {
        hosts: &["ghcr.io"],
        chunk: CAUTIOUS_CHUNK,
        min_chunk: 0,
        refuses_chunks: false,
    },
    // Elastic Container Registry keeps chunks as parts of S3.
    Profile {
        hosts: &["public.ecr.aws", ".amazonaws.com", ".amazonaws.com.cn"],
        chunk: CHUNK,
        min_chunk: 5 * MIB,
        refuses_chunks: false,
    },
    // Google's registries know whole blobs only.
    Profile {
        hosts: &["gcr.io", ".gcr.io", ".pkg.dev"],
        chunk: CHUNK,
        min_chunk: 0,
        refuses_chunks: true,
    },
];

impl Profile {
    fn is_for(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|known| host == *known || (known.starts_with('.') && host.ends_with(known)))
    }
}

/// What one host takes. Only ever gets tighter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    chunk: u64,
    min_chunk: u64,
    /// Larger bodies are sent in chunks if that is possible.
    preferred_body: Option<u64>,
    /// The smallest body that was refused for its size.
    refused_body: Option<u64>,
    refuses_chunks: bool,
    /// The closing request may hold nothing.
    refuses_whole: bool,
}

/// The next request of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All that is left, and the end.
    Close,
    /// So many bytes.
    Chunk(u64),
}

impl Limits {
    /// What is known about a host. `preferred_body` is what the user has set for it.
    pub(crate) fn of(host: &Host, preferred_body: Option<u64>) -> Self {
        let name = host.name().to_ascii_lowercase();
        let profile = PROFILES.iter().find(|profile| profile.is_for(&name));
        Self {
            chunk: profile.map_or(CHUNK, |profile| profile.chunk),
            min_chunk: profile.map_or(0, |profile| profile.min_chunk),
            preferred_body: preferred_body.map(|bytes| bytes.max(1)),
            refused_body: None,
            refuses_chunks: profile.is_some_and(|profile| profile.refuses_chunks),
            refuses_whole: false,
        }
    }

    /// The same, but larger blobs are sent in chunks of so many bytes, as the user has set it for the host.
    pub(crate) fn in_chunks_of(self, bytes: u64) -> Self {
        let chunk = bytes.max(1);
        Self {
            chunk,
            preferred_body: Some(chunk),
            ..self
        }
    }

    /// Chunks of so many bytes, when there have to be chunks.
    #[cfg(test)]
    pub(super) fn for_tests(chunk: u64) -> Self {
        let host = "r.io".parse().expect("a host");
        Self {
            chunk,
            ..Self::of(&host, None)
        }
    }

    /// What to send after `received` bytes of a blob of `size`; `None` when this host cannot get it.
    pub(crate) fn next(&self, received: u64, size: u64) -> Option<Cut> {
        let rest = size.saturating_sub(received);
        if rest == 0 {
            return Some(Cut::Close);
        }
        let is_refused = self.refused_body.is_some_and(|refused| rest >= refused);
        let must_chunk = is_refused || self.refuses_whole;
        // Nobody says how much would have been fine, so a quarter is tried next.
        let quarter = self.refused_body.map(|refused| (refused / 4).max(1));
        let is_large = [self.preferred_body, quarter]
            .into_iter()
            .flatten()
            .any(|limit| rest > limit);
        if self.refuses_chunks {
            return (!must_chunk).then_some(Cut::Close);
        }
        if !must_chunk && !is_large {
            return Some(Cut::Close);
        }
        let chunk = self
            .chunk
            .min(self.preferred_body.unwrap_or(u64::MAX))
            .min(quarter.unwrap_or(u64::MAX))
            .max(self.min_chunk)
            .max(1);
        if self.refused_body.is_some_and(|refused| chunk >= refused) || size / chunk > MAX_CHUNKS {
            return None;
        }
        if chunk >= rest && !self.refuses_whole {
            return Some(Cut::Close);
        }
        Some(Cut::Chunk(chunk.min(rest)))
    }

    /// The size of chunks that a large blob would be sent in, when this host takes chunks.
    pub(crate) fn chunk(&self) -> Option<u64> {
        (!self.refuses_chunks).then_some(self.chunk.max(self.min_chunk))
    }

    /// The host wants chunks of at least so many bytes (`OCI-Chunk-Min-Length`).
    pub(crate) fn wants_at_least(&mut self, bytes: u64) {
        self.min_chunk = bytes;
    }

    /// Larger bodies do not get through well.
    pub(crate) fn prefers_up_to(&mut self, bytes: u64) {
        self.preferred_body = Some(self.preferred_body.map_or(bytes, |limit| limit.min(bytes)));
    }

    /// `Server` of an answer.
    pub(crate) fn is_served_by(&mut self, server: &str) {
        if server.trim().eq_ignore_ascii_case("cloudflare") {
            self.prefers_up_to(CLOUDFLARE_BODY);
        }
    }

    /// A body of so many bytes was refused for its size.
    pub(crate) fn refused_size(&mut self, bytes: u64) {
        self.refused_body = Some(self.refused_body.map_or(bytes, |limit| limit.min(bytes)));
    }

    /// A chunk of so many bytes was refused at its right offset.
    pub(crate) fn refused_chunk(&mut self, bytes: u64) {
        if bytes > CAUTIOUS_CHUNK && self.min_chunk <= CAUTIOUS_CHUNK {
            self.chunk = self.chunk.min(CAUTIOUS_CHUNK);
        } else {
            self.refuses_chunks = true;
        }
    }

    /// The host does not know how to take chunks.
    pub(crate) fn refused_chunks(&mut self) {
        self.refuses_chunks = true;
    }

    /// The host does not take content in the closing request.
    pub(crate) fn refused_whole(&mut self) {
        self.refuses_whole = true;
    }

    /// Takes over what another upload to the same host has found out.
    pub(crate) fn learn(&mut self, other: &Self) {
        let tighter = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        self.chunk = self.chunk.min(other.chunk);
        self.min_chunk = other.min_chunk;
        self.preferred_body = tighter(self.preferred_body, other.preferred_body);
        self.refused_body = tighter(self.refused_body, other.refused_body);
        self.refuses_chunks |= other.refuses_chunks;
        self.refuses_whole |= other.refuses_whole;
    }
}
