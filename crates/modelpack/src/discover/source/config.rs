//! The few settings of a git repository that matter here.

/// What the configuration of a repository says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// The first address of the remote `origin`.
    pub(super) origin: Option<String>,
    /// Whether it has settings that make git run a program, or that lead to files which can have them.
    pub(super) names_programs: bool,
}

impl Settings {
    /// Reads a configuration file (git-config, syntax). What is malformed is skipped.
    pub(super) fn read(&mut self, text: &str) {
        let mut section = (String::new(), String::new());
        // A line that ends in a backslash goes on in the next.
        let joined = text.replace("\\\r\n", "").replace("\\\n", "");
        for line in joined.lines() {
            let mut line = line.trim();
            if line.starts_with('[') {
                let Some((header, rest)) = header(line) else {
                    continue;
                };
                (section, line) = (header, rest.trim());
                self.names_programs |=
                    matches!(section.0.as_str(), "filter" | "include" | "includeif");
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let key = key.trim().to_ascii_lowercase();
            let (name, subsection) = (section.0.as_str(), section.1.as_str());
            match (name, subsection, key.as_str()) {
                ("remote", "origin", "url") if self.origin.is_none() => {
                    self.origin = Some(unquoted(value)).filter(|url| !url.is_empty());
                }
                ("core", "", "fsmonitor") => self.names_programs = true,
                _ => {}
            }
        }
    }
}

/// `[name]`, `[name "subsection"]` or, of old, `[name.subsection]`, with what follows it.
fn header(line: &str) -> Option<((String, String), &str)> {
    let inner = line.strip_prefix('[')?;
    let end = inner.find([']', '"', ' ', '\t'])?;
    let (name, rest) = inner.split_at(end);
    let name = name.to_ascii_lowercase();
    let rest = rest.trim_start();
    if let Some(rest) = rest.strip_prefix(']') {
        let (name, subsection) = name.split_once('.').unwrap_or((&name, ""));
        return Some(((name.to_owned(), subsection.to_owned()), rest));
    }
    let mut characters = rest.strip_prefix('"')?.chars();
    let mut subsection = String::new();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => subsection.push(characters.next()?),
            other => subsection.push(other),
        }
    }
    let rest = characters.as_str().trim_start().strip_prefix(']')?;
    Some(((name, subsection), rest))
}

/// A value without its quotes, escapes and comment.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut is_quoted = false;
    let mut characters = text.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => is_quoted = !is_quoted,
            '#' | ';' if !is_quoted => break,
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('b') => value.push('\u{8}'),
                Some(other) => value.push(other),
                None => {}
            },
            other => value.push(other),
        }
    }
    value.trim_end().to_owned()
}
