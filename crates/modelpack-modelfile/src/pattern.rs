//! Paths and patterns that name files below the work directory.

use std::fmt;

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
    is_literal: bool,
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

impl Pattern {
    /// Parses a path or pattern.
    ///
    /// # Errors
    /// [`Error::Outside`] when it is absolute or has `..`, [`Error::InvalidPattern`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let outside = |reason| {
            Err(Error::Outside {
                pattern: text.to_owned(),
                reason,
            })
        };
        if text.starts_with('/') {
            return outside("it is absolute; write it relative to the work directory");
        }
        let is_literal = !text.contains(['*', '?', '[', ']']);
        let mut components = Vec::new();
        for name in split(text, is_literal) {
            match name {
                "" | "." => {}
                ".." => return outside("it has `..`"),
                "**" if !is_literal => components.push(Component::AnyDirectories),
                name if is_literal => components.push(Component::Name(
                    name.chars().map(Token::Character).collect(),
                )),
                name => components.push(Component::Name(tokens(name).map_err(|reason| {
                    Error::InvalidPattern {
                        pattern: text.to_owned(),
                        reason,
                    }
                })?)),
            }
        }
        if components.is_empty() {
            return Err(Error::InvalidPattern {
                pattern: text.to_owned(),
                reason: "it names no file",
            });
        }
        Ok(Self {
            text: text.to_owned(),
            components,
            is_literal,
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
        let is_name = |token: &Token| matches!(token, Token::Character(_));
        !self.is_literal
            && !self.components.iter().all(
                |component| matches!(component, Component::Name(tokens) if tokens.iter().all(is_name)),
            )
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
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits at slashes. In a pattern, an escaped slash is still a slash, as no name can have one.
fn split(text: &str, is_literal: bool) -> impl Iterator<Item = &str> {
    text.split('/').map(move |name| {
        if is_literal {
            name
        } else {
            name.strip_suffix('\\').unwrap_or(name)
        }
    })
}

fn tokens(name: &str) -> Result<Vec<Token>, &'static str> {
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
            '[' => class(&mut characters)?,
            other => Token::Character(other),
        });
    }
    Ok(tokens)
}

fn class(characters: &mut std::str::Chars<'_>) -> Result<Token, &'static str> {
    const UNCLOSED: &str = "a `[` is never closed; write `\\[` for the character itself";
    let is_negated = characters.as_str().starts_with('^');
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
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() {
        let matched = match tokens.get(token) {
            Some(Token::AnyText) => {
                retry = Some((token, at));
                token += 1;
                continue;
            }
            Some(Token::AnyCharacter) => true,
            Some(Token::Character(character)) => *character == name[at],
            Some(Token::Class { is_negated, ranges }) => {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&name[at]))
                    != *is_negated
            }
            None => false,
        };
        if matched {
            token += 1;
            at += 1;
        } else if let Some((star, from)) = &mut retry {
            *from += 1;
            token = *star + 1;
            at = *from;
        } else {
            return false;
        }
    }
    tokens[token..].iter().all(|token| *token == Token::AnyText)
}
