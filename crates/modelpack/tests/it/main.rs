//! The operations, end to end, over the embedded registry.

mod bad_input;
mod build;
mod faults;
mod dialects;
mod docker_build;
mod export;
mod interop;
mod names;
mod round_trip;
mod scene;
mod variants;
mod weights;
