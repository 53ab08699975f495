//! Why a Modelfile could not be generated, or something that it would say is wrong.

use std::fmt;

use crate::diagnostic::Shown;

/// Why a Modelfile could not be generated, or something that it would say is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pattern is malformed.
    #[error("invalid pattern `{}`: {reason}", Shown(pattern))]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The pattern or path leads out of the work directory.
    #[error("`{}` is outside of the work directory: {reason}", Shown(pattern))]
    Outside {
        /// The pattern or path.
        pattern: String,
        /// What leads outside.
        reason: &'static str,
    },
    /// A name cannot be written in a Modelfile.
    #[error(
        "`{}` cannot be written in a Modelfile: it has a line break",
        Shown(name)
    )]
    Unwritable {
        /// The file name or value.
        name: String,
    },
    /// Nothing that would make a model was found.
    #[error("no model, code or dataset file among {files} files")]
    NothingFound {
        /// Number of files that were looked at.
        files: usize,
    },
    /// The files are more or larger than any model.
    #[error("{what} over the limit of {limit}")]
    OverLimit {
        /// What is over the limit.
        what: String,
        /// The limit, in bytes or files.
        limit: u64,
    },
    /// A property cannot have this value.
    #[error("{what}{}", Rest("; ", hint.as_deref()))]
    InvalidValue {
        /// The value, and why it is none.
        what: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// There is no property with this path.
    #[error(
        "there is no property `{}`{}{}",
        Shown(path),
        Rest(": ", *reason),
        Near(near)
    )]
    UnknownProperty {
        /// The path.
        path: String,
        /// The paths that may have been meant.
        near: Vec<&'static str>,
        /// Why there is none, where that is worth a word.
        reason: Option<&'static str>,
    },
}

/// Text behind a separator, when there is any.
struct Rest<'a>(&'static str, Option<&'a str>);

impl fmt::Display for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(text) => write!(f, "{}{text}", self.0),
            None => Ok(()),
        }
    }
}

/// The paths that may have been meant; all of them when none is near.
struct Near<'a>(&'a [&'static str]);

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<&str> = crate::Field::all().map(crate::Field::path).collect();
        match self.0 {
            [] => write!(f, "; there are {}", all.join(", ")),
            near => write!(f, "; did you mean {}?", near.join(" or ")),
        }
    }
}
