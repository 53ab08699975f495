//! The fixtures as they are committed, the toy model, the tools of this machine.

mod models;
mod tools;
