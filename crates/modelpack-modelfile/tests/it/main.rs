//! The grammar, from text to recipe and back.

mod classify;
mod generate;
mod parse;
mod pattern;
