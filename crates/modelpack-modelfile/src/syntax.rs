//! The lossless tree of a Modelfile.

use std::fmt;
use std::ops::Range;

use modelpack_spec::Kind;

use crate::diagnostic::Shown;
use crate::lex::{Word, quote, words};
use crate::{Diagnostic, Field};

/// Most diagnostics of one text. More help nobody, and a binary file would give millions.
pub(crate) const MAX_DIAGNOSTICS: usize = 100;

/// A parsed Modelfile. It displays as the text that it was parsed from, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Modelfile {
    text: String,
    /// The lines, which together cover the whole text.
    pub lines: Vec<Line>,
    /// What is wrong, in the order of the text; the first hundred mistakes.
    pub diagnostics: Vec<Diagnostic>,
}

/// A line with its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it is.
    pub kind: LineKind,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineKind {
    /// Nothing but white space.
    Blank,
    /// Begins with `#`. There are no comments behind a command.
    Comment,
    /// `# syntax=modelpack/1` before any command: the extended syntax. To other tools it is a comment.
    Syntax,
    /// A command with its argument.
    Command(Command),
    /// None of these; a diagnostic says why.
    Invalid,
}

/// A command with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// What it sets.
    pub keyword: Keyword,
    /// The bytes of the command word.
    pub keyword_span: Range<usize>,
    /// The argument without quotes and escapes.
    pub value: String,
    /// The bytes of the argument.
    pub value_span: Range<usize>,
}

/// A command word. Upper and lower case do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Keyword {
    /// `CONFIG`, `MODEL`, `CODE`, `DATASET` or `DOC`: files of this kind. May stand many times.
    Files(Kind),
    /// A property of the model. May stand once, but for [lists](Field::is_repeatable).
    Field(Field),
}

/// The commands that name files.
const FILES: [(&str, Kind); 5] = [
    ("CONFIG", Kind::WeightConfig),
    ("MODEL", Kind::Weight),
    ("CODE", Kind::Code),
    ("DATASET", Kind::Dataset),
    ("DOC", Kind::Doc),
];

/// The line that asks for the extended syntax.
pub(crate) const SYNTAX: &str = "# syntax=modelpack/1";

impl Keyword {
    /// The word in upper case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Field(field) => field.as_str(),
            Self::Files(kind) => FILES
                .iter()
                .find(|(_, known)| *known == kind)
                .map_or("", |(word, _)| word),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::all().find(|keyword| keyword.as_str().eq_ignore_ascii_case(word))
    }

    fn all() -> impl Iterator<Item = Self> {
        let files = FILES.iter().map(|(_, kind)| Self::Files(*kind));
        files.chain(Field::all().map(Self::Field))
    }

    fn is_extension(self) -> bool {
        matches!(self, Self::Field(field) if field.is_extension())
    }

    /// What has to follow the word.
    fn expected(self) -> &'static str {
        match self {
            Self::Files(_) => "a path or pattern",
            Self::Field(Field::Annotation) => "key=value",
            Self::Field(_) => "a value",
        }
    }
}

