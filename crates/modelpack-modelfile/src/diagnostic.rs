//! What is wrong with a Modelfile, and where.

use std::fmt::{self, Write as _};
use std::ops::Range;

use crate::syntax::without_mark;

/// Longest part of a line that is shown; a line can be longer than any terminal.
const MAX_SHOWN: usize = 160;

/// A word of outside text within a message: short, and without characters that a terminal obeys.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

/// Longest word in a message, in characters.
const MAX_WORD: usize = 80;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MAX_WORD) {
            if is_invisible(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        if characters.next().is_some() {
            f.write_char('…')?;
        }
        Ok(())
    }
}

/// Whether a character takes no place, or makes a terminal show others in another order.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A mistake in a Modelfile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// What was found, and what was expected.
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The message with its line, a caret under what is wrong, and the hint. `text` is the Modelfile;
    /// of another text only the message is shown.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        if text.get(self.span.clone()).is_none() {
            return format!("error: {self}");
        }
        let start = text[..self.span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[self.span.start..]
            .find('\n')
            .map_or(text.len(), |at| self.span.start + at);
        let line = without_mark(text[start..end].trim_end(), start);
        let skipped = self.column.saturating_sub(MAX_SHOWN / 2);
        // A tab or an invisible character would move the caret away from what it points to.
        let shown: String = line
            .chars()
            .skip(skipped)
            .take(MAX_SHOWN)
            .map(|c| if is_invisible(c) { ' ' } else { c })
            .collect();
        let width = text[self.span.start..self.span.end.min(end)]
            .chars()
            .count();
        let before = self.column - 1 - skipped;
        let carets = "^".repeat(width.min(MAX_SHOWN - before.min(MAX_SHOWN)).max(1));
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let mut rendered = format!(
            "error: {self}\n{margin} |\n{number} | {shown}\n{margin} | {}{carets}",
            " ".repeat(before)
        );
        if let Some(hint) = &self.hint {
            rendered.push_str(&format!("\n{margin} = hint: {hint}"));
        }
        rendered
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )
    }
}
