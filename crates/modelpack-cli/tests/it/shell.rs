//! A home, a store and a working directory for every test its own, and the commands that run there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A home directory, with a store in it.
pub(crate) struct Shell {
    home: tempfile::TempDir,
}

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a scratch directory"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelpack"));
        command.args(arguments).current_dir(self.home.path());
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("MODELPACK_STORAGE_DIR", self.path("store"));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().expect("it starts");
        Ran {
            code: status.code().expect("it exits"),
            stdout: String::from_utf8(stdout).expect("text"),
            stderr: String::from_utf8(stderr).expect("text"),
        }
    }

    /// Runs a command with this text at its input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that does not read is no failure of the test.
        let _ = std::io::Write::write_all(&mut stdin, input);
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Ran {
            code: output.status.code().expect("it exits"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    }

    /// What the store holds: blobs, names, downloads and files that are being written.
    pub(crate) fn state(&self, store: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(store);
        let mut state = tree(&root);
        // Locks, and what is known of files outside of the store, are no content.
        state.retain(|path, _| !path.ends_with(".lock") && path != "modelpack/digests");
        state
    }

    /// Runs a command that must fail with exactly this message, and leave the store as it was.
    pub(crate) fn refuses(&self, arguments: &[&str], code: i32, message: &str) {
        let before = self.state("store");
        // Without progress, whose order nobody knows.
        let ran = self.run(&[arguments, &["-q"]].concat());
        let stderr = ran
            .stderr
            .replace(&format!("{}/", self.home.path().display()), "");
        assert_eq!(
            (ran.code, stderr.trim_end()),
            (code, message),
            "{arguments:?}"
        );
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert_eq!(self.state("store"), before, "{arguments:?}");
    }

    /// Runs a command that must succeed and gives its output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    pub(crate) fn fails(&self, arguments: &[&str], code: i32, says: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!(
            ran.code, code,
            "{arguments:?}\n{}{}",
            ran.stdout, ran.stderr
        );
        assert!(
            ran.stdout.is_empty(),
            "{arguments:?} printed to stdout: {}",
            ran.stdout
        );
        for text in says {
            assert!(
                ran.stderr.contains(text),
                "{arguments:?} does not say `{text}`:\n{}",
                ran.stderr
            );
        }
    }

    pub(crate) fn build(&self, reference: &str) {
        let model = self.path("model");
        if !model.exists() {
            modelpack_testkit::copy_model("tiny-safetensors", &model);
        }
        self.ok(&[
            "build",
            "model",
            "-f",
            "model/Modelfile",
            "-t",
            reference,
            "--no-creation-time",
        ]);
    }
}

/// A running `modelpack serve`.
pub(crate) struct Served {
    process: Child,
    pub(crate) host: String,
}

impl Served {
    pub(crate) fn start(shell: &Shell, store: &str) -> Self {
        Self::start_with(shell, store, &[])
    }

    pub(crate) fn start_with(shell: &Shell, store: &str, more: &[&str]) -> Self {
        use std::io::{BufRead, BufReader};
        let mut command = shell.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(more);
        command
            .env("MODELPACK_STORAGE_DIR", shell.path(store))
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let mut line = String::new();
        let stderr = process.stderr.take().expect("it is piped");
        BufReader::new(stderr)
            .read_line(&mut line)
            .expect("it says where it listens");
        let port = line
            .split(':')
            .nth(2)
            .and_then(|rest| rest.split_whitespace().next())
            .expect("a port");
        Self {
            host: format!("localhost:{port}"),
            process,
        }
    }
}

impl Served {
    /// Stops it as a supervisor does, and waits until it has ended in order.
    pub(crate) fn stop(mut self) {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").arg(id).status();
        assert!(asked.expect("it starts").success());
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Every file below a directory, with its content; nothing when there is no directory.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .expect("below")
                .display()
                .to_string();
            found.insert(name, std::fs::read(&path).unwrap_or_default());
        }
    }
    found
}
