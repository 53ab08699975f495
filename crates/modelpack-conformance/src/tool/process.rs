//! Running a command of somebody else's: with a limit, in a group of its own, its output kept short.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Most bytes of an output that are kept: its beginning and its end, each half of it.
const KEPT_BYTES: u64 = 8 * 1024;
/// Most bytes a command may print; one that prints more is killed before it fills the disk.
const MAX_PRINTED_BYTES: u64 = 64 * 1024 * 1024;
/// How often a running command is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that the suite did not send.
    Signal(i32),
    /// It took longer than it may, and was killed.
    TimedOut(Duration),
    /// It printed more than it may, and was killed.
    Flooded,
    /// The suite is to end, so it was killed.
    Stopped,
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl End {
    pub(crate) fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }

    /// What a reader of the report is told.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Code(code) => format!("exit code {code}"),
            Self::Signal(signal) => format!("ended by signal {signal}"),
            Self::TimedOut(limit) => {
                format!(
                    "did not end within {} s and was killed",
                    limit.as_secs_f64()
                )
            }
            Self::Flooded => {
                format!("printed more than {MAX_PRINTED_BYTES} bytes and was killed")
            }
            Self::Stopped => "was stopped with the suite".to_owned(),
        }
    }
}

/// Where a command runs and what it sees.
pub(crate) struct Surroundings<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) environment: &'a [(OsString, OsString)],
    pub(crate) timeout: Duration,
    /// Where its output is kept meanwhile; not where it may write.
    pub(crate) logs: &'a Path,
    /// Whether the suite is to end.
    pub(crate) stop: &'a AtomicBool,
}

/// Runs a command to its end, one way or the other. Whatever it started is ended with it.
pub(crate) fn run(words: &[OsString], around: &Surroundings<'_>) -> io::Result<Ran> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    };
    // Files and not pipes: a child of the command that outlives it cannot hold them open.
    let log = |name| {
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(around.logs.join(name))
    };
    let (mut stdout, mut stderr) = (log("stdout")?, log("stderr")?);
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(around.directory)
        .env_clear()
        .envs(around.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .process_group(0)
        .spawn()?;
    let end = wait(&mut child, around, [&stdout, &stderr]);
    // Also after a good end: what stays behind would write while the next command runs.
    end_group(&child);
    child.wait()?;
    Ok(Ran {
        end: end?,
        stdout: keep(&mut stdout)?,
        stderr: keep(&mut stderr)?,
    })
}

fn wait(child: &mut Child, around: &Surroundings<'_>, outputs: [&File; 2]) -> io::Result<End> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = || End::Signal(status.signal().unwrap_or_default());
            return Ok(status.code().map_or_else(signal, End::Code));
        }
        if start.elapsed() >= around.timeout {
            return Ok(End::TimedOut(around.timeout));
        }
        if around.stop.load(Ordering::Relaxed) {
            return Ok(End::Stopped);
        }
        for output in outputs {
            if output.metadata()?.len() > MAX_PRINTED_BYTES {
                return Ok(End::Flooded);
            }
        }
        thread::sleep(PAUSE);
    }
}

fn end_group(child: &Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // Nobody is left in most groups, which is the error that there can be.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The beginning and the end of an output, as text.
fn keep(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    let mut part = |from: u64, most: u64| {
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.by_ref().take(most).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    if length <= KEPT_BYTES {
        return part(0, KEPT_BYTES);
    }
    let half = KEPT_BYTES / 2;
    let (beginning, end) = (part(0, half)?, part(length - half, half)?);
    let left_out = length - KEPT_BYTES;
    Ok(format!("{beginning}\n… {left_out} bytes left out …\n{end}"))
}

#[cfg(test)]
mod tests;
