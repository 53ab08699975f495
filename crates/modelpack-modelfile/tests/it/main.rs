//! Integration tests: the grammar as another crate sees it.

mod assign;
mod classify;
mod diagnostics;
mod extended;
mod filter;
mod fixtures;
mod generate;
mod glob;
mod grammar;
mod metadata;
mod pattern;
mod properties;
