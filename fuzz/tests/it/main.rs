//! Replays every seed, and keeps targets, seeds and table together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use modelpack_fuzz::PROPERTIES;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| {
            let name = entry.expect("the folder can be listed").file_name();
            name.to_str().expect("names are text").to_owned()
        })
        .collect()
}

#[test]
fn every_seed_keeps_its_property() {
    for (name, property) in PROPERTIES {
        let seeds = folder("seeds").join(name);
        let files = names(&seeds);
        assert!(files.len() >= 2, "{name} has too few seeds");
        for file in files {
            let seed = fs::read(seeds.join(&file)).expect("the seed can be read");
            println!("{name}/{file}");
            property(&seed);
            // What is cut off or has one wrong byte is what parsers trip over.
            property(&seed[..seed.len() / 2]);
            let mut changed = seed.clone();
            if let Some(byte) = changed.get_mut(seed.len() / 3) {
                *byte ^= 0x20;
                property(&changed);
            }
        }
        property(b"");
    }
}

#[test]
fn every_property_has_seeds_and_a_target() {
    let properties: BTreeSet<String> = PROPERTIES.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(names(&folder("seeds")), properties);

    let targets: BTreeSet<String> = properties.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder("fuzz_targets")), targets);

    let manifest = fs::read_to_string(folder("targets/Cargo.toml")).expect("it can be read");
    let table = fs::read_to_string(folder("README.md")).expect("it can be read");
    for name in &properties {
        let target = fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs")))
            .expect("it can be read");
        assert!(
            target.contains(&format!("modelpack_fuzz::{name}(input)")),
            "{name}"
        );
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(table.contains(&format!("| `{name}` |")), "{name}");
    }
}
