//! Limits and policies of a registry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use modelpack_spec::{Host, distribution};

use crate::Error;

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
    /// How long an upload session may lie idle before it can be forgotten. Default one hour.
    pub upload_idle: Duration,
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
            max_tags: 1000,
            drain_bytes: 1024 * 1024,
            allow_delete: true,
            allow_sparse: false,
            chunk_min_bytes: None,
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
            .field("max_tags", &self.max_tags)
            .field("drain_bytes", &self.drain_bytes)
            .field("allow_delete", &self.allow_delete)
            .field("allow_sparse", &self.allow_sparse)
            .field("chunk_min_bytes", &self.chunk_min_bytes)
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

/// Is told of every answer of a registry.
pub trait Observer: Send + Sync + 'static {
    /// Called when an answer is ready and before its body is sent. Must not block.
    fn answered(&self, answer: &Answered<'_>);
}

/// One answer, as an [`Observer`] sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Answered<'a> {
    /// Method of the request.
    pub method: &'a Method,
    /// Path of the request, as it was received.
    pub path: &'a str,
    /// Status of the answer.
    pub status: StatusCode,
    /// What failed, where the fault is not the client's. Clients only see that something did.
    pub error: Option<&'a Error>,
}

impl<'a> Answered<'a> {
    pub(crate) fn new(
        method: &'a Method,
        path: &'a str,
        status: StatusCode,
        error: Option<&'a Error>,
    ) -> Self {
        Self {
            method,
            path,
            status,
            error,
        }
    }
}
