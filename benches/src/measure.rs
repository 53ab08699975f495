//! A process that is measured: its time, its processor time and its memory, and nobody else's.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Outcome;

/// How often the memory of a process is looked at. The kernel keeps the highest value itself, so only what is new in
/// the last moments before the end can be missed.
const LOOK: Duration = Duration::from_millis(5);
/// Begins the line in which a task says how long the operation itself has taken, in nanoseconds.
pub(crate) const TOOK: &str = "took-ns ";

/// What a process has used.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Measured {
    /// From its start to its end; of tasks that take milliseconds, the operation alone.
    pub wall: Duration,
    /// User and system time of all of its threads; the kernel counts in hundredths of a second.
    pub cpu: Option<Duration>,
    /// Highest resident memory in bytes, files that are mapped included.
    pub peak: Option<u64>,
    /// Bytes of the model that were worked on.
    pub bytes: u64,
}

impl Measured {
    /// The figures of two processes that ran one after the other as those of one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            wall: self.wall + next.wall,
            cpu: self.cpu.zip(next.cpu).map(|(before, after)| before + after),
            peak: self.peak.max(next.peak),
            bytes: self.bytes,
        }
    }
}

/// Runs a process that works on so many bytes. What it prints is not shown.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn run(command: &mut Command, bytes: u64) -> Outcome<Measured> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    let watch = Watch::begin(child.id());
    // Ended, but still there to be asked.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&child)), options)?;
    let wall = started.elapsed();
    let (cpu, peak) = (processor_time(child.id()), watch.end());
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{command:?} has failed: {status}\n{output}").into());
    }
    let took = output.lines().find_map(|line| line.strip_prefix(TOOK));
    let wall = match took {
        Some(nanoseconds) => Duration::from_nanos(nanoseconds.parse()?),
        None => wall,
    };
    Ok(Measured {
        wall,
        cpu,
        peak,
        bytes,
    })
}

/// Kills a process as `kill -9` does, as soon as `is_time`.
///
/// # Errors
/// When it ends before.
pub fn kill_when(mut child: Child, mut is_time: impl FnMut() -> Outcome<bool>) -> Outcome<()> {
    let result = loop {
        match (is_time(), child.try_wait()) {
            (Ok(true), _) => break Ok(()),
            (Err(error), _) => break Err(error),
            (_, Err(error)) => break Err(error.into()),
            (_, Ok(Some(status))) => {
                break Err(
                    format!("the process was to be killed and ended before: {status}").into(),
                );
            }
            (Ok(false), Ok(None)) => thread::sleep(Duration::from_millis(1)),
        }
    };
    // It may have ended by itself since; in both cases nothing is left of it.
    let _ = child.kill();
    child.wait()?;
    result
}

/// The fields of `/proc/PID/stat` that count ticks, which are there until the process is waited for.
fn processor_time(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may have spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Looks at the memory of a process until it ends: then the kernel has forgotten it.
struct Watch {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Option<u64>>,
}

impl Watch {
    fn begin(process: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut peak = None;
            while !over.load(Ordering::Relaxed) {
                peak = peak_memory(process).max(peak);
                thread::sleep(LOOK);
            }
            peak
        });
        Self { is_over, thread }
    }

    fn end(self) -> Option<u64> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
