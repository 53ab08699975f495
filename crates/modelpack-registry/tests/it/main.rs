//! The client against servers that do what a test says.

mod content;
mod credentials;
mod failures;
mod faulty_push;
#[cfg(feature = "tls")]
mod https;
mod interop;
mod interop_push;
mod push;
mod referrers;
mod server;
mod transfer;
