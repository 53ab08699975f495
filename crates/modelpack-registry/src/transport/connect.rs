//! Connections: TCP, on the way to a proxy or to the server, and TLS where the build has it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::body::Outgoing;
use super::hosts::HostTable;
use super::resolve::{Resolver, judge};
use super::socket::{Peer, Socket};
use super::throttle::Throttled;
use crate::client::ClientBuilder;
use crate::error::{BoxError, Error};
use crate::policy::Reach;
use crate::proxy::{Kind, Proxy};
use crate::target::Target;

/// Most bytes that a connection reads at once. Pieces of this size stay in the cache of a core until they are
/// written, and few enough wait for the disk.
const READ_BYTES: usize = 256 * 1024;

pub(super) type Http = HttpClient<Connector, Throttled<Outgoing>>;

/// On whose word a request is made, which decides how near its address may be and whether a client
/// certificate is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// A registry that the user has named, at its own origin.
    Registry,
    /// A mirror that the user has named, at its own origin.
    Mirror,
    /// A place that an answer has named: no nearer than this, and without anything of ours.
    Named(Reach),
}

impl Party {
    /// That of a registry or mirror at its own origin.
    pub(super) fn home(target: &Target) -> Self {
        if target.is_mirror() {
            Self::Mirror
        } else {
            Self::Registry
        }
    }

    fn reach(self) -> Reach {
        match self {
            Self::Registry | Self::Mirror => Reach::Local,
            Self::Named(reach) => reach,
        }
    }
}

/// One pool of connections per party, so that a connection made for a trusted name, or with our
/// certificate, is never reused for a place that an answer named.
pub(super) struct Pools {
    registry: Http,
    mirror: Http,
    public: Http,
    private: Http,
    local: Http,
}

impl Pools {
    pub(super) fn new(options: &ClientBuilder, hosts: &Arc<HostTable>) -> Result<Self, Error> {
        #[cfg(feature = "tls")]
        let tls = Arc::new(super::tls::Configs::new(options)?);
        let pool = |party: Party| {
            let tcp = |reach| {
                let mut tcp = HttpConnector::new_with_resolver(Resolver { reach });
                tcp.enforce_http(false);
                tcp.set_nodelay(true);
                tcp.set_connect_timeout(Some(options.connect_timeout));
                tcp
            };
            let connector = Connector {
                tcp: Tcp {
                    direct: tcp(party.reach()),
                    // The proxy is the user's choice, however near it is.
                    to_proxy: tcp(Reach::Local),
                    reach: party.reach(),
                    hosts: Arc::clone(hosts),
                    limit: options.connect_timeout,
                },
                #[cfg(feature = "tls")]
                tls: Arc::clone(&tls),
                #[cfg(feature = "tls")]
                party,
            };
            HttpClient::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .http1_max_buf_size(READ_BYTES)
                .build(connector)
        };
        Ok(Self {
            registry: pool(Party::Registry),
            mirror: pool(Party::Mirror),
            public: pool(Party::Named(Reach::Public)),
            private: pool(Party::Named(Reach::Private)),
            local: pool(Party::Named(Reach::Local)),
        })
    }

    pub(super) fn get(&self, party: Party) -> &Http {
        match party {
            Party::Registry => &self.registry,
            Party::Mirror => &self.mirror,
            Party::Named(Reach::Public) => &self.public,
            Party::Named(Reach::Private) => &self.private,
            Party::Named(Reach::Local) => &self.local,
        }
    }
}

#[cfg(feature = "tls")]
type Stream = hyper_rustls::MaybeHttpsStream<Socket>;
#[cfg(not(feature = "tls"))]
type Stream = Socket;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Makes connections for one pool.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: Tcp,
    #[cfg(feature = "tls")]
    tls: Arc<super::tls::Configs>,
    #[cfg(feature = "tls")]
    party: Party,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Neither name resolution nor TCP has anything to wait for.
        Poll::Ready(Ok(()))
    }

    #[cfg(feature = "tls")]
    fn call(&mut self, target: Uri) -> Connecting<Stream> {
        let config = self.tls.get(self.party, &target);
        hyper_rustls::HttpsConnector::from((self.tcp.clone(), config)).call(target)
    }

    #[cfg(not(feature = "tls"))]
    fn call(&mut self, target: Uri) -> Connecting<Stream> {
        self.tcp.call(target)
    }
}

/// Makes connections without TLS.
#[derive(Clone)]
struct Tcp {
    direct: HttpConnector<Resolver>,
    to_proxy: HttpConnector<Resolver>,
    reach: Reach,
    hosts: Arc<HostTable>,
    limit: std::time::Duration,
}

impl Service<Uri> for Tcp {
    type Response = Socket;
    type Error = BoxError;
    type Future = Connecting<Socket>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Connecting<Socket> {
        let mut tcp = self.clone();
        let proxy = self.hosts.proxy(&target);
        Box::pin(async move {
            match proxy {
                None => tcp.straight(target).await,
                Some(proxy) => {
                    let way = tcp.through(&proxy, target);
                    // The limit of the connector ends where the proxy's greeting begins.
                    match tokio::time::timeout(tcp.limit, way).await {
                        Ok(outcome) => outcome,
                        Err(_) => Err(ProxyFailed::boxed(
                            &proxy,
                            io::Error::from(io::ErrorKind::TimedOut).into(),
                        )),
                    }
                }
            }
        })
    }
}

impl Tcp {
    async fn straight(&mut self, target: Uri) -> Result<Socket, BoxError> {
        let stream = self.direct.call(target).await?;
        // Without an address the server counts as the farthest, which allows the least.
        let address = stream.inner().peer_addr();
        let peer = address.map_or(Reach::Public, |address| Reach::of(address.ip()));
        Ok(Socket {
            io: Box::new(stream),
            peer: Peer(peer),
            is_forwarded: false,
        })
    }

    async fn through(&self, proxy: &Proxy, target: Uri) -> Result<Socket, BoxError> {
        let peer = judge(target.host().unwrap_or_default(), self.reach).await?;
        let (mut to_proxy, address) = (self.to_proxy.clone(), proxy.uri());
        let is_https = target.scheme_str() == Some("https");
        let mut is_forwarded = false;
        let stream = match (proxy.kind(), is_https) {
            (Kind::Http, false) => {
                is_forwarded = true;
                to_proxy.call(address).await.map_err(BoxError::from)
            }
            (Kind::Http, true) => {
                let mut tunnel = Tunnel::new(address, to_proxy);
                if let Some(authorization) = proxy.authorization() {
                    tunnel = tunnel.with_auth(authorization);
                }
                tunnel.call(target).await.map_err(BoxError::from)
            }
            (Kind::Socks5, _) => {
                let mut socks = SocksV5::new(address, to_proxy);
                if let Some((user, password)) = proxy.login() {
                    socks = socks.with_auth(user.to_owned(), password.expose().to_owned());
                }
                socks.call(target).await.map_err(BoxError::from)
            }
        };
        let stream = stream.map_err(|source| ProxyFailed::boxed(proxy, source))?;
        Ok(Socket {
            io: Box::new(stream),
            peer,
            is_forwarded,
        })
    }
}

/// It was the proxy that failed, not the registry.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy} made no connection")]
struct ProxyFailed {
    /// Without its login.
    proxy: String,
    source: BoxError,
}

impl ProxyFailed {
    fn boxed(proxy: &Proxy, source: BoxError) -> BoxError {
        let proxy = proxy.to_string();
        Box::new(Self { proxy, source })
    }
}
