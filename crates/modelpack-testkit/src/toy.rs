//! A model directory made up on the spot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::random_bytes;

/// Writes a directory that every part of the toolkit takes for a model: weights of any number and size, a
/// `config.json`, a README and a Modelfile that names them all.
///
/// The bytes depend on the settings alone, so two directories with the same settings are equal.
#[derive(Debug, Clone)]
#[must_use = "nothing is written before `write`"]
pub struct ToyModel {
    weights: usize,
    weight_len: usize,
    seed: u64,
    files: BTreeMap<String, Vec<u8>>,
}

impl ToyModel {
    /// One weight file of 4 KiB.
    pub fn new() -> Self {
        let config =
            br#"{"model_type":"toy","torch_dtype":"float32","transformers_version":"4.57.1"}"#;
        let files = [
            ("config.json", config.as_slice()),
            (
                "README.md",
                b"# Toy\n\nNot a model, but it looks like one.\n",
            ),
        ];
        Self {
            weights: 1,
            weight_len: 4096,
            seed: 0,
            files: files
                .into_iter()
                .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
                .collect(),
        }
    }

    /// `count` files `weights-0.bin`, `weights-1.bin`, … of `len` bytes each, all different.
    pub fn weights(mut self, count: usize, len: usize) -> Self {
        (self.weights, self.weight_len) = (count, len);
        self
    }

    /// Other weights: the same seed gives the same bytes.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// One more file, or other contents for one that is there. A `Modelfile` replaces the generated one;
    /// any other file is not named in that.
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    /// Writes the files into `directory`, which is created, and returns their paths in it, sorted.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    pub fn write(&self, directory: &Path) -> Vec<String> {
        let mut files = self.files.clone();
        let mut modelfile =
            String::from("NAME toy\nFAMILY toy\nFORMAT bin\nCONFIG config.json\nDOC README.md\n");
        for number in 0..self.weights {
            let name = format!("weights-{number}.bin");
            modelfile += &format!("MODEL {name}\n");
            let seed = self
                .seed
                .wrapping_mul(1_000_003)
                .wrapping_add(number as u64);
            files.insert(name, random_bytes(self.weight_len, seed));
        }
        files
            .entry("Modelfile".to_owned())
            .or_insert_with(|| modelfile.into_bytes());
        for (path, bytes) in &files {
            let target = directory.join(path);
            let parent = target
                .parent()
                .expect("a file below a directory has a parent");
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&target, bytes))
                .unwrap_or_else(|error| panic!("cannot write {}: {error}", target.display()));
        }
        files.into_keys().collect()
    }
}

impl Default for ToyModel {
    fn default() -> Self {
        Self::new()
    }
}
