//! The file `hosts.toml`.

use crate::error::clean_text;
use crate::hosts::Hosts;

/// Largest file that is parsed, in bytes; settings for a thousand hosts fit into a fraction of it.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// A `hosts.toml` that cannot be used, with the place of the mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
#[non_exhaustive]
pub struct InvalidHostsFile {
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// What is wrong there, in one line. It quotes keys, never values.
    pub message: String,
}

impl Hosts {
    /// Reads the text of a `hosts.toml`. Keys that are not known are errors: a misspelt setting would
    /// otherwise be one that silently does nothing.
    ///
    /// ```
    /// use modelpack_registry::hosts::Hosts;
    ///
    /// let hosts = Hosts::from_toml("[host.\"r.example\"]\nconnections = 4\n")?;
    /// assert_eq!(hosts.of(&"r.example".parse()?).connections.map(u16::from), Some(4));
    ///
    /// let error = Hosts::from_toml("[host.\"r.example\"]\nconections = 4\n").unwrap_err();
    /// assert_eq!((error.line, error.column), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidHostsFile`], with line and column.
    pub fn from_toml(text: &str) -> Result<Self, InvalidHostsFile> {
        if text.len() > MAX_FILE_BYTES {
            return Err(InvalidHostsFile {
                line: 1,
                column: 1,
                message: format!("the file is over the limit of {MAX_FILE_BYTES} bytes"),
            });
        }
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            InvalidHostsFile {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                message: clean_text(error.message()),
            }
        })
    }
}
