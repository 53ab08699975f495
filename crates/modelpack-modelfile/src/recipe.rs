//! What a Modelfile says, without how it says it.

use std::collections::BTreeSet;
use std::fmt;

use modelpack_spec::Kind;

use crate::lex::quote;
use crate::syntax::{Field, Keyword, MAX_DIAGNOSTICS, diagnostic};
use crate::{Diagnostic, Modelfile, Pattern};

/// What a Modelfile says. It displays as a Modelfile that says the same.
///
/// That text always parses back. No Modelfile can hold an empty value or one with a line break, so the
/// former is left out and the latter shows a space; no recipe that was [lowered](Modelfile::lower) has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recipe {
    /// `NAME`
    pub name: Option<String>,
    /// `ARCH`
    pub arch: Option<String>,
    /// `FAMILY`
    pub family: Option<String>,
    /// `FORMAT`
    pub format: Option<String>,
    /// `PARAMSIZE`
    pub param_size: Option<String>,
    /// `PRECISION`
    pub precision: Option<String>,
    /// `QUANTIZATION`
    pub quantization: Option<String>,
    /// The files, in the order of the lines. The same pattern under the same command stands once.
    pub sources: Vec<Source>,
}

/// Files of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// What they are.
    pub kind: Kind,
    /// Which they are.
    pub pattern: Pattern,
    /// The line that says so, from 1.
    pub line: usize,
}

impl Source {
    /// A source that stands in no Modelfile: its line is 0.
    #[must_use]
    pub fn new(kind: Kind, pattern: Pattern) -> Self {
        Self {
            kind,
            pattern,
            line: 0,
        }
    }
}

impl Modelfile {
    /// Gives what the Modelfile says.
    ///
    /// # Errors
    /// All diagnostics when there is one, those of patterns included, in the order of the text.
    pub fn lower(&self) -> Result<Recipe, Vec<Diagnostic>> {
        let mut diagnostics = self.diagnostics.clone();
        let mut recipe = Recipe::default();
        let mut known = BTreeSet::new();
        for (line, command) in self.commands() {
            match command.keyword {
                Keyword::Field(field) => *recipe.field(field) = Some(command.value.clone()),
                Keyword::Files(kind) => match Pattern::parse(&command.value) {
                    Ok(pattern) => {
                        if known.insert((kind, command.value.as_str())) {
                            recipe.sources.push(Source {
                                kind,
                                pattern,
                                line,
                            });
                        }
                    }
                    Err(error) => diagnostics.push(diagnostic(
                        self.text(),
                        line,
                        command.value_span.clone(),
                        error.to_string(),
                        None,
                    )),
                },
            }
        }
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        diagnostics.truncate(MAX_DIAGNOSTICS);
        if diagnostics.is_empty() {
            Ok(recipe)
        } else {
            Err(diagnostics)
        }
    }
}

const FIELDS: [Field; 7] = [
    Field::Name,
    Field::Arch,
    Field::Family,
    Field::Format,
    Field::ParamSize,
    Field::Precision,
    Field::Quantization,
];

impl Recipe {
    fn field(&mut self, field: Field) -> &mut Option<String> {
        match field {
            Field::Name => &mut self.name,
            Field::Arch => &mut self.arch,
            Field::Family => &mut self.family,
            Field::Format => &mut self.format,
            Field::ParamSize => &mut self.param_size,
            Field::Precision => &mut self.precision,
            Field::Quantization => &mut self.quantization,
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = self.clone();
        for field in FIELDS {
            if let Some(value) = copy.field(field).take().filter(|value| !value.is_empty()) {
                let value = value.replace('\n', " ");
                writeln!(f, "{} {}", Keyword::Field(field).as_str(), quote(&value))?;
            }
        }
        for source in &self.sources {
            writeln!(
                f,
                "{} {}",
                Keyword::Files(source.kind).as_str(),
                quote(source.pattern.as_str())
            )?;
        }
        Ok(())
    }
}
