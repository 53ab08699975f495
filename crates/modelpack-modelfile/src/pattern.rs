//! Paths and patterns that name files below the work directory.

use std::fmt;
use std::str::Chars;

use crate::Error;

/// A path, or a pattern that names several.
///
/// A text without any of `* ? [ ]` is a path. In a pattern `*` and `?` never stand for `/`, `[a-z]` is
/// a class and `[^a-z]` its opposite, a backslash makes the next character ordinary, and a component
/// `**` stands for any number of directories. Leading dots mean nothing: `*` matches `.env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    components: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Component {
    /// `**`
    AnyDirectories,
    Name(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Character(char),
    AnyCharacter,
    AnyText,
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Whose rules a text is read by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Those of Go's `filepath.Match`, which `modctl` applies to the lines of a Modelfile. A text
    /// without wildcards is a path, in which a backslash is a character like any other.
    Modelfile,
    /// Those of `doublestar`, which `modctl` applies to `--include` and `--exclude`. A backslash
    /// always escapes, and `[!a]` is `[^a]`.
    Filter,
}

impl Pattern {
    /// Parses a path or pattern.
    ///
    /// # Errors
    /// [`Error::Outside`] when it is absolute or has `..`, [`Error::Unwritable`] when it has a line
    /// break, [`Error::InvalidPattern`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_as(text, Dialect::Modelfile)
    }

    pub(crate) fn parse_filter(text: &str) -> Result<Self, Error> {
        Self::parse_as(text, Dialect::Filter)
    }

    fn parse_as(text: &str, dialect: Dialect) -> Result<Self, Error> {
        let outside = |reason| Error::Outside {
            pattern: text.to_owned(),
            reason,
        };
        let invalid = |reason| Error::InvalidPattern {
            pattern: text.to_owned(),
            reason,
        };
        if text.contains('\n') {
            return Err(Error::Unwritable {
                name: text.to_owned(),
            });
        }
        if text.starts_with('/') {
            return Err(outside(
                "it is absolute; write it relative to the work directory",
            ));
        }
        let is_literal = dialect == Dialect::Modelfile && !text.contains(['*', '?', '[', ']']);
        let mut components = Vec::new();
        for name in text.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == "**" {
                components.push(Component::AnyDirectories);
                continue;
            }
            let tokens = if is_literal {
                name.chars().map(Token::Character).collect()
            } else {
                tokens(name, dialect).map_err(invalid)?
            };
            // Looked for behind the escapes: `\.\.` is the same as `..`.
            if tokens == [Token::Character('.'), Token::Character('.')] {
                return Err(outside("it has `..`"));
            }
            components.push(Component::Name(tokens));
        }
        if components.is_empty() {
            return Err(invalid("it names no file"));
        }
        Ok(Self {
            text: text.to_owned(),
            components,
        })
    }

    /// The text of a pattern that matches exactly this path, whatever characters it has.
    #[must_use]
    pub fn escape(path: &str) -> String {
        if !path.contains(['*', '?', '[', ']']) {
            return path.to_owned();
        }
        let mut escaped = String::with_capacity(path.len() + 4);
        for character in path.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        escaped
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it can match more than one path.
    #[must_use]
    pub fn has_wildcards(&self) -> bool {
        !self
            .components
            .iter()
            .all(|component| component.literal().is_some())
    }

    /// The one path that it matches, when it has no wildcards.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let names: Option<Vec<String>> = self.components.iter().map(Component::literal).collect();
        names.map(|names| names.join("/"))
    }

    /// Whether it matches a path with `/` between components.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        // Whatever stands after the last `**` is tried at every depth, which is enough: giving an
        // earlier `**` more would leave less for the rest.
        let (mut pattern, mut name) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while name < names.len() {
            match self.components.get(pattern) {
                Some(Component::AnyDirectories) => {
                    retry = Some((pattern, name));
                    pattern += 1;
                }
                Some(Component::Name(tokens)) if matches_name(tokens, names[name]) => {
                    pattern += 1;
                    name += 1;
                }
                _ => match &mut retry {
                    Some((after, from)) => {
                        *from += 1;
                        pattern = *after + 1;
                        name = *from;
                    }
                    None => return false,
                },
            }
        }
        self.components[pattern..]
            .iter()
            .all(|component| *component == Component::AnyDirectories)
    }

    /// Whether it begins with the names of this directory, without wildcards.
    pub(crate) fn leads_through(&self, directory: &str) -> bool {
        let mut components = self.components.iter();
        directory.split('/').all(|name| {
            components
                .next()
                .and_then(Component::literal)
                .is_some_and(|literal| literal == name)
        })
    }
}

impl Component {
    /// The one name that it matches, when it is one.
    fn literal(&self) -> Option<String> {
        let Self::Name(tokens) = self else {
            return None;
        };
        tokens
            .iter()
            .map(|token| match token {
                Token::Character(character) => Some(*character),
                _ => None,
            })
            .collect()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn tokens(name: &str, dialect: Dialect) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => {
                if tokens.last() == Some(&Token::AnyText) {
                    continue;
                }
                Token::AnyText
            }
            '?' => Token::AnyCharacter,
            '\\' => Token::Character(characters.next().ok_or("it ends in a backslash")?),
            '[' => class(&mut characters, dialect)?,
            other => Token::Character(other),
        });
    }
    Ok(tokens)
}

fn class(characters: &mut Chars<'_>, dialect: Dialect) -> Result<Token, &'static str> {
    const UNCLOSED: &str = "a `[` is never closed; write `\\[` for the character itself";
    let is_negated = characters.as_str().starts_with('^')
        || (dialect == Dialect::Filter && characters.as_str().starts_with('!'));
    if is_negated {
        characters.next();
    }
    let mut ranges = Vec::new();
    loop {
        let first = match characters.next().ok_or(UNCLOSED)? {
            ']' if !ranges.is_empty() => return Ok(Token::Class { is_negated, ranges }),
            ']' | '-' => {
                return Err("a `[` is followed by nothing that could match; escape it as `\\[`");
            }
            '\\' => characters.next().ok_or(UNCLOSED)?,
            other => other,
        };
        let mut last = first;
        if characters.as_str().starts_with('-') {
            characters.next();
            last = match characters.next().ok_or(UNCLOSED)? {
                ']' | '-' => return Err("a range in `[…]` has no end"),
                '\\' => characters.next().ok_or(UNCLOSED)?,
                other => other,
            };
        }
        ranges.push((first, last));
    }
}

/// Matches one name in time proportional to the product of the lengths, whatever the stars.
fn matches_name(tokens: &[Token], name: &str) -> bool {
    let (mut token, mut rest) = (0, name.chars());
    let mut retry: Option<(usize, Chars<'_>)> = None;
    loop {
        if let Some(Token::AnyText) = tokens.get(token) {
            token += 1;
            retry = Some((token, rest.clone()));
            continue;
        }
        let Some(character) = rest.next() else {
            return token == tokens.len();
        };
        if tokens
            .get(token)
            .is_some_and(|token| matches_character(token, character))
        {
            token += 1;
            continue;
        }
        // The last star takes one character more; giving it to an earlier one would not help.
        let Some((after, from)) = &mut retry else {
            return false;
        };
        from.next();
        (token, rest) = (*after, from.clone());
    }
}

fn matches_character(token: &Token, character: char) -> bool {
    match token {
        Token::Character(expected) => *expected == character,
        Token::AnyCharacter | Token::AnyText => true,
        Token::Class { is_negated, ranges } => {
            ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&character))
                != *is_negated
        }
    }
}
