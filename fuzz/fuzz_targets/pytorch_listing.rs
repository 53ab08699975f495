//! Fuzzes the property of the same name.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| modelpack_fuzz::pytorch_listing(input));
