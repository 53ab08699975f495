//! Name resolution that can refuse addresses nearer than allowed.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::time::timeout;
use tower_service::Service;
use url::Host;

use super::socket::Peer;
use crate::policy::Reach;

/// Longest wait for our own opinion about a name that a proxy will resolve. A machine behind a proxy may
/// have no name service at all.
const SECOND_OPINION: Duration = Duration::from_secs(3);

/// Resolves by the operating system and gives out only addresses that are not nearer than `reach`.
///
/// The connection is made to exactly these addresses, so a name that resolves differently a moment
/// later gains nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    pub(super) reach: Reach,
}

/// A name that resolves only to addresses inside a network, named by a server outside of it.
#[derive(Debug)]
pub(super) struct RefusedAddress {
    name: String,
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has an address inside a network, named by a server outside of it",
            self.name
        )
    }
}

impl std::error::Error for RefusedAddress {}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        Box::pin(async move { Ok(addresses(name.as_str(), reach).await?.into_iter()) })
    }
}

/// The addresses of a name that may be connected to.
async fn addresses(name: &str, reach: Reach) -> io::Result<Vec<SocketAddr>> {
    // The port is replaced by the connector.
    let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
    let was_found = !found.is_empty();
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| Reach::of(address.ip()) <= reach)
        .collect();
    if was_found && allowed.is_empty() {
        let name = name.to_owned();
        return Err(io::Error::other(RefusedAddress { name }));
    }
    Ok(allowed)
}

/// Judges a host that a proxy will connect to, and says how near it is.
///
/// The proxy resolves the name itself, so it cannot be held to the addresses that we see: a name that we
/// know to be inside is refused as ever, one that only the proxy knows is left to the proxy, which
/// guards its network anyway. Such a host counts as public, which allows it the least.
pub(super) async fn judge(host: &str, reach: Reach) -> io::Result<Peer> {
    let refused = || {
        let name = host.to_owned();
        Err(io::Error::other(RefusedAddress { name }))
    };
    if let Some(known) = Reach::of_host(Host::parse(host).ok().as_ref().map(borrow)) {
        return if known <= reach {
            Ok(Peer(known))
        } else {
            refused()
        };
    }
    match timeout(SECOND_OPINION, addresses(host, reach)).await {
        Ok(Ok(found)) => {
            let farthest = found.iter().map(|address| Reach::of(address.ip())).min();
            Ok(Peer(farthest.unwrap_or(Reach::Public)))
        }
        Ok(Err(error))
            if error
                .get_ref()
                .is_some_and(|inner| inner.is::<RefusedAddress>()) =>
        {
            Err(error)
        }
        _ => Ok(Peer(Reach::Public)),
    }
}

fn borrow(host: &Host<String>) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    }
}

#[cfg(test)]
mod tests;
