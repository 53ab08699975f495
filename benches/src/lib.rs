//! Nothing: the benchmarks are in `benches/`, and a package needs a target that always builds.
#![forbid(unsafe_code)]
