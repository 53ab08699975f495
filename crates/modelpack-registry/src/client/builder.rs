//! The options of a client.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use modelpack_spec::Host;

use super::Client;
use crate::auth::{Anonymous, CredentialSource};
use crate::error::Error;
#[cfg(feature = "tls")]
use crate::hosts::ClientIdentity;
use crate::hosts::Hosts;
use crate::policy::{RetryPolicy, TransferPolicy};
use crate::proxy::Proxies;
use crate::transport::{MirrorFailure, OnMirrorFailure};

/// Longest silence that is taken: shorter ones are seen from registries that fetch from cold storage.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for the answer after the last byte of a blob: registries hash and store it first.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(300);

/// Which registries are spoken to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// None.
    #[default]
    Never,
    /// Those on this machine: `localhost`, `127.0.0.0/8`, `::1`.
    Loopback,
    /// All. Contents are still verified by digest, but passwords go over the wire as they are.
    Always,
}

/// Builds a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    pub(crate) plain_http: PlainHttp,
    pub(crate) credentials: Arc<dyn CredentialSource>,
    pub(crate) token_hosts: Vec<(Host, Host)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) user_agent: String,
    pub(crate) retry: RetryPolicy,
    pub(crate) transfer: TransferPolicy,
    pub(crate) upload_hosts: Vec<(Host, Host)>,
    pub(crate) upload_body: Option<u64>,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) commit_timeout: Duration,
    pub(crate) hosts: Hosts,
    pub(crate) proxies: Proxies,
    pub(crate) on_mirror_failure: Option<OnMirrorFailure>,
    #[cfg(feature = "tls")]
    pub(crate) identity: Option<ClientIdentity>,
    #[cfg(feature = "tls")]
    pub(crate) extra_ca_pem: Vec<Vec<u8>>,
    #[cfg(feature = "tls")]
    pub(crate) accept_invalid_certs: bool,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            plain_http: PlainHttp::default(),
            credentials: Arc::new(Anonymous),
            token_hosts: Vec::new(),
            headers: Vec::new(),
            user_agent: concat!("modelpack-registry/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
            transfer: TransferPolicy::default(),
            upload_hosts: Vec::new(),
            upload_body: None,
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            commit_timeout: COMMIT_TIMEOUT,
            hosts: Hosts::default(),
            proxies: Proxies::default(),
            on_mirror_failure: None,
            #[cfg(feature = "tls")]
            identity: None,
            #[cfg(feature = "tls")]
            extra_ca_pem: Vec::new(),
            #[cfg(feature = "tls")]
            accept_invalid_certs: false,
        }
    }
}

impl ClientBuilder {
    /// Which registries are spoken to without TLS; none by default.
    pub fn plain_http(mut self, plain_http: PlainHttp) -> Self {
        self.plain_http = plain_http;
        self
    }

    /// Where credentials come from; without this every request is anonymous.
    pub fn credentials(mut self, source: impl CredentialSource + 'static) -> Self {
        self.credentials = Arc::new(source);
        self
    }

    /// Lets the credentials of `registry` go to a token service on `token_host`, which they otherwise do
    /// only when it has the registry's own origin. Docker Hub and GitLab.com need no such rule.
    pub fn allow_token_host(mut self, registry: Host, token_host: Host) -> Self {
        self.token_hosts.push((registry, token_host));
        self
    }

    /// Lets an upload to `registry` go on at `upload_host` when the registry says so. No credentials go
    /// along, and an upload never goes on from https to http.
    pub fn allow_upload_host(mut self, registry: Host, upload_host: Host) -> Self {
        self.upload_hosts.push((registry, upload_host));
        self
    }

    /// Sends blobs of more than so many bytes in several requests. By default a blob goes in one request,
    /// and in several where the registry turns out to need that.
    pub fn max_upload_body(mut self, bytes: u64) -> Self {
        self.upload_body = Some(bytes);
        self
    }

    /// Adds a header to every request to a registry. It goes to no other place: not to token services,
    /// and not along with a redirect to another origin.
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.push((name, value));
        self
    }

    /// The `User-Agent`; name and version of this library by default.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// What is repeated, how often, and after which waits.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How blobs are divided over connections.
    pub fn transfer(mut self, policy: TransferPolicy) -> Self {
        self.transfer = policy;
        self
    }

    /// Longest wait for a connection, 30 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Longest time without any progress, 60 s by default: until an answer begins, and between two pieces
    /// of a body.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Longest wait for the answer after the last byte of a pushed blob, 5 min by default.
    pub fn commit_timeout(mut self, timeout: Duration) -> Self {
        self.commit_timeout = timeout;
        self
    }

    /// Settings of single hosts: mirrors, proxies, certificates, limits.
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// The proxies for hosts that have none of their own; none by default.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Is told when a mirror does not give what it was asked for, so that the next place is asked.
    pub fn on_mirror_failure(
        mut self,
        report: impl Fn(&MirrorFailure<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_mirror_failure = Some(Arc::new(report));
        self
    }

    /// The certificate that is shown to every registry that is asked for by name and has none of its own
    /// among the settings of hosts. No mirror sees it, no token service of another origin, and no place
    /// that an answer leads to.
    #[cfg(feature = "tls")]
    pub fn client_identity(mut self, identity: ClientIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Trusts these certificate authorities (PEM, one or more) besides those of the operating system.
    #[cfg(feature = "tls")]
    pub fn add_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_ca_pem.push(pem.into());
        self
    }

    /// Takes any certificate, also that of someone in the middle. Contents are still verified by digest;
    /// tags, lists and passwords are not protected.
    #[cfg(feature = "tls")]
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.accept_invalid_certs = accept;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Setup`] for a certificate or user agent that cannot be used.
    pub fn build(self) -> Result<Client, Error> {
        Client::new(self)
    }
}
