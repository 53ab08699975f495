//! The registry that misbehaves on purpose, seen by a client that reads every byte.

mod plain;
mod pull;
mod raw;
