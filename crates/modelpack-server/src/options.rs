//! Limits and policies of a registry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use modelpack_spec::{Host, distribution};

use crate::access::Access;
use crate::observe::Observer;
use crate::rate::RateLimit;
use crate::upstream::Upstream;

/// Limits and policies of a [`Registry`](crate::Registry). The defaults suit a registry on loopback.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Largest manifest in bytes; a larger one is answered by 413. Default 4 MiB, what the
    /// specification asks of every registry. More than 8 MiB has no effect, no document parser here
    /// reads that.
    pub max_manifest_bytes: u64,
    /// Largest blob in bytes; an upload that grows beyond it is answered by 413 and ends. Default: no limit.
    pub max_blob_bytes: u64,
    /// Most upload sessions at once; one more is answered by 429. Default 256: each holds an open file.
    pub max_uploads: usize,
    /// How long an upload session may lie idle before it is forgotten. Default one hour.
    pub upload_idle: Duration,
    /// How long an upload session may live in all. Default one day.
    pub upload_age: Duration,
    /// Most bytes of a blob in one request whose length was not announced. Default: no limit; 0
    /// refuses such bodies by 411.
    pub max_unannounced_bytes: u64,
    /// Largest chunk in bytes; a larger one is answered by 413, and the upload goes on with smaller
    /// ones. Default: no limit.
    pub max_chunk_bytes: u64,
    /// Time within which a client has to send [`min_body_bytes`](Self::min_body_bytes) of a body that
    /// it has begun; one that is slower is answered by 408. Default 30 s. The time that the
    /// registry itself needs does not count.
    pub body_timeout: Duration,
    /// Bytes that have to come within [`body_timeout`](Self::body_timeout). Default 1,024: nothing
    /// that still works as a network is slower.
    pub min_body_bytes: u64,
    /// Most requests of one client address; further ones are answered by 429. Default: no limit.
    pub rate_limit: Option<RateLimit>,
    /// Most tags in one answer, whatever the client asks for; the rest follows by `Link`. Default
    /// 1,000, at most about 130 kB.
    pub max_tags: usize,
    /// Bytes that are read of a request body after an error answer, so that the client gets to see
    /// it before the connection closes. Default 1 MiB.
    pub drain_bytes: u64,
    /// Whether tags, manifests, blobs and upload sessions can be deleted. Default yes; when not, every
    /// such request is answered by 405.
    pub allow_delete: bool,
    /// Whether a manifest may name blobs and manifests that are not in its repository. Default no:
    /// answered by 404 `MANIFEST_BLOB_UNKNOWN`.
    pub allow_sparse: bool,
    /// Smallest size in bytes of every chunk but the last that clients are asked for. Default none.
    pub chunk_min_bytes: Option<u64>,
    /// Who may do what. Default: everybody everything.
    pub access: Option<Arc<dyn Access>>,
    /// Where content is fetched that is not here. Default nowhere.
    pub upstream: Option<Arc<dyn Upstream>>,
    /// After which time upstream is asked again where a tag points that came from there, when somebody
    /// asks for it. Until then, and as long as upstream does not answer, the tag is what was kept.
    /// Default 60 s; zero asks every time. Digests and tags that were pushed here are never asked for.
    pub refresh: Duration,
    /// Whether `/metrics` is answered, in the text form of Prometheus. It names no content, and
    /// needs no credentials. Default no. `/healthz` is always answered.
    pub metrics: bool,
    /// Texts that clients show to their users, sent with every answer below `/v2`, such as that the
    /// registry is about to move. Characters that headers cannot carry are left out; together they
    /// may have 4,096 bytes, and what is beyond is not sent (distribution specification, warnings).
    pub warnings: Vec<String>,
    /// For which values of the `Host` header the registry answers.
    pub hosts: Hosts,
    /// Is told of every answer, for logs and metrics.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_manifest_bytes: distribution::MANIFEST_BYTES_EVERYWHERE,
            max_blob_bytes: u64::MAX,
            max_uploads: 256,
            upload_idle: Duration::from_secs(60 * 60),
            upload_age: Duration::from_secs(24 * 60 * 60),
            max_unannounced_bytes: u64::MAX,
            max_chunk_bytes: u64::MAX,
            body_timeout: Duration::from_secs(30),
            min_body_bytes: 1024,
            rate_limit: None,
            max_tags: 1000,
            drain_bytes: 1024 * 1024,
            allow_delete: true,
            allow_sparse: false,
            chunk_min_bytes: None,
            access: None,
            upstream: None,
            refresh: Duration::from_secs(60),
            metrics: false,
            warnings: Vec::new(),
            hosts: Hosts::Loopback,
            observer: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_manifest_bytes", &self.max_manifest_bytes)
            .field("max_blob_bytes", &self.max_blob_bytes)
            .field("max_uploads", &self.max_uploads)
            .field("upload_idle", &self.upload_idle)
            .field("upload_age", &self.upload_age)
            .field("max_unannounced_bytes", &self.max_unannounced_bytes)
            .field("max_chunk_bytes", &self.max_chunk_bytes)
            .field("body_timeout", &self.body_timeout)
            .field("min_body_bytes", &self.min_body_bytes)
            .field("rate_limit", &self.rate_limit)
            .field("max_tags", &self.max_tags)
            .field("drain_bytes", &self.drain_bytes)
            .field("allow_delete", &self.allow_delete)
            .field("allow_sparse", &self.allow_sparse)
            .field("chunk_min_bytes", &self.chunk_min_bytes)
            .field("refresh", &self.refresh)
            .field("metrics", &self.metrics)
            .field("warnings", &self.warnings)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// For which values of the `Host` header a registry answers.
///
/// A web page in a browser on this machine can make its own name resolve to 127.0.0.1 and then talk
/// to whatever listens there; the `Host` header still carries that name (DNS rebinding).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Hosts {
    /// Only names of this machine: `localhost`, `*.localhost`, 127.0.0.0/8 and `::1`, with any port.
    #[default]
    Loopback,
    /// Loopback names and these, compared without case; an entry without port allows every port.
    Also(Vec<Host>),
    /// Every name. For a registry that is meant to be reached from elsewhere.
    Any,
}

impl Hosts {
    /// Whether a page of this origin may talk to the registry. Browsers send the header with every
    /// request that changes something; registry clients never do.
    pub(crate) fn allows_origin(&self, header: &str) -> bool {
        if *self == Self::Any {
            return true;
        }
        // `null` is what pages without an origin of their own send.
        header
            .split_once("://")
            .is_some_and(|(_, host)| self.allows(host))
    }

    pub(crate) fn allows(&self, header: &str) -> bool {
        // Host names mean the same in upper and lower case.
        let Ok(host) = header.to_ascii_lowercase().parse::<Host>() else {
            return *self == Self::Any;
        };
        let listed = match self {
            Self::Any => return true,
            Self::Loopback => [].as_slice(),
            Self::Also(listed) => listed,
        };
        host.is_loopback()
            || listed.iter().any(|entry| {
                entry.name().eq_ignore_ascii_case(host.name())
                    && (entry.port().is_none() || entry.port() == host.port())
            })
    }
}
