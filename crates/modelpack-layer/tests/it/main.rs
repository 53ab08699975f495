//! Integration tests.

mod archive;
mod interop;
mod pack;
mod place;
mod refused;
mod round_trip;
mod write;
