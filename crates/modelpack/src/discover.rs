//! What is known of a model besides its Modelfile: its configuration files, its README, its repository.

mod card;
mod source;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use modelpack_modelfile::{Metadata, Properties, Recipe};
use modelpack_spec::{Document, Manifest, Model, rules};

pub use self::source::{GitProgram, SourceReading};
use crate::{BuildOptions, Error};

/// Configuration files larger than this many bytes are not looked into.
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;
/// How much of a README is looked at, in bytes. Results of benchmarks in the front matter take the most.
const MAX_CARD_BYTES: u64 = 4 * 1024 * 1024;
/// What model hubs read.
const README: &str = "README.md";

/// What the configuration files of a directory say, and the weights where those say nothing. Of their own precision
/// the weights know more than what was once written about them, unless they are quantised: then it is that
/// of the computation.
pub(crate) fn of_files(directory: &Path, weights: Metadata) -> Metadata {
    let measured = weights.precision.clone();
    let mut metadata = of_configs(directory).or(weights);
    if metadata.quantization.is_none() {
        metadata.precision = measured.or(metadata.precision);
    }
    metadata
}

fn of_configs(directory: &Path) -> Metadata {
    let read = |name: &str| {
        let path = directory.join(name);
        let is_small = fs::metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_CONFIG_BYTES);
        is_small
            .then(|| fs::read(path).ok())
            .flatten()
            .unwrap_or_default()
    };
    let (config, generation) = (read("config.json"), read("generation_config.json"));
    Metadata::from_transformers(&[&config, &generation])
}

/// What the README of a directory says, and what is wrong with it.
pub(crate) fn of_readme(directory: &Path) -> (Properties, Option<String>) {
    let nothing = Properties::default();
    let path = directory.join(README);
    if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
        return (nothing, None);
    }
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_CARD_BYTES).read_to_end(&mut bytes));
    // Ingesting it will say why, where that matters.
    if read.is_err() {
        return (nothing, None);
    }
    let text = String::from_utf8_lossy(&bytes);
    let Some(front_matter) = card::front_matter(&text) else {
        return (nothing, None);
    };
    match card::read(front_matter) {
        Ok(said) => (said, None),
        Err(error) => {
            // The line of the README, which begins with one that is no part of the front matter.
            let line = error.marker().line() + 1;
            let warning = format!(
                "the front matter of {README} is not read, line {line}: {}",
                error.info()
            );
            (nothing, Some(warning))
        }
    }
}

/// Everything that a config says of a model. What is said more directly wins: by options, by properties of the
/// options, by the Modelfile, then by the files in the directory and by the weights.
pub(crate) fn properties(
    directory: &Path,
    options: &BuildOptions,
    recipe: &Recipe,
    weights: Metadata,
) -> Result<(Properties, Vec<String>), Error> {
    let mut said = Properties::default();
    said.descriptor.source_url = options.source_url.clone();
    said.descriptor.revision = options.source_revision.clone();
    if options.reasoning {
        let capabilities = said.config.capabilities.get_or_insert_default();
        capabilities.reasoning = Some(true);
    }
    let (readme, warning) = of_readme(directory);
    let mut warnings = Vec::from_iter(warning);
    let mut said = said
        .or(options.properties.clone())
        .or(recipe.properties())
        .or(Properties::from(of_files(directory, weights)))
        .or(readme);
    // A revision of one source says nothing of another.
    if said.descriptor.source_url.is_none() {
        let found = source::read(directory, &options.source);
        said.descriptor.source_url = found.url;
        if said.descriptor.revision.is_none() {
            said.descriptor.revision = found.revision;
            warnings.extend(found.warnings);
        }
    }
    check(&said)?;
    Ok((said, warnings))
}

/// Refuses what no config may say before any file is read: hours later it would be refused as well.
fn check(said: &Properties) -> Result<(), Error> {
    let mut model = Model::default();
    model.descriptor = said.descriptor.clone();
    model.config = said.config.clone();
    let config = Document::write(model);
    let mut manifest = Manifest::model(config.descriptor(), Vec::new());
    manifest.annotations = said.annotations.clone();
    let manifest = Document::write(manifest);
    let is_said = |pointer: &str| {
        ["/descriptor", "/config/", "/annotations"]
            .iter()
            .any(|part| pointer.starts_with(part))
    };
    let violations: Vec<String> = rules::check_artifact(manifest.bytes(), config.bytes())
        .into_iter()
        .filter(|violation| violation.rule.level == rules::Level::Must)
        .filter(|violation| is_said(&violation.pointer))
        .map(|violation| violation.to_string())
        .collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::RuleBroken {
            document: "artifact",
            violations,
        })
    }
}

#[cfg(test)]
mod tests;
