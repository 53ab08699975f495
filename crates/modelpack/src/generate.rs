//! Writing a Modelfile for a directory.

use std::fs;
use std::path::{Path, PathBuf};

use modelpack_modelfile::{Metadata, classify};
use modelpack_spec::Kind;
use serde::Serialize;

use crate::left_out::LeftOut;
use crate::walk::{Tree, walk};
use crate::{Error, Toolkit, blocking, discover, headers};

/// How [`Toolkit::generate`] works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct GenerateOptions {
    /// Name of the model; the name of the directory by default.
    pub name: Option<String>,
    /// What is known of the model. The rest is read from `config.json` and the weights.
    pub metadata: Metadata,
    /// Patterns of files to take although they would be left out.
    pub include: Vec<String>,
    /// Patterns of files to leave out.
    pub exclude: Vec<String>,
    /// Where the Modelfile goes: a directory. Nothing is written without one.
    pub output: Option<PathBuf>,
    /// Whether the Modelfile also says, in the extended syntax, what the README says. Other tools cannot
    /// read it then; without, a build finds the same in the README.
    pub extended: bool,
    /// Whether a Modelfile that is there may be replaced.
    pub overwrite: bool,
}

/// What [`Toolkit::generate`] wrote.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct GenerateReport {
    /// The text of the Modelfile.
    pub text: String,
    /// Where it is, when it was written.
    pub path: Option<PathBuf>,
    /// What is odd about the weight files or the README, a sentence each.
    pub warnings: Vec<String>,
}

impl Toolkit {
    /// Writes a Modelfile that names the files of a directory. The same files always give the same
    /// text.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the directory holds no model, a pattern is malformed, or a
    /// Modelfile is there and may not be replaced; [`Error::File`].
    pub async fn generate(
        &self,
        directory: &Path,
        options: &GenerateOptions,
    ) -> Result<GenerateReport, Error> {
        let (directory, options) = (directory.to_owned(), options.clone());
        blocking::run(move || generate(&directory, options)).await
    }
}

fn generate(directory: &Path, options: GenerateOptions) -> Result<GenerateReport, Error> {
    let output = options
        .output
        .as_ref()
        .map(|output| output.join("Modelfile"));
    if let Some(file) = options.output.as_ref().filter(|output| output.is_file()) {
        return Err(Error::InvalidInput {
            what: format!("{} is no directory", file.display()),
            hint: Some("give the directory that gets the Modelfile".to_owned()),
        });
    }
    if let Some(path) = output
        .as_ref()
        .filter(|path| path.exists() && !options.overwrite)
    {
        return Err(Error::InvalidInput {
            what: format!("{} exists", path.display()),
            hint: Some("`--overwrite` replaces it".to_owned()),
        });
    }
    let left_out = LeftOut::read(&[directory], &options.include, &options.exclude)?;
    let composed = compose(directory, &left_out, options)?;
    if let Some(path) = &output {
        write(path, &composed.text)?;
    }
    Ok(GenerateReport {
        text: composed.text,
        path: output,
        warnings: composed.warnings,
    })
}

/// A Modelfile that was written for a directory, and the files that it names.
pub(crate) struct Composed {
    pub(crate) text: String,
    pub(crate) tree: Tree,
    warnings: Vec<String>,
}

/// Writes the text of a Modelfile; what the caller says of the model goes before what its files say.
pub(crate) fn compose(
    directory: &Path,
    left_out: &LeftOut,
    options: GenerateOptions,
) -> Result<Composed, Error> {
    let tree = walk(directory, &mut |path| left_out.enters(path), &mut |path| {
        left_out.keeps(path)
    })?;
    let weights = tree
        .files
        .iter()
        .filter(|file| classify(&file.path, file.size) == Kind::Weight);
    let headers = headers::read(
        weights.map(|file| (file.path.as_str(), file.location.as_path())),
        tree.files
            .iter()
            .map(|file| (file.path.as_str(), file.location.as_path())),
    );
    let mut request = modelpack_modelfile::GenerateOptions::default();
    request.name = options.name.or_else(|| directory_name(directory));
    request.metadata = options
        .metadata
        .or(discover::of_files(directory, headers.metadata));
    let (readme, warning) = discover::of_readme(directory);
    request.extended = options.extended.then_some(readme);
    let files: Vec<(String, u64)> = tree
        .files
        .iter()
        .map(|file| (file.path.clone(), file.size))
        .collect();
    let text = modelpack_modelfile::generate(&files, &request)
        .map_err(|error| Error::invalid(error.to_string()))?;
    Ok(Composed {
        text,
        tree,
        warnings: headers.warnings.into_iter().chain(warning).collect(),
    })
}

fn directory_name(directory: &Path) -> Option<String> {
    let directory = fs::canonicalize(directory).ok()?;
    Some(directory.file_name()?.to_string_lossy().into_owned())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write;
    let fail = |error| Error::file("cannot write", path, error);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
