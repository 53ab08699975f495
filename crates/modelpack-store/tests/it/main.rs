//! What a store promises, tested through its public interface.

mod blobs;
mod ingest;
mod layout;
mod partial;
mod processes;
mod prune;
mod skopeo;
mod support;
mod tags;
mod verify;
