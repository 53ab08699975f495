//! Integration tests: artifacts on disk, right and wrong, through the library and the binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod binary;
mod fakes;
mod layout;
mod modelfile;
mod mutations;
mod reference;
mod registry;
mod remote;
mod sample;
mod tools;
mod variations;
mod vectors;
