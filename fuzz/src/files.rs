//! Properties of the files that a model is made of.

use modelpack_layer::{Destination, Expected, Limits};
use modelpack_modelfile::{Filter, GenerateOptions, Metadata, Modelfile, Pattern, generate};
use modelpack_spec::{Digest, Encoding};

/// A Modelfile prints as it was read, and what it says survives being written anew.
pub fn modelfile(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let parsed = Modelfile::parse(text);
    assert_eq!(parsed.to_string(), text);
    match parsed.lower() {
        Ok(recipe) => {
            let written = recipe.to_string();
            let again = Modelfile::parse(&written)
                .lower()
                .unwrap_or_else(|diagnostics| panic!("{written:?}: {diagnostics:?}"));
            assert_eq!(again.to_string(), written);
            let said = |recipe: &modelpack_modelfile::Recipe| {
                let mut said: Vec<String> = recipe
                    .sources
                    .iter()
                    .map(|source| format!("{:?} {}", source.kind, source.pattern))
                    .collect();
                said.sort();
                said
            };
            assert_eq!(said(&again), said(&recipe));
            assert_eq!(again.properties(), recipe.properties());
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                let _ = diagnostic.render(text);
            }
        }
    }
}

/// An escaped path matches itself. The input is a pattern and a path, one line each.
pub fn pattern(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.lines();
    let (pattern, path) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    if let Ok(pattern) = Pattern::parse(pattern) {
        assert_eq!(Pattern::parse(pattern.as_str()).as_ref(), Ok(&pattern));
        let _ = pattern.matches(path);
    }
    if path.parse::<modelpack_spec::FilePath>().is_ok()
        && let Ok(escaped) = Pattern::parse(&Pattern::escape(path))
    {
        assert!(escaped.matches(path), "{path:?}");
    }
}

/// What is excluded is neither entered nor kept, whatever is included. The input is an exclude, an
/// include and a path, one line each.
pub fn filter(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let (exclude, include, path) = (next(), next(), next());
    let itself = Filter::new(&[Pattern::escape(&path)], std::slice::from_ref(&exclude));
    if let (Ok(both), Ok(itself)) = (Filter::new(&[include], &[exclude]), itself) {
        // A filter that includes the path by name leaves it out only for the exclude. Braces mean
        // something in a filter and are not escaped.
        if !path.contains(['{', '}']) && both.keep(&path) {
            assert!(itself.keep(&path), "{path:?}");
        }
        let _ = both.enter(&path);
    }
}

/// Any configuration gives a Modelfile that says the same, or is refused.
pub fn transformers_config(input: &[u8]) {
    let mut options = GenerateOptions::default();
    options.name = Some("model".to_owned());
    options.metadata = Metadata::from_transformers(&[input, input]);
    if let Ok(text) = generate(&[("model.bin".to_owned(), 1)], &options) {
        let recipe = Modelfile::parse(&text)
            .lower()
            .unwrap_or_else(|diagnostics| panic!("{text:?}: {diagnostics:?}"));
        let said = [recipe.family, recipe.precision, recipe.quantization];
        let metadata = options.metadata;
        let known = [metadata.family, metadata.precision, metadata.quantization];
        assert_eq!(said, known, "{text:?}");
    }
}

/// Whatever an archive says, nothing is written beside the directory that it is unpacked into, and
/// nothing is left in it when the archive is refused.
pub fn tar_layer(input: &[u8]) {
    let encoding = match input {
        [0x1f, 0x8b, ..] => Encoding::TarGzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Encoding::TarZstd,
        _ => Encoding::Tar,
    };
    let Ok(root) = tempfile::tempdir() else {
        return;
    };
    let expected = Expected {
        digest: Digest::sha256(input),
        size: input.len() as u64,
    };
    let mut limits = Limits::default();
    limits.entries = 1000;
    limits.bytes = 16 << 20;
    let inside = root.path().join("inside");
    let outcome = Destination::open(&inside)
        .and_then(|destination| destination.unpack_tar(encoding, &mut &*input, &expected, &limits));
    let names = |directory: &std::path::Path| -> Vec<String> {
        std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    };
    let beside = names(root.path());
    assert!(beside.iter().all(|name| name == "inside"), "{beside:?}");
    match outcome {
        Ok(files) => {
            for file in files {
                let written = std::fs::symlink_metadata(inside.join(file.path.as_str()))
                    .unwrap_or_else(|error| panic!("{}: {error}", file.path));
                assert!(written.is_file() && written.len() == file.size);
            }
        }
        Err(_) => assert_eq!(names(&inside), [""; 0]),
    }
}
