//! The modelpack command line.
fn main() {}
