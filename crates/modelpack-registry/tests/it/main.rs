//! The client against servers that do what a test says.

#[cfg(feature = "tls")]
mod client_certificates;
mod content;
mod credentials;
mod failures;
mod faulty_push;
#[cfg(feature = "tls")]
mod https;
mod interop;
mod interop_push;
mod limits;
mod mirrors;
mod probe;
mod proxies;
mod push;
mod referrers;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
#[cfg(feature = "tls")]
mod tunnels;
