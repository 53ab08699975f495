//! What the weight files of a model say, in the words of a Modelfile.

use std::fs::{self, File};
use std::path::Path;

use modelpack_formats::{
    self as formats, Error as FormatError, Format, Role, ShardIndex, WeightFile, Weights,
};
use modelpack_modelfile::{Metadata, Recipe, precision};
use modelpack_spec::{FileRole, Kind};

use crate::select::Selected;

/// How the index of a sharded model is named.
const INDEX: &str = ".safetensors.index.json";
/// Largest index that is read, in bytes: one line per tensor.
const MAX_INDEX_BYTES: u64 = 64 * 1024 * 1024;
/// How far two numbers of parameters may be apart before they contradict each other: names leave
/// embeddings out, or round up.
const TOLERANCE: f64 = 2.0;
/// Fewest parameters that can be said: a config counts in tenths of a thousand.
const MIN_COUNT: u128 = 50;

/// What weight files say, and what is odd about them.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    pub(crate) metadata: Metadata,
    pub(crate) warnings: Vec<String>,
    /// The files that could be read, those together that belong together.
    pub(crate) groups: Vec<Weights>,
}

/// Reads the headers of the weights among the files of a recipe.
pub(crate) fn of_selected(selected: &[Selected]) -> Headers {
    let all = selected
        .iter()
        .map(|selected| (selected.path.as_str(), selected.file.location.as_path()));
    let weights = selected
        .iter()
        .filter(|selected| selected.kind == Kind::Weight)
        // Another model beside this one says nothing of it.
        .filter(|selected| selected.role != Some(FileRole::DraftModel))
        .map(|selected| (selected.path.as_str(), selected.file.location.as_path()));
    read(weights, all)
}

/// Reads the headers of `weights`; indexes of shards are looked for among `all`. A file that cannot
/// be read says nothing, and is told of when its name promises something.
pub(crate) fn read<'a>(
    weights: impl Iterator<Item = (&'a str, &'a Path)>,
    all: impl Iterator<Item = (&'a str, &'a Path)>,
) -> Headers {
    let mut headers = Headers::default();
    let mut files = Vec::new();
    for (path, location) in weights {
        let promised = Format::from_name(path);
        let header = File::open(location)
            .map_err(FormatError::Io)
            .and_then(|mut file| formats::read(&mut file));
        match header {
            Ok(header) => {
                if let Some(promised) = promised.filter(|format| *format != header.format) {
                    headers.warnings.push(format!(
                        "`{path}` is named like a {promised} file, but it is {}",
                        header.format
                    ));
                }
                files.push(WeightFile::new(path, header));
            }
            // Ingesting it will say why, where that matters.
            Err(FormatError::Io(_)) => {}
            Err(FormatError::UnknownFormat) => {
                if let Some(promised) = promised {
                    headers.warnings.push(format!(
                        "`{path}` is no {promised} file, whatever its name says"
                    ));
                }
            }
            Err(error) => {
                if promised.is_some() {
                    headers.warnings.push(format!("`{path}`: {error}"));
                }
            }
        }
    }
    let mut indexes = Vec::new();
    for (path, location) in all.filter(|(path, _)| path.ends_with(INDEX)) {
        match index(location) {
            Some(Ok(index)) => indexes.push((path.to_owned(), index)),
            Some(Err(error)) => headers.warnings.push(format!("`{path}`: {error}")),
            None => {}
        }
    }
    // Without any header there is nothing that an index could be held against.
    if files.is_empty() {
        return headers;
    }
    let format = common(files.iter().map(|file| file.header.format));
    match formats::group(files, &indexes) {
        Ok(groups) => {
            headers.metadata = summary(&groups);
            headers.groups = groups;
        }
        Err(error) => {
            headers.metadata.format = format.map(|format| format.to_string());
            headers.warnings.push(error.to_string());
        }
    }
    headers
}

fn index(location: &Path) -> Option<Result<ShardIndex, FormatError>> {
    let size = fs::metadata(location).ok()?.len();
    let bytes = (size <= MAX_INDEX_BYTES).then(|| fs::read(location).ok())??;
    Some(ShardIndex::parse(&bytes))
}

