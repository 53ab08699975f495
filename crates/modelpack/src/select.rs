//! Which files become which layers: a pure decision over a recipe and a list of files.

use std::path::Path;

use modelpack_modelfile::{Recipe, Source};
use modelpack_spec::{FilePath, FileRole, Kind, PathSet};

use crate::Error;
use crate::walk::{SourceFile, Tree};

/// A file that becomes a layer.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    pub(crate) kind: Kind,
    pub(crate) path: FilePath,
    pub(crate) file: SourceFile,
    /// What it is to the model, where that is not plain from kind and name.
    pub(crate) role: Option<FileRole>,
}

/// Layers in the order of the manifest: by kind, then by path.
const ORDER: [Kind; 5] = [
    Kind::WeightConfig,
    Kind::Weight,
    Kind::Code,
    Kind::Doc,
    Kind::Dataset,
];

/// Picks the files that the recipe names. A file that several lines name becomes one layer: a line
/// that names it in full decides before one with a pattern, and an earlier line before a later one.
pub(crate) fn select(
    recipe: &Recipe,
    tree: &Tree,
    directory: &Path,
) -> Result<Vec<Selected>, Error> {
    let mut picked: std::collections::BTreeMap<String, (bool, Selected)> =
        std::collections::BTreeMap::new();
    for source in &recipe.sources {
        // A generated Modelfile names ten thousand files in as many lines.
        let literal = source.pattern.literal();
        let files: Vec<&SourceFile> = match &literal {
            Some(path) => tree.file(path).into_iter().collect(),
            None => tree
                .files
                .iter()
                .filter(|file| source.pattern.matches(&file.path))
                .collect(),
        };
        if files.is_empty() {
            return Err(nothing_matches(source, tree, directory));
        }
        let is_literal = literal.is_some();
        for file in files {
            let known = picked.get(&file.path);
            if known.is_some_and(|(by_name, _)| *by_name || !is_literal) {
                continue;
            }
            let selected = Selected {
                kind: source.kind,
                path: FilePath::parse(&file.path)?,
                file: file.clone(),
                role: None,
            };
            picked.insert(file.path.clone(), (is_literal, selected));
        }
    }
    let mut paths = PathSet::new();
    let mut selected: Vec<Selected> = picked.into_values().map(|(_, selected)| selected).collect();
    for file in &selected {
        paths.insert(&file.path)?;
    }
    if selected.is_empty() {
        return Err(Error::InvalidInput {
            what: "the Modelfile names no file".to_owned(),
            hint: Some(
                "add a line such as `MODEL model.gguf`; `modelpack modelfile generate` writes one"
                    .to_owned(),
            ),
        });
    }
    selected.sort_by_cached_key(|file| {
        (
            ORDER.iter().position(|kind| *kind == file.kind),
            file.path.clone(),
        )
    });
    Ok(selected)
}

fn nothing_matches(source: &Source, tree: &Tree, directory: &Path) -> Error {
    let pattern = source.pattern.as_str().to_owned();
    if tree
        .directories
        .iter()
        .any(|path| source.pattern.matches(path))
    {
        return Error::IsDirectory {
            line: source.line,
            pattern,
        };
    }
    Error::NothingMatches {
        line: source.line,
        pattern,
        directory: directory.to_owned(),
    }
}
