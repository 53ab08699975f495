//! The registry that misbehaves on purpose, seen by a client that reads every byte.

mod auth;
mod documents;
#[cfg(feature = "tls")]
mod https;
mod interop;
mod json;
mod plain;
mod pull;
mod push;
mod raw;
mod soak;