impl Modelfile {
    /// Parses a text. Mistakes are in [`Self::diagnostics`]; the tree covers the whole text anyway.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parsed = Self {
            text: text.to_owned(),
            lines: Vec::new(),
            diagnostics: Vec::new(),
        };
        let mut fields: Vec<(Field, usize)> = Vec::new();
        let syntax = Syntax::of(text);
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let span = start..start + line.len();
            start = span.end;
            let number = index + 1;
            let kind = match parse_line(text, span.clone(), &syntax) {
                Ok(LineKind::Command(command)) => {
                    if let Keyword::Field(field) = command.keyword
                        && !field.is_repeatable()
                    {
                        match fields.iter().find(|(known, _)| *known == field) {
                            Some((_, first)) => parsed.diagnostics.push(diagnostic(
                                text,
                                number,
                                command.keyword_span.clone(),
                                format!(
                                    "{} stands here again, it was set in line {first}",
                                    command.keyword.as_str()
                                ),
                                Some("keep one of the two lines".to_owned()),
                            )),
                            None => fields.push((field, number)),
                        }
                    }
                    LineKind::Command(command)
                }
                Ok(kind) => kind,
                Err(mistake) => {
                    let Mistake {
                        span,
                        message,
                        hint,
                    } = mistake;
                    parsed
                        .diagnostics
                        .push(diagnostic(text, number, span, message, hint));
                    LineKind::Invalid
                }
            };
            parsed.lines.push(Line { span, kind });
            parsed.diagnostics.truncate(MAX_DIAGNOSTICS);
        }
        parsed
    }

    /// The commands with their 1-based line numbers.
    pub fn commands(&self) -> impl Iterator<Item = (usize, &Command)> {
        self.lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| match &line.kind {
                LineKind::Command(command) => Some((index + 1, command)),
                _ => None,
            })
    }

    /// Whether it asks for the extended syntax.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.kind == LineKind::Syntax)
    }

    /// The text that was parsed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Modelfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            f.write_str(&self.text[line.span.clone()])?;
        }
        Ok(())
    }
}

pub(crate) fn diagnostic(
    text: &str,
    line: usize,
    span: Range<usize>,
    message: String,
    hint: Option<String>,
) -> Diagnostic {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let before = without_mark(&text[start..span.start], start);
    Diagnostic {
        line,
        column: before.chars().count() + 1,
        span,
        message,
        hint,
    }
}

/// A line that begins at `start`, without the byte order mark that a text may begin with.
pub(crate) fn without_mark(line: &str, start: usize) -> &str {
    match line.strip_prefix('\u{feff}') {
        Some(rest) if start == 0 => rest,
        _ => line,
    }
}

struct Mistake {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

/// Which syntax a text asks for. Only the lines before the first command are asked.
struct Syntax {
    /// Where the head ends, in bytes.
    head: usize,
    is_extended: bool,
    /// The number of a line that would ask for it, if it stood before the commands.
    late: Option<usize>,
}

impl Syntax {
    fn of(text: &str) -> Self {
        let mut syntax = Self {
            head: text.len(),
            is_extended: false,
            late: None,
        };
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let plain = without_mark(line, start).trim();
            let is_head = start < syntax.head;
            if is_head && !plain.is_empty() && !plain.starts_with('#') {
                syntax.head = start;
            } else if let Some(version) = version(plain) {
                // A version that is unknown is said to be so once, not again with every command.
                syntax.is_extended |= is_head;
                if !is_head && version == "1" {
                    syntax.late = syntax.late.or(Some(index + 1));
                }
            }
            start += line.len();
        }
        syntax
    }

    fn missing(&self, keyword: Keyword, span: Range<usize>) -> Mistake {
        let hint = match self.late {
            Some(line) => format!("move `{SYNTAX}` from line {line} to the first line"),
            None => format!("make `{SYNTAX}` the first line"),
        };
        let word = keyword.as_str();
        Mistake {
            span,
            message: format!(
                "{word} belongs to the extended syntax, which no line before the commands asks for"
            ),
            hint: Some(hint),
        }
    }
}

/// The version of this project's syntax that a comment asks for. `syntax=` of other tools is a comment.
fn version(comment: &str) -> Option<&str> {
    let (key, value) = comment.strip_prefix('#')?.split_once('=')?;
    let name = value.trim().strip_prefix("modelpack")?;
    let version = match name.strip_prefix('/') {
        Some(version) => version,
        None if name.is_empty() => name,
        None => return None,
    };
    key.trim().eq_ignore_ascii_case("syntax").then_some(version)
}

