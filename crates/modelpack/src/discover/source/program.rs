//! Asking the git program whether a work tree differs from its revision.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longest wait for an answer. A tree that was just copied is hashed by git again, which can take as long
/// as the build itself, for one word.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// What would lead git to another repository than the one in the directory.
const MISLEADING: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
];

/// The git program. It is asked one question, and writes nothing.
#[derive(Debug, Clone)]
pub struct GitProgram {
    path: PathBuf,
    time_limit: Duration,
}

/// How a work tree compares to its revision.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Same,
    Differs,
    /// Why that is so.
    Unknown(String),
}

impl GitProgram {
    /// The program at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            time_limit: TIME_LIMIT,
        }
    }

    /// The same with another longest wait for an answer, 10 s by default.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Whether any tracked file below `directory`, the root of a repository, differs from `HEAD`.
    pub(super) fn ask(&self, directory: &Path) -> Tree {
        let program = || self.path.display();
        let mut child = match self.command(directory).spawn() {
            Ok(child) => child,
            Err(error) => return Tree::Unknown(format!("{} does not start: {error}", program())),
        };
        let answer = self.first_byte(&mut child);
        // Only the first byte counts, so git need not come to its end.
        if answer != Some(0) {
            let _ = child.kill();
        }
        let status = child.wait();
        match answer {
            Some(0) if status.as_ref().is_ok_and(|status| status.success()) => Tree::Same,
            Some(0) => Tree::Unknown(format!("{} failed", program())),
            Some(_) => Tree::Differs,
            None => {
                let waited = self.time_limit.as_secs_f32();
                Tree::Unknown(format!("{} has given no answer for {waited} s", program()))
            }
        }
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg("-C")
            .arg(directory)
            .args(["--no-optional-locks", "-c", "core.fsmonitor=false"])
            .args(["status", "--porcelain", "--untracked-files=no"])
            .arg("--ignore-submodules=dirty")
            .env("GIT_TERMINAL_PROMPT", "0")
            // What a partial clone lacks is not fetched for this.
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        for variable in MISLEADING {
            command.env_remove(variable);
        }
        // Not a repository further up, should git not like this one.
        if let Ok(directory) = directory.canonicalize()
            && let Some(parent) = directory.parent()
        {
            command.env("GIT_CEILING_DIRECTORIES", parent);
        }
        command
    }

    /// How many bytes the first read of the output gives: 0 for no output; nothing when that takes too long.
    fn first_byte(&self, child: &mut Child) -> Option<usize> {
        let mut output = child.stdout.take()?;
        let (sender, receiver) = mpsc::channel();
        // It ends when git does, or when the pipe breaks because git is killed.
        thread::spawn(move || {
            let read = output.read(&mut [0; 1]);
            let _ = sender.send(read);
        });
        receiver.recv_timeout(self.time_limit).ok()?.ok()
    }
}
