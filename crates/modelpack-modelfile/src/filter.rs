//! Which files of a directory a generated Modelfile names.

use crate::classify::is_skipped;
use crate::{Error, Pattern};

/// Most alternatives that the braces of one pattern may stand for.
const MAX_ALTERNATIVES: usize = 256;

/// Decides while a directory is walked. Exclude goes before include, include before the names that
/// are left out by default: hidden files, Modelfiles and what Python leaves behind.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    include_texts: Vec<String>,
    exclude: Vec<Pattern>,
}

impl Filter {
    /// A filter of patterns relative to the directory, with `{a,b}` for alternatives.
    ///
    /// # Errors
    /// [`Error::InvalidPattern`], [`Error::Outside`].
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, Error> {
        Ok(Self {
            include: parse(include)?,
            include_texts: include.to_vec(),
            exclude: parse(exclude)?,
        })
    }

    /// Whether to look into a directory. Never asked for the root, whose own name does not matter.
    #[must_use]
    pub fn enter(&self, path: &str) -> bool {
        let is_wanted = || {
            matches_any(&self.include, path)
                || self.include_texts.iter().any(|text| {
                    text.strip_prefix(path)
                        .is_some_and(|rest| rest.starts_with('/'))
                })
        };
        !matches_any(&self.exclude, path) && (!is_skipped(path) || is_wanted())
    }

    /// Whether to name a file.
    #[must_use]
    pub fn keep(&self, path: &str) -> bool {
        !matches_any(&self.exclude, path) && (!is_skipped(path) || matches_any(&self.include, path))
    }
}

fn matches_any(patterns: &[Pattern], path: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
}

fn parse(texts: &[String]) -> Result<Vec<Pattern>, Error> {
    let mut patterns = Vec::new();
    for text in texts {
        let mut pending = vec![text.trim_end_matches('/').to_owned()];
        let mut alternatives = 0;
        while let Some(text) = pending.pop() {
            alternatives += 1;
            if alternatives > MAX_ALTERNATIVES {
                return Err(Error::InvalidPattern {
                    pattern: text,
                    reason: "its braces stand for more than 256 patterns",
                });
            }
            match expand_first(&text) {
                Some(expanded) => pending.extend(expanded),
                None => patterns.push(Pattern::parse(&text)?),
            }
        }
    }
    Ok(patterns)
}

/// Expands the first innermost `{a,b}`; nothing when there is none.
fn expand_first(text: &str) -> Option<Vec<String>> {
    let close = text.find('}')?;
    let open = text[..close].rfind('{')?;
    let (before, after) = (&text[..open], &text[close + 1..]);
    Some(
        text[open + 1..close]
            .split(',')
            .map(|choice| format!("{before}{choice}{after}"))
            .collect(),
    )
}
