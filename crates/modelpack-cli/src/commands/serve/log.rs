//! The access log, and what goes wrong inside of the registry.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use modelpack_server::{Answered, Finished, NotFetched, NotRefreshed, Observer};
use serde_json::json;

use crate::printer::note;

/// How long the end of the process waits for a disk or pipe that takes no more lines.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells of every request in a line of JSON, and of every failure on standard error. Lines are written
/// by a thread of their own, so that a slow disk delays no answer.
#[derive(Clone)]
pub(super) struct Log(Option<Sender<Entry>>);

enum Entry {
    Line(String),
    /// Everything before it is written when the sender is gone.
    End(SyncSender<()>),
}

impl Log {
    /// Failures only, or requests too, appended to a file; `-` is standard output.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
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

    /// Waits until everything that was told so far is written, but not for ever.
    pub(super) fn finish(&self) {
        let Some(lines) = &self.0 else { return };
        let (written, wait) = sync_channel(0);
        if lines.send(Entry::End(written)).is_ok() {
            // Either answer says the same: the writer has come to it, or never will.
            let _ = wait.recv_timeout(PATIENCE);
        }
    }
}

fn write(mut out: Box<dyn Write + Send>, lines: &Receiver<Entry>) {
    for entry in lines {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::End(written) => {
                drop(written);
                continue;
            }
        };
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            note(&format!("warning: the access log ends here: {error}"));
            return;
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl Observer for Log {
    fn answered(&self, answer: &Answered<'_>) {
        if let Some(error) = answer.error {
            let text = with_causes(error);
            note(&format!("{} {}: {text}", answer.method, answer.path));
        }
    }

    fn not_refreshed(&self, tag: &NotRefreshed<'_>) {
        let text = with_causes(tag.error);
        note(&format!(
            "warning: {}:{} is served as it was kept: {text}",
            tag.repository, tag.tag
        ));
    }

    fn not_fetched(&self, blob: &NotFetched<'_>) {
        let text = with_causes(blob.error);
        note(&format!(
            "warning: {}@{} did not come whole, its answers were broken off: {text}",
            blob.repository, blob.digest
        ));
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
        let _ = lines.send(Entry::Line(line.to_string()));
    }
}
