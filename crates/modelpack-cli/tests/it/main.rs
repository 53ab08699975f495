//! What the command line adds: output, exit codes and settings.

mod bad_input;
mod canned;
mod dialects;
mod logins;
mod main_job;
mod metadata;
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
mod verbs;
