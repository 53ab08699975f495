//! Integration tests: artifacts on disk, right and wrong, through the library and the binary.

mod binary;
mod layout;
mod sample;
