//! Integration tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod archive;
mod interop;
mod pack;
mod place;
mod refused;
mod round_trip;
mod write;
