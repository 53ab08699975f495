//! Properties of the files that a model is made of.

use modelpack_layer::{Destination, Expected, Limits};
use modelpack_modelfile::{Modelfile, Pattern};
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
