//! Exit codes, so that a script knows whether to try again.

use std::process::ExitCode;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(u8);

/// Everything was done.
pub(crate) const DONE: Exit = Exit(0);
/// It failed for a reason that has no code of its own.
pub(crate) const FAILED: Exit = Exit(1);
/// The command line is wrong.
pub(crate) const USAGE: Exit = Exit(2);
/// Two things that were compared differ.
pub(crate) const DIFFERENT: Exit = Exit(1);
/// A doctor has found something that will fail.
pub(crate) const UNWELL: Exit = Exit(1);
/// Something that was asked for is not there.
pub(crate) const NOT_FOUND: Exit = Exit(3);
/// The registry wants other credentials.
pub(crate) const NOT_AUTHORISED: Exit = Exit(4);
/// The network or the registry failed; trying again can help.
pub(crate) const NETWORK: Exit = Exit(5);
/// Bytes are not what was promised.
pub(crate) const INTEGRITY: Exit = Exit(6);
/// The disk is full.
pub(crate) const NO_SPACE: Exit = Exit(7);
/// Stopped by the user; what was transferred is kept.
pub(crate) const INTERRUPTED: Exit = Exit(130);

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn number(self) -> u8 {
        self.0
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.0.into()
    }
}

/// A mistake in the arguments that clap cannot see.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The exit code of an error.
pub(crate) fn code(error: &anyhow::Error) -> Exit {
    if error.is::<UsageError>() {
        return USAGE;
    }
    if let Some(error) = error.downcast_ref::<modelpack::store::Error>() {
        return if error.is_no_space() {
            NO_SPACE
        } else {
            FAILED
        };
    }
    match error.downcast_ref::<modelpack::Error>() {
        Some(error) if error.is_usage() => USAGE,
        Some(error) if error.is_cancelled() => INTERRUPTED,
        Some(error) if error.is_no_space() => NO_SPACE,
        Some(error) if error.is_integrity() => INTEGRITY,
        Some(error) if error.is_unauthorized() => NOT_AUTHORISED,
        Some(error) if error.is_not_found() => NOT_FOUND,
        Some(error) if error.is_network() => NETWORK,
        _ => FAILED,
    }
}

/// The exit code of a comparison that failed. As with `diff`, 1 says that two things differ, so that a failure
/// without a code of its own becomes 2.
pub(crate) fn code_of_comparison(error: &anyhow::Error) -> Exit {
    match code(error) {
        FAILED => USAGE,
        other => other,
    }
}

#[cfg(test)]
mod tests;
