//! The fixtures as they are committed, the toy model, the tools of this machine, and the registry that misbehaves.

mod faulty;
mod models;
mod tools;
