//! Rust source as the rules see it: code without comments and literals.

/// A Rust file of the repository.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SourceFile {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The same, with spaces for every character of a comment or a literal; lines stay where they are.
    pub code: String,
}

impl SourceFile {
    /// A file with this text.
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: mask(text),
        }
    }

    /// The lines, counted from 1, on which `word` stands in the code, not as a part of a longer name.
    pub fn lines_with<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code
            .lines()
            .zip(1..)
            .filter(move |(line, _)| has_word(line, word))
            .map(|(_, number)| number)
    }

    /// Names of the modules that this file declares for tests only: `#[cfg(test)] mod NAME;`. An inline module,
    /// with its body here, comes with the line of its attribute.
    pub(crate) fn test_modules(&self) -> Vec<TestModule<'_>> {
        const ATTRIBUTE: &str = "#[cfg(test)]";
        self.code
            .match_indices(ATTRIBUTE)
            .filter_map(|(start, _)| {
                let line = 1 + self.code[..start].matches('\n').count();
                let item = skip_attributes(&self.code[start + ATTRIBUTE.len()..]);
                let item = item
                    .strip_prefix("pub(crate) ")
                    .unwrap_or(item)
                    .strip_prefix("mod ")?;
                let end = item.find([';', '{'])?;
                Some(TestModule {
                    name: item[..end].trim(),
                    line,
                    inline: item[end..].starts_with('{'),
                })
            })
            .collect()
    }
}

pub(crate) struct TestModule<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) inline: bool,
}

/// Whether `word` stands in `line` with no letter, digit or underscore before or after it that would make it
/// a part of another name.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let open_start = word.starts_with(is_name);
    let open_end = word.ends_with(is_name);
    line.match_indices(word).any(|(at, _)| {
        let joined_before = open_start && line[..at].ends_with(is_name);
        let joined_after = open_end && line[at + word.len()..].starts_with(is_name);
        !joined_before && !joined_after
    })
}

fn skip_attributes(mut code: &str) -> &str {
    loop {
        code = code.trim_start();
        if !code.starts_with("#[") {
            return code;
        }
        match code.find(']') {
            Some(end) => code = &code[end + 1..],
            None => return code,
        }
    }
}

/// Replaces every character of comments, strings and character literals by a space, but for line ends.
fn mask(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_name = false;
    while let Some(c) = rest.chars().next() {
        // The `r` of a raw string begins a word; in `for"…"` it ends one.
        let raw = if in_name { None } else { raw_string(rest) };
        if let Some(len) = raw.or_else(|| comment(rest)).or_else(|| quoted(rest)) {
            code.extend(rest[..len].chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = &rest[len..];
            in_name = false;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            in_name = c.is_alphanumeric() || c == '_';
        }
    }
    code
}

/// The length of the comment at the start of `rest`, if there is one.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| block_comment(rest))
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#`, `cr##"…"##`. A raw name such as `r#type` is none.
fn raw_string(rest: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| {
        let after = rest.strip_prefix(prefix)?;
        after.starts_with(['"', '#']).then_some(after)
    })?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let before_body = rest.len() - body.len();
    Some(
        body.find(&end)
            .map_or(rest.len(), |at| before_body + at + end.len()),
    )
}

/// `"…"` with escapes, or `'x'`. A lifetime is neither.
fn quoted(rest: &str) -> Option<usize> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    if quote == '\'' && !rest.starts_with("'\\") {
        let mut chars = rest.char_indices().skip(2);
        return chars
            .next()
            .filter(|(_, c)| *c == '\'')
            .map(|(at, _)| at + 1);
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

#[cfg(test)]
mod tests;
