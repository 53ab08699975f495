//! Integration tests: the grammar as another crate sees it.

mod classify;
mod diagnostics;
mod filter;
mod fixtures;
mod generate;
mod grammar;
mod metadata;
mod pattern;
mod properties;
