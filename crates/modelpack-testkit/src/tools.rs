//! Real tools on this machine.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// The program `name` on the `PATH`, if there is one.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| is_program(file))
}

/// Says on the terminal that the calling test did not run, and why.
///
/// Rust's test harness has no "skipped at run time" and hides what a passing test prints; this line goes around
/// it, so that nobody takes a test that had nothing to talk to for one that passed.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let line = format!("SKIPPED {}: {reason}\n", thread.name().unwrap_or("test"));
    // Not `eprintln!`, which the harness captures. A closed stderr is no reason to fail.
    let _ = io::stderr().write_all(line.as_bytes());
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}
