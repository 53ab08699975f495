//! What the command line adds: output, exit codes and settings.

mod bad_input;
mod build;
mod canned;
mod conformance;
mod dialects;
mod doctor;
mod interop_modctl;
mod logins;
mod main_job;
mod metadata;
mod network;
mod no_space;
mod parts;
mod processes;
mod registries;
mod reproducible;
mod resume;
mod screen;
mod secrets;
mod serve;
mod shell;
mod snapshots;
mod terminal;
mod through;
mod verbs;
