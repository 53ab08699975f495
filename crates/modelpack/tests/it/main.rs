//! The operations, end to end, over the embedded registry.

mod adapters;
mod attach;
mod bad_input;
mod build;
mod build_files;
mod build_remote;
mod children;
mod content;
mod crash;
mod defects;
mod dialects;
mod dmr_import;
mod docker_build;
mod doctor;
mod export;
mod faults;
mod fetch;
#[cfg(feature = "credential-helpers")]
mod helpers;
mod interop;
mod loads;
#[cfg(feature = "credential-helpers")]
mod login;
mod mirrors;
mod names;
mod processes;
mod pull_into;
mod push;
mod resolved;
mod round_trip;
mod scene;
mod upload;
mod variants;
mod weights;
