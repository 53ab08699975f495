//! Command templates: words with placeholders, split as a shell does, without a shell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

/// A command with placeholders such as `{ref}` and `{out}`.
///
/// Words are split at spaces; quotes and backslashes work as in a shell, but nothing else does: no
/// variables, no pipes, no globs. `{{` and `}}` are braces.
///
/// ```
/// use modelpack_conformance::Template;
///
/// let template: Template = "modctl pull {ref} --extract-dir '{out}'".parse()?;
/// assert!(template.placeholders().contains("out"));
/// # Ok::<(), modelpack_conformance::TemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    words: Vec<Vec<Part>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

/// Placeholders that there are.
pub(super) const PLACEHOLDERS: [&str; 6] = ["ref", "repo", "dir", "modelfile", "file", "out"];

/// Why a text is no command template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no word in it.
    #[error("the command is empty")]
    Empty,
    /// A quote is not closed, or a backslash ends the text.
    #[error("the command `{template}` ends inside of a quote")]
    Unclosed {
        /// The text.
        template: String,
    },
    /// A brace without its counterpart, or a name that is no placeholder.
    #[error(
        "the command `{template}` has `{{{found}}}`, which is no placeholder; there are {{ref}}, {{repo}}, {{dir}}, {{modelfile}}, {{file}} and {{out}}, and `{{{{` is a brace"
    )]
    NoPlaceholder {
        /// The text.
        template: String,
        /// What stands between the braces.
        found: String,
    },
}

impl Template {
    /// The placeholders in it.
    #[must_use]
    pub fn placeholders(&self) -> std::collections::BTreeSet<&str> {
        let parts = self.words.iter().flatten();
        parts
            .filter_map(|part| match part {
                Part::Placeholder(name) => Some(name.as_str()),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// The words with values in the places.
    pub(super) fn fill(&self, values: &BTreeMap<&str, OsString>) -> Vec<OsString> {
        let fill = |parts: &Vec<Part>| {
            let mut word = OsString::new();
            for part in parts {
                match part {
                    Part::Text(text) => word.push(text),
                    Part::Placeholder(name) => {
                        word.push(values.get(name.as_str()).cloned().unwrap_or_default());
                    }
                }
            }
            word
        };
        self.words.iter().map(fill).collect()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let words = split(text)?
            .iter()
            .map(|word| parts(word, text))
            .collect::<Result<Vec<_>, _>>()?;
        if words.is_empty() {
            return Err(TemplateError::Empty);
        }
        Ok(Self {
            text: text.to_owned(),
            words,
        })
    }
}

fn split(text: &str) -> Result<Vec<String>, TemplateError> {
    let unclosed = || TemplateError::Unclosed {
        template: text.to_owned(),
    };
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some('"'), '\\') => {
                let next = characters.next().ok_or_else(unclosed)?;
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => {
                let next = characters.next().ok_or_else(unclosed)?;
                word.get_or_insert_default().push(next);
            }
            (None, space) if space.is_ascii_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err(unclosed());
    }
    words.extend(word);
    Ok(words)
}

fn parts(word: &str, template: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let doubled = from.starts_with("{{") || from.starts_with("}}");
        if doubled {
            text.push_str(&from[..1]);
            rest = &from[2..];
            continue;
        }
        let no_placeholder = |found: &str| TemplateError::NoPlaceholder {
            template: template.to_owned(),
            found: found.to_owned(),
        };
        let inner = from
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let (name, after) = inner.ok_or_else(|| no_placeholder(&from[1..]))?;
        if !PLACEHOLDERS.contains(&name) {
            return Err(no_placeholder(name));
        }
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Placeholder(name.to_owned()));
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;
