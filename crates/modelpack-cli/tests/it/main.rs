//! What the command line adds: output, exit codes and settings.

mod bad_input;
mod build;
mod canned;
mod dialects;
mod main_job;
mod network;
mod no_space;
mod processes;
mod registries;
mod reproducible;
mod resume;
mod screen;
mod serve;
mod shell;
mod terminal;
