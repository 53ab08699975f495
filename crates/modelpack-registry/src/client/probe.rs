//! What a registry can do, asked without leaving anything behind.

use modelpack_spec::distribution::Endpoint;
use modelpack_spec::{Descriptor, Digest, Host};

use super::{Client, pull_scope};
use crate::error::Error;
use crate::exchange::{Body, GetBlob, Request};
use crate::name::Name;
use crate::proxy::Proxy;

/// Longest list of referrers that is read, in bytes: what every registry must be able to send as a manifest.
const MAX_REFERRERS_BYTES: u64 = 4 * 1024 * 1024;

/// What a registry said when an upload was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadProbe {
    /// The smallest chunk that it takes, in bytes, when it says so.
    pub chunk_min_bytes: Option<u64>,
    /// Whether it took the end of the upload; otherwise it ends the upload itself one day.
    pub is_cancelled: bool,
}

impl Client {
    /// Opens an upload in a repository and gives it up at once: who can do this may push.
    ///
    /// # Errors
    /// [`Error::Denied`] and [`Error::Unauthorized`] when this user may not push, and those of every request.
    pub async fn probe_upload(&self, name: &Name) -> Result<UploadProbe, Error> {
        let target = self.transport.target(name)?;
        self.push(&target).probe().await
    }

    /// Whether a part of a blob can be asked for. Asks for its last byte and reads no other one; a blob of
    /// less than two bytes has no part, so nothing is known.
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of every request.
    pub async fn probe_ranges(
        &self,
        name: &Name,
        descriptor: &Descriptor,
    ) -> Result<Option<bool>, Error> {
        let size = descriptor.size;
        if size < 2 {
            return Ok(None);
        }
        let target = self.transport.target(name)?;
        let exchange = GetBlob {
            target: &target,
            digest: descriptor.digest,
            size,
            range: size - 1..size,
        };
        let mut reply = self
            .transport
            .send(&target, &pull_scope(&target), &exchange.start())
            .await?;
        if !reply.head.status.is_success() {
            let body = reply.read_error().await;
            return Err(reply.head.failure(&body));
        }
        Ok(Some(exchange.accept(&reply.head)? == Body::Wanted))
    }

    /// Whether the registry itself lists what refers to a manifest. It need not have the manifest.
    ///
    /// # Errors
    /// Those of every request. "It does not know the question" is none.
    pub async fn probe_referrers(&self, name: &Name, subject: &Digest) -> Result<bool, Error> {
        let target = self.transport.target(name)?;
        let endpoint = Endpoint::Referrers {
            name: target.repository().clone(),
            digest: *subject,
            artifact_type: None,
        };
        let request = Request::new(http::Method::GET, target.url(&endpoint));
        let reply = self
            .transport
            .send(&target, &pull_scope(&target), &request)
            .await?;
        let answer = reply
            .collect("list of referrers", MAX_REFERRERS_BYTES)
            .await?;
        if answer.head.status == http::StatusCode::OK {
            answer.head.expect_registry()?;
            return Ok(true);
        }
        match answer.failure() {
            Error::NotFound { .. } | Error::Unsupported { .. } | Error::Rejected { .. } => {
                Ok(false)
            }
            error => Err(error),
        }
    }

    /// The proxy on the way to a registry; none when it is asked directly.
    ///
    /// # Errors
    /// [`Error::Setup`] for a host that cannot be connected to.
    pub fn proxy_of(&self, host: &Host) -> Result<Option<Proxy>, Error> {
        let repository = "probe".parse().expect("a path component is a repository");
        let target = self
            .transport
            .target(&Name::new(host.clone(), repository))?;
        Ok(self.transport.proxy_of(&target.origin))
    }

    /// Scheme, host and port that are asked for a registry, such as `https://registry-1.docker.io`.
    ///
    /// # Errors
    /// [`Error::Setup`] for a host that cannot be connected to.
    pub fn address_of(&self, host: &Host) -> Result<String, Error> {
        let repository = "probe".parse().expect("a path component is a repository");
        let target = self
            .transport
            .target(&Name::new(host.clone(), repository))?;
        let url = target.url(&Endpoint::Ping).to_string();
        Ok(url.trim_end_matches("/v2/").to_owned())
    }
}
