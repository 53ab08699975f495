//! The client against servers that do what a test says.

mod content;
mod credentials;
mod failures;
#[cfg(feature = "tls")]
mod https;
mod push;
mod referrers;
mod server;
mod transfer;
