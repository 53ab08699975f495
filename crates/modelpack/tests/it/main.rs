//! The operations, end to end, over the embedded registry.

mod bad_input;
mod build;
mod dialects;
mod docker_build;
mod export;
mod faults;
mod interop;
mod names;
mod round_trip;
mod scene;
mod variants;
mod weights;
