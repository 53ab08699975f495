//! The settings of hosts in force: limits that all requests share, and what is sent along.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, Uri};
use modelpack_spec::Host;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::throttle::Throttle;
use crate::client::ClientBuilder;
use crate::hosts::{Headers, HostSettings, Hosts, ProxyChoice};
use crate::policy::Origin;
use crate::proxy::{Proxies, Proxy};

/// What all transfers to and from one origin share.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostLimits {
    connections: Option<Arc<Semaphore>>,
    pub(super) download: Option<Arc<Throttle>>,
    pub(super) upload: Option<Arc<Throttle>>,
}

impl HostLimits {
    fn new(settings: &HostSettings) -> Self {
        let throttle = |rate: u64| Arc::new(Throttle::new(rate));
        let connections = settings.connections;
        Self {
            connections: connections.map(|n| Arc::new(Semaphore::new(n.get().into()))),
            download: settings
                .download_limit
                .map(|rate| throttle(rate.bytes_per_second())),
            upload: settings
                .upload_limit
                .map(|rate| throttle(rate.bytes_per_second())),
        }
    }

    /// Waits for a connection that may be used. Nothing when their number is not limited.
    pub(super) async fn connection(&self) -> Option<OwnedSemaphorePermit> {
        let semaphore = Arc::clone(self.connections.as_ref()?);
        semaphore.acquire_owned().await.ok()
    }
}

/// What is sent along to one origin.
#[derive(Debug, Clone, Default)]
pub(super) struct HostRules {
    pub(super) limits: HostLimits,
    pub(super) headers: Headers,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) most_connections: Option<NonZeroU16>,
    pub(super) proxy: Option<Proxy>,
}

/// The settings by origin, made when an origin is first spoken to.
pub(super) struct HostTable {
    hosts: Hosts,
    proxies: Proxies,
    rules: Mutex<HashMap<Origin, Arc<HostRules>>>,
}

impl HostTable {
    pub(super) fn new(options: &ClientBuilder) -> Self {
        Self {
            hosts: options.hosts.clone(),
            proxies: options.proxies.clone(),
            rules: Mutex::default(),
        }
    }

    pub(super) fn settings(&self, host: &Host) -> HostSettings {
        self.hosts.of(host)
    }

    pub(super) fn at(&self, origin: &Origin) -> Arc<HostRules> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = rules.get(origin) {
            return Arc::clone(known);
        }
        let settings = self.hosts.at(origin);
        let user_agent = settings.user_agent.as_deref();
        let made = Arc::new(HostRules {
            limits: HostLimits::new(&settings),
            user_agent: user_agent.and_then(|text| HeaderValue::try_from(text).ok()),
            most_connections: settings.connections,
            proxy: self.choose_proxy(&settings, origin),
            headers: settings.headers,
        });
        rules.insert(origin.clone(), Arc::clone(&made));
        made
    }

    /// The proxy on the way to a URL that is about to be connected to.
    pub(super) fn proxy(&self, target: &Uri) -> Option<Proxy> {
        let url = Url::parse(&target.to_string()).ok()?;
        self.at(&Origin::of(&url)?).proxy.clone()
    }

    /// The `Proxy-Authorization` of a request that the proxy itself reads.
    pub(super) fn proxy_authorization(&self, url: &Url) -> Option<HeaderValue> {
        let origin = Origin::of(url).filter(|origin| !origin.is_secure())?;
        let rules = self.at(&origin);
        let proxy = rules.proxy.as_ref()?;
        (proxy.kind() == crate::proxy::Kind::Http)
            .then(|| proxy.authorization())
            .flatten()
    }

    /// The host's own choice, then that of the settings for all, then the environment's.
    fn choose_proxy(&self, settings: &HostSettings, origin: &Origin) -> Option<Proxy> {
        let (host, port) = (origin.host(), origin.port());
        if self.hosts.names_proxy(origin) {
            return match &settings.proxy {
                Some(ProxyChoice::Through(proxy)) => Some(proxy.clone()),
                _ => None,
            };
        }
        let no_proxy = self.hosts.no_proxy.as_ref();
        let mut proxies = self.proxies.clone();
        if let Some(no_proxy) = no_proxy {
            proxies.no_proxy = no_proxy.clone();
        }
        match &settings.proxy {
            Some(ProxyChoice::Direct) => return None,
            Some(ProxyChoice::Through(proxy)) => {
                proxies.http = None;
                proxies.https = None;
                proxies.all = Some(proxy.clone());
            }
            None => {}
        }
        proxies.of(origin.is_secure(), host, port).cloned()
    }
}

#[cfg(test)]
mod tests;
