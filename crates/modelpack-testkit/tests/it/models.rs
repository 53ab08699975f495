//! Fixture models are what `SHA256SUMS` says; toy models are the same every time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use modelpack_testkit::{ToyModel, copy_model, fixtures, model};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[test]
fn fixture_models_are_what_their_sums_say() {
    let models = fixtures().join("models");
    let sums = fs::read_to_string(models.join("SHA256SUMS")).unwrap();
    let expected: BTreeMap<String, String> = sums
        .lines()
        .map(|line| {
            let (sum, path) = line.split_once("  ").expect("two spaces part sum and path");
            (path.to_owned(), sum.to_owned())
        })
        .collect();
    let mut found = BTreeMap::new();
    for name in ["tiny-llama-gguf", "tiny-safetensors"] {
        for (path, bytes) in contents(&model(name)) {
            let sum: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            found.insert(format!("{name}/{path}"), sum);
        }
    }
    assert_eq!(
        found, expected,
        "was a fixture edited on purpose? Then run spec-fixtures/models/generate.py"
    );
}

#[test]
fn the_index_of_the_shards_names_every_tensor() {
    let directory = model("tiny-safetensors");
    let index: Value =
        serde_json::from_slice(&fs::read(directory.join("model.safetensors.index.json")).unwrap())
            .unwrap();
    let indexed = index["weight_map"].as_object().unwrap();
    let mut stored = BTreeMap::new();
    for shard in [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ] {
        let bytes = fs::read(directory.join(shard)).unwrap();
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
        stored.extend(
            header
                .into_keys()
                .filter(|name| name != "__metadata__")
                .map(|name| (name, shard)),
        );
    }
    assert_eq!(stored.len(), 21);
    let indexed: BTreeMap<String, &str> = indexed
        .iter()
        .map(|(name, shard)| (name.clone(), shard.as_str().unwrap()))
        .collect();
    assert_eq!(stored, indexed);
}

#[test]
fn a_copied_model_is_the_model() {
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("below/copy");
    copy_model("tiny-safetensors", &copy);
    assert_eq!(contents(&copy), contents(&model("tiny-safetensors")));
}

#[cfg(unix)]
#[test]
fn copies_keep_the_executable_bit() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    copy_model("tiny-safetensors", scratch.path());
    let executable = |path: &str| {
        scratch
            .path()
            .join(path)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o100
            != 0
    };
    assert!(executable("code/predict.py"));
    assert!(!executable("code/modeling.py"));
}

#[test]
#[should_panic(expected = "there is no fixture model \"huge\"")]
fn an_unknown_model_is_named() {
    model("huge");
}

#[test]
fn toy_models_depend_on_their_settings_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, toy: ToyModel| {
        let directory = scratch.path().join(name);
        let files = toy.write(&directory);
        let contents = contents(&directory);
        assert_eq!(files, contents.keys().cloned().collect::<Vec<_>>());
        contents
    };
    let first = write(
        "first",
        ToyModel::new()
            .weights(3, 1000)
            .file("code/run.py", "pass\n"),
    );
    let names: BTreeSet<&str> = first.keys().map(String::as_str).collect();
    let expected = [
        "Modelfile",
        "README.md",
        "code/run.py",
        "config.json",
        "weights-0.bin",
        "weights-1.bin",
        "weights-2.bin",
    ];
    assert_eq!(names, expected.into_iter().collect());
    assert_eq!(first["weights-1.bin"].len(), 1000);
    assert_ne!(first["weights-0.bin"], first["weights-1.bin"]);
    assert!(String::from_utf8_lossy(&first["Modelfile"]).contains("MODEL weights-2.bin\n"));

    assert_eq!(
        first,
        write(
            "same",
            ToyModel::new()
                .weights(3, 1000)
                .file("code/run.py", "pass\n")
        )
    );
    let seeded = write(
        "seeded",
        ToyModel::new()
            .weights(3, 1000)
            .seed(1)
            .file("Modelfile", "NAME mine\n"),
    );
    assert_ne!(first["weights-0.bin"], seeded["weights-0.bin"]);
    assert_eq!(seeded["Modelfile"], b"NAME mine\n");
}

/// Every file below a directory, by its path with `/`.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a model is a readable directory") {
        let entry = entry.expect("a model is a readable directory");
        let name = entry
            .file_name()
            .into_string()
            .expect("fixtures have names in Unicode");
        // Python leaves its caches when somebody runs the fixture's code.
        if name == "__pycache__" {
            continue;
        }
        if entry.path().is_dir() {
            found.extend(
                contents(&entry.path())
                    .into_iter()
                    .map(|(path, bytes)| (format!("{name}/{path}"), bytes)),
            );
        } else {
            found.insert(name, fs::read(entry.path()).expect("fixtures are readable"));
        }
    }
    found
}
