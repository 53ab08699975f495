//! The client against servers that do what a test says.

#[cfg(feature = "tls")]
mod client_certificates;
mod content;
mod credentials;
mod failures;
#[cfg(feature = "tls")]
mod https;
mod limits;
mod mirrors;
mod proxies;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
#[cfg(feature = "tls")]
mod tunnels;