/// The one value that all have.
fn common<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// What the model says: all its parts together, or nothing where there are several to choose from.
fn summary(groups: &[Weights]) -> Metadata {
    let models: Vec<&Weights> = groups
        .iter()
        .filter(|weights| weights.role() == Role::Model)
        .collect();
    // An artifact may hold nothing but an adapter or a projector.
    let parts: Vec<&Weights> = if models.is_empty() {
        groups.iter().collect()
    } else {
        models
    };
    let mut metadata = Metadata::default();
    let Some(format) = common(parts.iter().map(|part| part.format())) else {
        return metadata;
    };
    metadata.format = Some(format.to_string());
    let text = |value: Option<&str>| value.map(str::to_owned);
    let architecture = common(parts.iter().map(|part| part.architecture())).flatten();
    metadata.arch = text(architecture);
    if format == Format::Gguf {
        metadata.family = text(architecture);
    }
    metadata.precision = text(common(parts.iter().map(|part| part.precision())).flatten());
    metadata.quantization = text(common(parts.iter().map(|part| part.quantization())).flatten());
    // Several GGUF models in one artifact are one model in several sizes; parts of a pipeline add up.
    if format != Format::Gguf || parts.len() == 1 {
        let sum = parts
            .iter()
            .try_fold(0_u128, |sum, part| sum.checked_add(part.parameters()?));
        metadata.param_size = sum
            .filter(|sum| *sum >= MIN_COUNT)
            .map(formats::format_param_size);
    }
    metadata
}

/// Where the Modelfile says something else than the weights do, a sentence each. The Modelfile wins.
pub(crate) fn contradictions(recipe: &Recipe, weights: &Metadata) -> Vec<String> {
    type Contradicts = fn(&str, &str) -> bool;
    let field =
        |name: &str, said: &Option<String>, found: &Option<String>, contradicts: Contradicts| {
            let (said, found) = (said.as_deref()?, found.as_deref()?);
            (!said.eq_ignore_ascii_case(found) && contradicts(said, found))
                .then(|| format!("the Modelfile says {name} {said}, but the weights say {found}"))
        };
    [
        field("FORMAT", &recipe.format, &weights.format, |said, found| {
            found != "pt" || !is_pytorch(said)
        }),
        field(
            "PARAMSIZE",
            &recipe.param_size,
            &weights.param_size,
            |said, found| {
                count(said)
                    .zip(count(found))
                    .is_some_and(|(said, found)| said.max(found) > said.min(found) * TOLERANCE)
            },
        ),
        field(
            "PRECISION",
            &recipe.precision,
            &weights.precision,
            |said, found| !said.split(',').any(|word| is_precision(word.trim(), found)),
        ),
        field(
            "QUANTIZATION",
            &recipe.quantization,
            &weights.quantization,
            |said, found| {
                let said = said.to_ascii_uppercase();
                said.strip_prefix("MOSTLY_").unwrap_or(&said) != found
            },
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn is_pytorch(word: &str) -> bool {
    ["pytorch", "pth", "torch", "bin"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a word means a precision of the specification; people write the short ones.
fn is_precision(said: &str, found: &str) -> bool {
    match said.to_ascii_lowercase().as_str() {
        "fp8" | "float8" => found.starts_with("float8"),
        _ => precision(said) == found,
    }
}

/// A number of parameters, as people write it.
fn count(text: &str) -> Option<f64> {
    let text = text.trim();
    let last = text.chars().last()?;
    let (number, unit) = match last.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 1e3),
        'm' => (&text[..text.len() - 1], 1e6),
        'b' => (&text[..text.len() - 1], 1e9),
        't' => (&text[..text.len() - 1], 1e12),
        'q' => (&text[..text.len() - 1], 1e15),
        _ => (text, 1.0),
    };
    let number: f64 = number.trim().parse().ok()?;
    number.is_finite().then_some(number * unit)
}

#[cfg(test)]
mod tests;
