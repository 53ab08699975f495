//! The registry that misbehaves on purpose, seen by a client that reads every byte.

mod auth;
mod documents;
mod plain;
mod pull;
mod push;
mod raw;
