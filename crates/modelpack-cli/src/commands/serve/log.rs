//! The access log, and what goes wrong inside of the registry.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::Context;
use jiff::Timestamp;
use modelpack_server::{Answered, Finished, Observer};
use serde_json::json;

use crate::printer::note;

/// Tells of every request in a line of JSON, and of every failure on standard error. Lines are written
/// by a thread of their own, so that a slow disk delays no answer.
pub(super) struct Log(Option<Sender<String>>);

impl Log {
    /// Failures only.
    pub(super) fn quiet() -> Self {
        Self(None)
    }

    /// Requests too, appended to a file; `-` is standard output.
    pub(super) fn to(path: &Path) -> anyhow::Result<Self> {
        let out: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            let file = File::options().append(true).create(true).open(path);
            Box::new(file.with_context(|| format!("cannot open {}", path.display()))?)
        };
        let (lines, received) = channel();
        thread::spawn(move || write(out, &received));
        Ok(Self(Some(lines)))
    }
}

fn write(mut out: Box<dyn Write + Send>, lines: &Receiver<String>) {
    for line in lines {
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            note(&format!("warning: the access log ends here: {error}"));
            return;
        }
    }
}

impl Observer for Log {
    fn answered(&self, answer: &Answered<'_>) {
        if let Some(error) = answer.error {
            let mut text = format!("{} {}: {error}", answer.method, answer.path);
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            note(&text);
        }
    }

    fn finished(&self, finished: &Finished<'_>) {
        let Some(lines) = &self.0 else { return };
        let line = json!({
            "time": Timestamp::now().to_string(),
            "peer": finished.peer.map(|peer| peer.to_string()),
            "user": finished.user,
            "method": finished.method.as_str(),
            "path": finished.path,
            "status": finished.status.as_u16(),
            "received": finished.received,
            "sent": finished.sent,
            "complete": finished.complete,
            "ms": finished.elapsed.as_secs_f64() * 1000.0,
        });
        // The log may have ended; the registry goes on.
        let _ = lines.send(line.to_string());
    }
}
