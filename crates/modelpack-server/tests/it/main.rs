//! The registry as its clients see it, over both storages.
#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod support;

mod access;
mod arriving;
mod blobs;
mod crash;
mod disk;
mod interop;
mod limits;
mod listen;
mod lists;
mod manifests;
mod security;
mod sequences;
mod tls;
mod uploads;
mod upstream;