fn parse_line(text: &str, span: Range<usize>, syntax: &Syntax) -> Result<LineKind, Mistake> {
    let is_head = span.start < syntax.head;
    let line = without_mark(&text[span.clone()], span.start).trim_start();
    let offset = span.end - line.len();
    let line = line.trim_end();
    if line.is_empty() {
        return Ok(LineKind::Blank);
    }
    if line.starts_with('#') {
        return match version(line).filter(|_| is_head) {
            None => Ok(LineKind::Comment),
            Some("1") => Ok(LineKind::Syntax),
            Some(other) => Err(Mistake {
                span: offset..offset + line.len(),
                message: format!("version `{}` of the syntax is unknown here", Shown(other)),
                hint: Some(format!("write `{SYNTAX}`, or use a newer program")),
            }),
        };
    }
    let end = line.find([' ', '\t']).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let keyword_span = offset..offset + end;
    let Some(keyword) = Keyword::parse(word) else {
        return Err(Mistake {
            span: keyword_span,
            message: format!("unknown command `{}`", Shown(word)),
            hint: Some(unknown(word, syntax)),
        });
    };
    if keyword.is_extension() && !syntax.is_extended {
        return Err(syntax.missing(keyword, keyword_span));
    }
    let rest_at = offset + end;
    let place = |span: Range<usize>| rest_at + span.start..rest_at + span.end;
    let found = words(rest).map_err(|span| Mistake {
        span: place(span),
        message: "this quote is never closed".to_owned(),
        hint: Some(
            "add the closing `\"`, or write `\\\"` for a quote that belongs to the name".to_owned(),
        ),
    })?;
    let expected = keyword.expected();
    match found.as_slice() {
        [] => Err(Mistake {
            span: keyword_span,
            message: format!(
                "{} is followed by nothing, expected {expected}",
                keyword.as_str()
            ),
            hint: None,
        }),
        [word] if word.value.is_empty() => Err(Mistake {
            span: place(word.span.clone()),
            message: format!(
                "the argument of {} is empty, expected {expected}",
                keyword.as_str()
            ),
            hint: None,
        }),
        [word] => Ok(LineKind::Command(Command {
            keyword,
            keyword_span,
            value: word.value.clone(),
            value_span: place(word.span.clone()),
        })),
        [_, second, ..] => Err(Mistake {
            span: place(second.span.start..rest.len()),
            message: format!("{} takes one argument, this is more", keyword.as_str()),
            hint: Some(too_many(keyword, second, &found)),
        }),
    }
}

fn too_many(keyword: Keyword, second: &Word, found: &[Word]) -> String {
    if second.value.starts_with('#') {
        return "a comment needs a line of its own".to_owned();
    }
    let values: Vec<&str> = found.iter().map(|word| word.value.as_str()).collect();
    let joined = values.join(" ");
    let unquoted = joined
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    let whole = quote(unquoted.unwrap_or(&joined));
    let word = keyword.as_str();
    let one = format!(
        "put double quotes around a name with spaces: {word} {}",
        Shown(&whole)
    );
    match keyword {
        Keyword::Files(_) if unquoted.is_none() => {
            format!("{one}, or give each file a line of its own")
        }
        _ => one,
    }
}

fn unknown(word: &str, syntax: &Syntax) -> String {
    let upper = word.to_uppercase();
    let words = || Keyword::all().map(Keyword::as_str);
    let close = words().find(|known| {
        upper.starts_with(known)
            || (upper.len() >= 3 && known.starts_with(upper.as_str()))
            || is_one_edit(known, &upper)
    });
    match close {
        Some(known) => format!("did you mean {known}?"),
        None => {
            let usable = Keyword::all().filter(|word| syntax.is_extended || !word.is_extension());
            let usable: Vec<&str> = usable.map(Keyword::as_str).collect();
            format!("the commands are {}", usable.join(", "))
        }
    }
}

/// Whether two words differ by one changed, added or removed character, or by two that are swapped.
fn is_one_edit(known: &str, word: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (known.chars().collect(), word.chars().collect());
    let same_front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same_front..], &b[same_front..]);
    let same_back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    match (&a[..a.len() - same_back], &b[..b.len() - same_back]) {
        ([a, b], [c, d]) => a == d && b == c,
        (a, b) => a.len() <= 1 && b.len() <= 1,
    }
}
