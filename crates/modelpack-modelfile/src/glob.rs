//! Patterns with alternatives, for lists of paths that are no Modelfile.

use std::fmt;

use crate::{Error, Pattern};

/// Most patterns of one glob, counting what braces stand for: every one of them is tried on every
/// file, and a few nested braces stand for millions.
const MAX_ALTERNATIVES: usize = 1024;

/// A pattern for paths: `*` and `?` within a name, `[a-z]`, `**` for any number of directories, and
/// `{a,b}` for alternatives. A backslash makes the next character ordinary.
///
/// ```
/// use modelpack_modelfile::Glob;
///
/// let glob = Glob::parse("**/*.{json,txt}")?;
/// assert!(glob.matches("config.json") && glob.matches("docs/a/b.txt"));
/// assert!(!glob.matches("model.bin"));
/// # Ok::<(), modelpack_modelfile::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    patterns: Vec<Pattern>,
}

impl Glob {
    /// Parses a pattern. A `/` at its end means nothing.
    ///
    /// # Errors
    /// [`Error::InvalidPattern`]; [`Error::Outside`] when it is absolute or has `..`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidPattern {
            pattern: text.to_owned(),
            reason,
        };
        let mut patterns = Vec::new();
        let mut pending = vec![text.to_owned()];
        while let Some(next) = pending.pop() {
            match alternatives(&next).map_err(invalid)? {
                Some(expanded) => pending.extend(expanded),
                None => patterns.push(Pattern::parse_filter(&next)?),
            }
            if pending.len() + patterns.len() > MAX_ALTERNATIVES {
                return Err(invalid("its braces stand for too many patterns"));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            patterns,
        })
    }

    /// Parses patterns with commas in between, other than those in braces, in brackets or behind a
    /// backslash.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let (mut depth, mut is_in_class, mut start) = (0_usize, false, 0);
        let mut globs = Vec::new();
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => {
                    characters.next();
                }
                ']' => is_in_class = false,
                _ if is_in_class => {}
                '[' => is_in_class = true,
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    globs.push(Self::parse(&text[start..at])?);
                    start = at + 1;
                }
                _ => {}
            }
        }
        globs.push(Self::parse(&text[start..])?);
        Ok(globs)
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches a path with `/` between components.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(path))
    }

    pub(crate) fn into_patterns(self) -> Vec<Pattern> {
        self.patterns
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Expands the first `{a,b}`, whose choices may hold further ones; nothing when there is none. Braces
/// behind a backslash and within `[…]` are ordinary characters.
fn alternatives(text: &str) -> Result<Option<Vec<String>>, &'static str> {
    let (mut depth, mut is_in_class) = (0_usize, false);
    // Where the choices begin: behind the brace and behind each comma.
    let mut starts = Vec::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            ']' => is_in_class = false,
            _ if is_in_class => {}
            '[' => is_in_class = true,
            '{' => {
                if depth == 0 {
                    starts.push(at + 1);
                }
                depth += 1;
            }
            ',' if depth == 1 => starts.push(at + 1),
            '}' if depth == 0 => return Err("a `}` closes nothing; write `\\}` for the character"),
            '}' if depth == 1 => {
                let (before, after) = (&text[..starts[0] - 1], &text[at + 1..]);
                let ends = starts[1..].iter().map(|start| start - 1).chain([at]);
                let choices = starts
                    .iter()
                    .zip(ends)
                    .map(|(start, end)| format!("{before}{}{after}", &text[*start..end]));
                return Ok(Some(choices.collect()));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a `{` is never closed; write `\\{` for the character");
    }
    Ok(None)
}
