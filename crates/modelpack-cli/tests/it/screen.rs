//! A terminal of its own for a command, and what was to be seen on it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Wide enough for a bar with all of its columns.
const COLUMNS: u16 = 120;
const ROWS: u16 = 24;

/// What a command showed on a terminal.
pub(crate) struct Shown {
    pub(crate) code: i32,
    /// The screen after each change, the last one is what stays. Lines have no spaces at their end.
    pub(crate) screens: Vec<String>,
    /// Everything that the terminal was told.
    pub(crate) raw: Vec<u8>,
}

/// A terminal: our side and that of a command.
pub(crate) fn open() -> (File, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).expect("a terminal");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.to_bytes()))
        .expect("its other side");
    let size = Winsize {
        ws_row: ROWS,
        ws_col: COLUMNS,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).expect("a size");
    (ours.into(), theirs)
}

/// Runs a command on a terminal until it ends.
pub(crate) fn run(mut command: Command) -> Shown {
    let (mut ours, theirs) = open();
    let both = theirs.try_clone().expect("one more handle");
    let mut child = command
        .env("TERM", "xterm")
        .stdout(both)
        .stderr(theirs)
        .spawn()
        .expect("it starts");
    // With it go our handles to the command's side, so that reading ends with the command.
    drop(command);
    let mut screen = Screen::default();
    let (mut screens, mut raw) = (Vec::new(), Vec::new());
    let mut buffer = [0; 64 * 1024];
    // The end of the other side is an error on Linux.
    while let Ok(count @ 1..) = ours.read(&mut buffer) {
        screen.take(&buffer[..count]);
        raw.extend_from_slice(&buffer[..count]);
        let now = screen.text();
        if screens.last() != Some(&now) {
            screens.push(now);
        }
    }
    let status = child.wait().expect("it ends");
    Shown {
        code: status.code().expect("it exits"),
        screens,
        raw,
    }
}

/// The lines of a terminal that never scrolls, and as much of its language as progress bars speak.
#[derive(Default)]
struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Bytes of a character or sequence whose rest has not come.
    rest: Vec<u8>,
}

impl Screen {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.rest);
        let whole = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut text = std::str::from_utf8(&bytes[..whole]).expect("that far it is text");
        while let Some(next) = text.chars().next() {
            if let Some(sequence) = text.strip_prefix("\x1b[") {
                let Some(end) = sequence.find(|c: char| c.is_ascii_alphabetic()) else {
                    break;
                };
                self.obey(&sequence[..end], sequence.as_bytes()[end]);
                text = &sequence[end + 1..];
                continue;
            }
            if text == "\x1b" {
                break;
            }
            match next {
                '\r' => self.column = 0,
                '\n' => self.row += 1,
                _ => self.put(next),
            }
            text = &text[next.len_utf8()..];
        }
        self.rest = [text.as_bytes(), &bytes[whole..]].concat();
    }

    fn obey(&mut self, parameter: &str, command: u8) {
        let count = parameter.parse().unwrap_or(1);
        match command {
            b'A' => self.row = self.row.saturating_sub(count),
            b'B' => self.row += count,
            b'C' => self.column += count,
            b'D' => self.column = self.column.saturating_sub(count),
            b'K' if parameter == "2" => self.line().clear(),
            b'K' => {
                let column = self.column;
                self.line().truncate(column);
            }
            b'J' => {
                let column = self.column;
                self.line().truncate(column);
                self.lines.truncate(self.row + 1);
            }
            // Colours, and whether the cursor is to be seen.
            b'm' | b'h' | b'l' => {}
            other => panic!("a terminal is told `{}`", char::from(other)),
        }
    }

    fn put(&mut self, character: char) {
        if self.column >= usize::from(COLUMNS) {
            self.row += 1;
            self.column = 0;
        }
        let column = self.column;
        let line = self.line();
        if line.len() <= column {
            line.resize(column + 1, ' ');
        }
        line[column] = character;
        self.column += 1;
    }

    fn line(&mut self) -> &mut Vec<char> {
        if self.lines.len() <= self.row {
            self.lines.resize(self.row + 1, Vec::new());
        }
        &mut self.lines[self.row]
    }

    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| {
            let line: String = line.iter().collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}
