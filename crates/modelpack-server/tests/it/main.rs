//! The registry as its clients see it, over both storages.

mod support;

mod blobs;
mod disk;
mod interop;
mod listen;
mod lists;
mod manifests;
mod security;
mod uploads;
