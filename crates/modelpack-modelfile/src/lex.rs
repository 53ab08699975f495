//! Splitting a line into its command word and arguments.

use std::borrow::Cow;
use std::ops::Range;

/// A piece of a line. Spans count from the beginning of the text that was lexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) span: Range<usize>,
    pub(crate) value: String,
}

/// Splits arguments. A backslash makes the next character ordinary inside and outside of quotes, a
/// quote may begin in the middle of a word, and spaces and tabs separate outside of quotes. On an
/// unclosed quote, gives the span from it to the end.
pub(crate) fn words(text: &str) -> Result<Vec<Word>, Range<usize>> {
    let mut found = Vec::new();
    let mut current: Option<Word> = None;
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ' ' | '\t' if quote.is_none() => {
                found.extend(current.take());
                continue;
            }
            _ => {}
        }
        let word = current.get_or_insert_with(|| Word {
            span: at..at,
            value: String::new(),
        });
        match character {
            '"' if quote.is_some() => quote = None,
            '"' => quote = Some(at),
            '\\' => match characters.next() {
                Some((_, next)) => word.value.push(next),
                // A backslash at the very end has nothing to act on; alone it is not even a word.
                None if word.span.is_empty() => current = None,
                None => {}
            },
            other => word.value.push(other),
        }
        if let Some(word) = &mut current {
            word.span.end = characters.offset();
        }
    }
    if let Some(start) = quote {
        return Err(start..text.len());
    }
    found.extend(current);
    Ok(found)
}

/// Writes a value so that [`words`] reads it back as one word.
pub(crate) fn quote(value: &str) -> Cow<'_, str> {
    let is_plain = !value.is_empty()
        && !value
            .chars()
            .any(|character| character.is_whitespace() || matches!(character, '"' | '\\'));
    if is_plain {
        return value.into();
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted.into()
}
