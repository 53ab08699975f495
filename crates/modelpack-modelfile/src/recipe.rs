//! What a Modelfile says, without how it says it.

use std::collections::BTreeSet;
use std::fmt;

use modelpack_spec::Kind;

use crate::diagnostic::Shown;
use crate::lex::quote;
use crate::syntax::{Keyword, MAX_DIAGNOSTICS, SYNTAX, diagnostic};
use crate::{Diagnostic, Error, Field, Modelfile, Pattern, Properties, precision};

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
    /// What the commands of the extended syntax say. Of what has a field above, nothing stands here.
    pub extended: Properties,
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
                Keyword::Field(field) => {
                    if let Err((message, hint)) = recipe.say(field, &command.value) {
                        let span = command.value_span.clone();
                        diagnostics.push(diagnostic(self.text(), line, span, message, hint));
                    }
                }
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

impl Recipe {
    /// Everything that is said of the model, in the words of the specification: `bf16` is `bfloat16`.
    #[must_use]
    pub fn properties(&self) -> Properties {
        let mut said = Properties::default();
        said.descriptor.name = self.name.clone();
        said.descriptor.family = self.family.clone();
        said.config.architecture = self.arch.clone();
        said.config.format = self.format.clone();
        said.config.param_size = self.param_size.clone();
        said.config.precision = self.precision.as_deref().map(precision);
        said.config.quantization = self.quantization.clone();
        said.or(self.extended.clone())
    }

    /// Says one property; what is wrong with the value comes back with what to write instead.
    fn say(&mut self, field: Field, value: &str) -> Result<(), (String, Option<String>)> {
        let slot = match field {
            Field::Name => &mut self.name,
            Field::Arch => &mut self.arch,
            Field::Family => &mut self.family,
            Field::Format => &mut self.format,
            Field::ParamSize => &mut self.param_size,
            Field::Precision => &mut self.precision,
            Field::Quantization => &mut self.quantization,
            _ => return self.extend(field, value),
        };
        *slot = Some(value.to_owned());
        Ok(())
    }

    fn extend(&mut self, field: Field, value: &str) -> Result<(), (String, Option<String>)> {
        let key = value.split('=').next().unwrap_or_default();
        let annotations = &self.extended.annotations;
        if field == Field::Annotation && annotations.contains_key(key) {
            let message = format!("the annotation `{}` was set before", Shown(key));
            return Err((message, Some("keep one of the two lines".to_owned())));
        }
        self.extended
            .set(field, value)
            .map_err(|error| match error {
                Error::InvalidValue { what, hint } => (what, hint),
                other => (other.to_string(), None),
            })
    }

    /// The values of a property in the order of their lines.
    fn values(&self, field: Field) -> Vec<String> {
        let one = match field {
            Field::Name => &self.name,
            Field::Arch => &self.arch,
            Field::Family => &self.family,
            Field::Format => &self.format,
            Field::ParamSize => &self.param_size,
            Field::Precision => &self.precision,
            Field::Quantization => &self.quantization,
            _ => return self.extended.values(field),
        };
        one.iter().cloned().collect()
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_extended = Field::all()
            .filter(|field| field.is_extension())
            .any(|field| !self.extended.values(field).is_empty());
        if is_extended {
            writeln!(f, "{SYNTAX}")?;
        }
        for field in Field::all() {
            for value in self.values(field).iter().filter(|value| !value.is_empty()) {
                let value = value.replace('\n', " ");
                writeln!(f, "{} {}", field.as_str(), quote(&value))?;
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
