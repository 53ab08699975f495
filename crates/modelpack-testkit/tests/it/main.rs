//! The fixtures as they are committed, the toy model, and the tools of this machine.

mod models;
mod tools;
