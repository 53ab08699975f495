//! Files that are added to a model besides those of its Modelfile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use modelpack_formats::{self as formats, Role};
use modelpack_spec::{FilePath, FileRole, Kind, PathSet, RuntimeConfig};

use crate::select::Selected;
use crate::walk::SourceFile;
use crate::{Error, bounded};

/// Largest runtime configuration that is read, in bytes.
pub(crate) const MAX_RUNTIME_BYTES: u64 = 1024 * 1024;

/// Largest chat template that is taken, in bytes: the longest known ones have some ten thousand.
const MAX_TEMPLATE_BYTES: u64 = 1024 * 1024;
/// How a chat template is called.
const TEMPLATE: &str = "chat_template.jinja";

/// A file that is added to a model, and what it is to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtraFile {
    /// Where it is.
    pub location: PathBuf,
    /// `License`, `ChatTemplate`, `Projector`, `Adapter` or `DraftModel`.
    pub role: FileRole,
}

impl ExtraFile {
    /// A file with a role.
    #[must_use]
    pub fn new(location: impl Into<PathBuf>, role: FileRole) -> Self {
        Self {
            location: location.into(),
            role,
        }
    }
}

/// Adds files to those of a recipe, each under a name that says what it is.
pub(crate) fn add(selected: &mut Vec<Selected>, extras: &[ExtraFile]) -> Result<(), Error> {
    if extras.is_empty() {
        return Ok(());
    }
    let mut paths = PathSet::new();
    for file in selected.iter() {
        paths.insert(&file.path)?;
    }
    for extra in extras {
        let file = source(extra)?;
        if paths.insert(&file.path).is_err() {
            return Err(Error::InvalidInput {
                what: format!(
                    "the model has a file `{}` already, so {} cannot be added as its {}",
                    file.path,
                    extra.location.display(),
                    extra.role.as_str()
                ),
                hint: Some("leave one of the two out".to_owned()),
            });
        }
        selected.push(file);
    }
    Ok(())
}

fn source(extra: &ExtraFile) -> Result<Selected, Error> {
    let location = &extra.location;
    let metadata =
        fs::metadata(location).map_err(|error| Error::file("cannot read", location, error))?;
    if !metadata.is_file() {
        return Err(Error::invalid(format!("{} is no file", location.display())));
    }
    let name = location
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let (kind, name) = match extra.role {
        FileRole::License => (Kind::Doc, licence_name(name)),
        FileRole::ChatTemplate => (Kind::WeightConfig, TEMPLATE.to_owned()),
        FileRole::Projector => (Kind::Weight, projector_name(name)),
        FileRole::Adapter | FileRole::DraftModel => (Kind::Weight, name),
        other => {
            return Err(Error::invalid(format!(
                "a file cannot be added as {}",
                other.as_str()
            )));
        }
    };
    check(location, extra.role)?;
    Ok(Selected {
        kind,
        path: FilePath::parse(&name)?,
        role: Some(extra.role),
        file: SourceFile::new(name, location.clone(), &metadata),
    })
}

/// Reads the runtime configuration among the files of a model, which is known by its name, and marks it.
/// What it names has to be there.
pub(crate) fn runtime(selected: &mut [Selected]) -> Result<Option<RuntimeConfig>, Error> {
    let Some(at) = selected
        .iter()
        .position(|file| file.path.as_str() == RuntimeConfig::FILE_NAME)
    else {
        return Ok(None);
    };
    let location = &selected[at].file.location;
    let missing = || Error::file("cannot read", location, io::ErrorKind::NotFound.into());
    let bytes = bounded::read(location, MAX_RUNTIME_BYTES)?.ok_or_else(missing)?;
    let runtime = RuntimeConfig::read(bytes.into())?.into_value();
    let named = [
        &runtime.chat_template,
        &runtime.projector,
        &runtime.draft_model,
    ];
    let named = named.into_iter().flatten().chain(&runtime.adapters);
    for path in named {
        if !selected.iter().any(|file| file.path == *path) {
            return Err(Error::InvalidInput {
                what: format!(
                    "{} names `{path}`, which is no file of the model",
                    RuntimeConfig::FILE_NAME
                ),
                hint: Some("add it to the Modelfile, or take it out there".to_owned()),
            });
        }
    }
    selected[at].role = Some(FileRole::Runtime);
    Ok(Some(runtime))
}

