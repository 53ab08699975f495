//! What a person types, or a program pipes in.

use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::UsageError;

/// Longest password that is read, in bytes; tokens of clouds have some KiB.
const MAX_BYTES: u64 = 64 * 1024;

/// Asks on the terminal.
pub(crate) async fn line(prompt: &str) -> anyhow::Result<String> {
    let _ = write!(io::stderr(), "{prompt}");
    typed_line().await
}

/// Asks on the terminal, which does not show what is typed.
pub(crate) async fn hidden_line(prompt: &str) -> anyhow::Result<String> {
    // However this ends, the terminal is then as it was. Who sees the prompt can type.
    let _echo = NoEcho::new()?;
    let _ = write!(io::stderr(), "{prompt}");
    let typed = typed_line().await;
    let _ = writeln!(io::stderr());
    typed
}

/// Reads a line from a pipe.
pub(crate) fn piped_line() -> anyhow::Result<String> {
    let mut text = Vec::new();
    io::stdin().take(MAX_BYTES + 1).read_to_end(&mut text)?;
    let mistake = |what: &str| UsageError(format!("{what}, so there is no password"));
    if text.len() as u64 > MAX_BYTES {
        return Err(mistake("stdin has more than 65536 bytes").into());
    }
    let text = String::from_utf8(text).map_err(|_| mistake("stdin is no text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(mistake("stdin is empty").into());
    }
    if text.contains(['\n', '\r', '\0']) {
        return Err(mistake("stdin has more than one line").into());
    }
    Ok(text.to_owned())
}

/// A thread of its own reads, since nobody can stop it once it waits for a key.
async fn typed_line() -> anyhow::Result<String> {
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = io::stdin().read_line(&mut text).map(|_| text);
        // Who has asked may be gone.
        let _ = send.send(read);
    });
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Err(modelpack::Error::Cancelled.into()),
        read = receive => {
            let text = read.map_err(io::Error::other)??;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        }
    }
}

struct NoEcho(Termios);

impl NoEcho {
    fn new() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
