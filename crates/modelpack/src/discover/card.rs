//! What the front matter of a README says about a model, as model hubs write it.

use std::collections::BTreeMap;

use modelpack_modelfile::{Field, Properties, spdx_license};
use saphyr_parser::{Event, Parser, ScanError};

/// Annotation that names the model which this one was made from.
const BASE_MODEL: &str = "org.modelpack.base-model";
/// Where data sets are that are named by owner and name alone.
const DATASETS: &str = "https://huggingface.co/datasets/";
/// Longest value that is taken, in bytes: a name or an address.
const MAX_VALUE_BYTES: usize = 1024;

/// The text between the two lines `---` at the beginning of a document; nothing when it does not begin so.
pub(crate) fn front_matter(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == "---")?;
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == "---" {
            return text.get(first.len()..end);
        }
        end += line.len();
    }
    None
}

/// Licences, languages, data sets and base model from front matter. What the specification has no form for is
/// left out: languages without a two-letter code, data sets that are neither address nor name.
pub(crate) fn read(front_matter: &str) -> Result<Properties, ScanError> {
    let entries = entries(front_matter)?;
    let values = |key: &str| entries.get(key).map(Vec::as_slice).unwrap_or_default();
    let name = values("license_name").first().map(String::as_str);
    let licenses = values("license")
        .iter()
        .filter_map(|word| license(word, name));
    let languages = values("language")
        .iter()
        .chain(values("languages"))
        .filter_map(|code| language(code));
    let datasets = values("datasets").iter().filter_map(|id| dataset(id));
    let base = values("base_model").join(", ");
    let base = (!base.is_empty()).then(|| format!("{BASE_MODEL}={base}"));
    let said = licenses
        .map(|value| (Field::License, value))
        .chain(languages.map(|value| (Field::Language, value)))
        .chain(datasets.map(|value| (Field::DatasetUrl, value)))
        .chain(base.map(|value| (Field::Annotation, value)));
    let mut properties = Properties::default();
    for (field, value) in said {
        // Each is in the form that the property takes; one that is not says nothing.
        let _ = properties.set(field, &value);
    }
    Ok(properties)
}

/// The words of the top level: of each key the scalar, or the scalars of its list. What lies deeper, as results
/// of benchmarks do, is passed over, and so are aliases: nothing can grow by them.
fn entries(yaml: &str) -> Result<BTreeMap<String, Vec<String>>, ScanError> {
    let mut entries = BTreeMap::new();
    let mut depth = 0_usize;
    let mut place = Place::Key;
    for event in Parser::new_from_str(yaml) {
        match event?.0 {
            // Whatever this is, it is no card.
            Event::SequenceStart(..) if depth == 0 => break,
            Event::MappingStart(..) => depth += 1,
            Event::SequenceStart(..) => {
                depth += 1;
                place = match place {
                    Place::Value(key) if depth == 2 => Place::List(key),
                    other => other,
                };
            }
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    place = place.next(String::new());
                }
            }
            Event::Scalar(word, ..) if depth == 1 => {
                if let Place::Value(key) = &place {
                    keep(&mut entries, key, &word);
                }
                place = place.next(word.into_owned());
            }
            Event::Scalar(word, ..) if depth == 2 => {
                if let Place::List(key) = &place {
                    keep(&mut entries, key, &word);
                }
            }
            Event::Alias(_) if depth == 1 => place = place.next(String::new()),
            // The next document is none of ours.
            Event::DocumentEnd => break,
            _ => {}
        }
    }
    Ok(entries)
}

/// What comes next at the top level.
enum Place {
    Key,
    /// The value of this key.
    Value(String),
    /// More of the list that is the value of this key.
    List(String),
}

impl Place {
    /// What comes behind a whole key or value. A key that is no word is none that is looked for.
    fn next(self, word: String) -> Self {
        match self {
            Self::Key => Self::Value(word),
            Self::Value(_) | Self::List(_) => Self::Key,
        }
    }
}

fn keep(entries: &mut BTreeMap<String, Vec<String>>, key: &str, word: &str) {
    let word = word.trim();
    let says_something = !matches!(word, "" | "~" | "null" | "Null" | "NULL");
    if says_something && word.len() <= MAX_VALUE_BYTES && !word.contains(char::is_control) {
        let values = entries.entry(key.to_owned()).or_default();
        values.push(word.to_owned());
    }
}

/// A licence of a hub as an SPDX expression. One that SPDX does not list keeps its name.
fn license(word: &str, name: Option<&str>) -> Option<String> {
    if let Some(known) = spdx_license(word) {
        return Some(known.to_owned());
    }
    if Properties::default().set(Field::License, word).is_ok() {
        return Some(word.to_owned());
    }
    let name = match word.to_ascii_lowercase().as_str() {
        "unknown" => return None,
        "other" => name?,
        _ => word,
    };
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).collect();
    Some(format!("LicenseRef-{}", name.trim_matches('-')))
}

/// The two-letter code of a language tag: `en`, `zh` of `zh-Hans`.
fn language(tag: &str) -> Option<String> {
    let code = tag.split(['-', '_']).next()?.to_ascii_lowercase();
    (code.len() == 2).then_some(code)
}

/// The address of a data set.
fn dataset(id: &str) -> Option<String> {
    if id.starts_with("https://") || id.starts_with("http://") {
        return Some(id.to_owned());
    }
    let is_name = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let parts: Vec<&str> = id.split('/').collect();
    (parts.len() <= 2 && parts.iter().all(|part| is_name(part))).then(|| format!("{DATASETS}{id}"))
}

#[cfg(test)]
mod tests;