/// Other tools know a licence by its name.
fn licence_name(name: String) -> String {
    let lower = name.to_lowercase();
    let is_known = ["license", "licence", "copying", "notice"]
        .iter()
        .any(|word| lower.contains(word));
    if is_known {
        name
    } else {
        format!("LICENSE-{name}")
    }
}

/// Other tools know a projector by its name.
fn projector_name(name: String) -> String {
    if name.to_lowercase().contains("mmproj") {
        name
    } else {
        format!("mmproj-{name}")
    }
}

/// A weight file is what it is added as, as far as its header says what it is.
fn check(location: &Path, role: FileRole) -> Result<(), Error> {
    let wanted = match role {
        FileRole::ChatTemplate => return check_template(location),
        FileRole::Projector => Role::Projector,
        FileRole::Adapter => Role::Adapter,
        FileRole::DraftModel => Role::Model,
        _ => return Ok(()),
    };
    let header = fs::File::open(location)
        .ok()
        .and_then(|mut file| formats::read(&mut file).ok());
    let found = header.map(|header| header.role());
    // What old tools wrote does not always say what it is.
    match found {
        Some(found) if found != wanted => Err(Error::InvalidInput {
            what: format!(
                "{} cannot be the {} of a model: it is {}",
                location.display(),
                role.as_str(),
                describe(found)
            ),
            hint: None,
        }),
        _ => Ok(()),
    }
}

/// A chat template is text, and no weight file that was given in its place.
fn check_template(location: &Path) -> Result<(), Error> {
    // First by its beginning: a weight file is not read as a whole.
    let format = fs::File::open(location)
        .ok()
        .and_then(|mut file| formats::detect(&mut file).ok().flatten());
    let is = match format {
        Some(format) => format.to_string(),
        None => {
            let bytes = bounded::read(location, MAX_TEMPLATE_BYTES)?.unwrap_or_default();
            if std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0')) {
                return Ok(());
            }
            "no text".to_owned()
        }
    };
    Err(Error::InvalidInput {
        what: format!(
            "{} cannot be the chat template of a model: it is {is}",
            location.display()
        ),
        hint: Some("give a Jinja template, such as chat_template.jinja".to_owned()),
    })
}

/// Where several files could be the chat template, a sentence that says which one is taken.
pub(crate) fn templates(selected: &[Selected], runtime: Option<&RuntimeConfig>) -> Option<String> {
    let is_template = |file: &&Selected| {
        let name = file.path.file_name().to_lowercase();
        file.kind == Kind::WeightConfig && name.ends_with(".jinja")
    };
    let mut found: Vec<&FilePath> = selected
        .iter()
        .filter(is_template)
        .map(|file| &file.path)
        .collect();
    found.sort();
    if found.len() < 2 {
        return None;
    }
    let named = runtime.and_then(|runtime| runtime.chat_template.as_ref());
    let usual = || found.iter().find(|path| path.file_name() == TEMPLATE);
    let taken = named.or_else(|| usual().copied()).unwrap_or(found[0]);
    let all: Vec<String> = found.iter().map(|path| format!("`{path}`")).collect();
    Some(format!(
        "{} could be the chat template; `{taken}` is taken",
        all.join(" and ")
    ))
}

pub(crate) fn describe(role: Role) -> &'static str {
    match role {
        Role::Model => "a model",
        Role::Adapter => "an adapter",
        Role::Projector => "a projector",
        Role::ControlVector => "a control vector",
        Role::ImportanceMatrix => "an importance matrix",
        Role::Vocabulary => "a vocabulary without weights",
        _ => "something else",
    }
}
