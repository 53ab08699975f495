//! Lists that a registry sends page by page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::null_as_default;

/// Body of a tag list.
///
/// Tags are plain text here: a registry can hold tags that the grammar forbids today, and one such
/// tag must not hide the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TagList {
    /// The repository, as the registry calls it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The tags of this page, sorted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
}

impl TagList {
    /// A page of tags.
    #[must_use]
    pub fn new(name: impl Into<String>, tags: Vec<String>) -> Self {
        Self {
            name: name.into(),
            tags,
        }
    }

    /// Reads a page; `null` and missing fields are taken as empty.
    ///
    /// # Errors
    /// [`Error::InvalidDocument`](crate::Error::InvalidDocument) when it is no such JSON.
    pub fn parse(body: &[u8]) -> Result<Self, crate::Error> {
        serde_json::from_slice(body).map_err(|error| crate::Error::InvalidDocument {
            document: "tag list",
            reason: error.to_string(),
        })
    }

    /// Writes the page as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text always serialises")
    }
}

/// A `Link` header that points to the next page (RFC 8288).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The target as it was written: absolute, or relative to the request. Before it is followed,
    /// check that it stays on the same origin.
    pub next: String,
}

impl Link {
    /// The link with `rel="next"` out of a header that can hold several.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut rest = header;
        loop {
            let (_, after) = rest.split_once('<')?;
            let (target, after) = after.split_once('>')?;
            let (parameters, next) = parameters(after);
            if parameters.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("rel")
                    && value
                        .split_ascii_whitespace()
                        .any(|relation| relation.eq_ignore_ascii_case("next"))
            }) {
                return Some(Self {
                    next: target.trim().to_owned(),
                });
            }
            rest = next;
        }
    }
}

/// The parameters of one link value, and what stands after the comma that ends it.
fn parameters(text: &str) -> (Vec<(&str, &str)>, &str) {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(parameter) = rest.strip_prefix(';') {
        let end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let name = parameter[..end].trim();
        let Some(value) = parameter[end..].strip_prefix('=').map(str::trim_start) else {
            rest = &parameter[end..];
            found.push((name, ""));
            continue;
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at(value.find([';', ',']).unwrap_or(value.len())),
        };
        found.push((name, value.trim()));
        rest = after.trim_start();
    }
    (found, rest.strip_prefix(',').unwrap_or(rest))
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>; rel=\"next\"", self.next)
    }
}
