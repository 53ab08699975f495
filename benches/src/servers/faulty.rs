//! The registry that misbehaves on purpose, in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use modelpack_testkit::faulty::{Rule, SyntheticBlob};
use serde::{Deserialize, Serialize};

use crate::{Outcome, tasks};

/// What the registry has, and what goes wrong: an artifact `bench/model:v1` with one layer that takes no memory.
///
/// Pushed bytes are counted and dropped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Synthetic {
    /// Size of the layer in bytes.
    pub bytes: u64,
    /// Its digest.
    pub digest: String,
    /// What goes wrong.
    pub rules: Vec<Rule>,
}

impl Synthetic {
    /// A layer of so many bytes. Computes its digest, so make one and clone it.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self {
            bytes,
            digest: blob(bytes).digest(),
            rules: Vec::new(),
        }
    }

    /// The same, and this goes wrong.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    pub(crate) fn blob(&self) -> SyntheticBlob {
        blob(self.bytes)
    }
}

fn blob(bytes: u64) -> SyntheticBlob {
    SyntheticBlob::new(bytes, 1)
}

/// A running registry that misbehaves.
#[derive(Debug)]
pub struct FaultyServer {
    process: Child,
    host: String,
}

impl FaultyServer {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(contents: &Synthetic) -> Outcome<Self> {
        let mut process = tasks::command("serve")?
            .arg(serde_json::to_string(contents)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("it has no output")?;
        let mut server = Self {
            process,
            host: String::new(),
        };
        BufReader::new(stdout).read_line(&mut server.host)?;
        server.host.truncate(server.host.trim_end().len());
        if server.host.is_empty() {
            return Err("the registry does not start".into());
        }
        Ok(server)
    }

    /// Host and port as they stand in a reference: `127.0.0.1:41234`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The artifact that it has.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/bench/model:v1", self.host)
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        // It may have ended by itself; in both cases nothing is left to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
