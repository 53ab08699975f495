//! Properties by their path in the config document, as in `descriptor.version=2`.

use std::str::FromStr;

use crate::{Error, Field, Properties};

/// Most paths that are proposed for one that is unknown.
const MAX_NEAR: usize = 3;
/// What the paths of annotations begin with.
const ANNOTATIONS: &str = "annotations.";

/// A property and its value, such as `descriptor.licenses=MIT` or `annotations.org.example.team=vision`.
///
/// A list gets one more element with each assignment; a comma belongs to the value.
///
/// ```
/// use modelpack_modelfile::{Assignment, Properties};
///
/// let languages = ["en", "de"].map(|code| format!("config.capabilities.languages={code}"));
/// let said: Result<Properties, _> = languages.iter().map(|text| text.parse::<Assignment>()).collect();
/// assert_eq!(said?.config.capabilities.unwrap_or_default().languages, ["en", "de"]);
/// # Ok::<(), modelpack_modelfile::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    field: Field,
    value: String,
}

impl Assignment {
    /// What is set.
    #[must_use]
    pub fn field(&self) -> Field {
        self.field
    }

    /// To what; `key=value` for an annotation.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Assignment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (path, value) = text.split_once('=').unwrap_or((text, ""));
        let (field, value) = match text.strip_prefix(ANNOTATIONS) {
            Some(entry) => (Field::Annotation, entry),
            None => {
                let field = Field::all()
                    .filter(|field| *field != Field::Annotation)
                    .find(|field| field.path() == path)
                    .ok_or_else(|| unknown(path))?;
                if value.is_empty() {
                    return Err(Error::InvalidValue {
                        what: format!("`{path}` gets no value"),
                        hint: Some(format!("write {path}=VALUE")),
                    });
                }
                (field, value)
            }
        };
        // What is wrong with a value is said before anything is built.
        Properties::default().set(field, value)?;
        Ok(Self {
            field,
            value: value.to_owned(),
        })
    }
}

impl Extend<Assignment> for Properties {
    fn extend<I: IntoIterator<Item = Assignment>>(&mut self, assignments: I) {
        for Assignment { field, value } in assignments {
            let set = self.set(field, &value);
            debug_assert!(set.is_ok(), "parsing has set the same value before");
        }
    }
}

impl FromIterator<Assignment> for Properties {
    fn from_iter<I: IntoIterator<Item = Assignment>>(assignments: I) -> Self {
        let mut properties = Self::default();
        properties.extend(assignments);
        properties
    }
}

fn unknown(path: &str) -> Error {
    Error::UnknownProperty {
        path: path.to_owned(),
        near: near(path),
        reason: match path {
            "descriptor.createdAt" => Some("a build decides on the time itself"),
            _ if path == "modelfs" || path.starts_with("modelfs.") => {
                Some("a build computes it from the layers")
            }
            _ => None,
        },
    }
}

/// The paths that may have been meant, the closest first: by their last part, by the word of the command, or
/// by a typing mistake.
fn near(path: &str) -> Vec<&'static str> {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let last = |text: &str| text.rsplit('.').next().map(plain).unwrap_or_default();
    let (whole, end) = (plain(path), last(path));
    let first = whole.split('.').next().unwrap_or_default();
    if distance(first, "annotations") <= 2 {
        return vec![Field::Annotation.path()];
    }
    let mut found: Vec<(usize, &'static str)> = Field::all()
        .filter_map(|field| {
            let known = last(field.path());
            let word = plain(field.as_str());
            let distance = [
                distance(&whole, &plain(field.path())),
                distance(&end, &known),
                distance(&end, &word),
            ];
            let is_part = end.len() >= 3 && (known.starts_with(&end) || end.starts_with(&known));
            let closest = distance.into_iter().min()?;
            (closest <= 2 && closest * 2 < end.len() || is_part).then(|| (closest, field.path()))
        })
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.truncate(MAX_NEAR);
    found.into_iter().map(|(_, path)| path).collect()
}

/// How many characters have to be changed, added or removed to make one text of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    // Longer than any path, it is none with a typing mistake.
    for (at, character) in from.chars().take(100).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
