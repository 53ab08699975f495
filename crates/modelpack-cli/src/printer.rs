//! Results to stdout, everything else to stderr.
#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::exit::Exit;
use crate::modctl::Persona;

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) persona: Persona,
}

impl Printer {
    /// Prints a result: the report as JSON, or the text that `text` makes of it.
    pub(crate) fn result<T: Serialize>(
        &self,
        report: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            let json = serde_json::to_string_pretty(report)?;
            return write_out(&format!("{json}\n"));
        }
        let text = text(report);
        if text.is_empty() {
            Ok(())
        } else {
            write_out(&format!("{}\n", text.trim_end_matches('\n')))
        }
    }

    /// Prints a sentence that is not the result itself; nothing in quiet or JSON mode.
    pub(crate) fn done(&self, sentence: &str) -> anyhow::Result<()> {
        if self.json || self.quiet {
            Ok(())
        } else {
            write_out(&format!("{sentence}\n"))
        }
    }

    /// Prints what a command did: the report as JSON, one word when nothing but results is wanted, or a
    /// sentence.
    pub(crate) fn report<T: Serialize>(
        &self,
        report: &T,
        word: impl Display,
        sentence: &str,
    ) -> anyhow::Result<()> {
        let is_quiet = self.quiet;
        self.result(report, |_| match is_quiet {
            true => word.to_string(),
            false => sentence.to_owned(),
        })
    }

    /// Prints text exactly as it is.
    pub(crate) fn raw(&self, text: &str) -> anyhow::Result<()> {
        write_out(text)
    }

    /// Prints bytes exactly as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        write_bytes(bytes)
    }
}

fn write_out(text: &str) -> anyhow::Result<()> {
    write_bytes(text.as_bytes())
}

/// A reader that goes away, such as `head`, is no error.
fn write_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Prints a note to stderr. When nobody reads it any more, that is no reason to end.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints what went well but looks odd.
pub(crate) fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// Prints an error with its causes and, when there is one, what to do next.
pub(crate) fn print_error(error: &anyhow::Error, persona: Persona) {
    let mut text = format!("{}: {error}", persona.error_word());
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    if let Some(hint) = hint(error) {
        text.push_str(&format!("\nhint: {hint}"));
    }
    eprintln!("{text}");
}

/// The same as an object of JSON, with the exit code.
pub(crate) fn print_json_error(error: &anyhow::Error, code: Exit) {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    let report = serde_json::json!({
        "error": error.to_string(),
        "because": causes,
        "hint": hint(error),
        "exitCode": code.number(),
    });
    eprintln!("{report:#}");
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error
        .downcast_ref::<modelpack::Error>()
        .and_then(modelpack::Error::hint)
}

/// Lays rows out in columns, four spaces apart.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}    "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
