//! Name resolution that can refuse addresses nearer than allowed.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::policy::Reach;

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
        Box::pin(async move {
            // The port is replaced by the connector.
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let was_found = !found.is_empty();
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| Reach::of(address.ip()) <= reach)
                .collect();
            if was_found && allowed.is_empty() {
                let name = name.as_str().to_owned();
                return Err(io::Error::other(RefusedAddress { name }));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests;
