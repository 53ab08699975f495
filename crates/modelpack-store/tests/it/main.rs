//! What a store promises, tested through its public interface.
#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod batch;
mod blobs;
mod ingest;
mod layout;
mod origins;
mod partial;
mod processes;
mod prune;
mod skopeo;
mod support;
mod tags;
mod verify;
