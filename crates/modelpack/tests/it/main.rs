//! The operations, end to end, over the embedded registry.

mod bad_input;
mod build;
mod build_files;
mod build_remote;
mod children;
mod content;
mod crash;
mod dialects;
mod docker_build;
mod doctor;
mod export;
mod faults;
#[cfg(feature = "credential-helpers")]
mod helpers;
mod interop;
mod mirrors;
mod names;
mod processes;
mod pull_into;
mod push;
mod resolved;
mod round_trip;
mod scene;
mod variants;
mod weights;
