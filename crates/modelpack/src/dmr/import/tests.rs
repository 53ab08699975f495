//! Tests of how a model is found by its name.

use std::path::Path;

use serde_json::Map;

use super::{Entry, find, own_name, qualified};

fn entry(id: &str, tags: Option<&[&str]>) -> Entry {
    Entry {
        id: format!("sha256:{id}{}", "0".repeat(64 - id.len())),
        tags: tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect()),
        files: Vec::new(),
        extra: Map::new(),
    }
}

fn index() -> Vec<Entry> {
    vec![
        entry(
            "aaaa1",
            Some(&["docker.io/ai/gemma3:latest", "localhost:5000/z:1"]),
        ),
        entry("aaaa2", Some(&["ai/smollm2", "hf.co/a/b:Q4_K_M"])),
        entry("beef", None),
    ]
}

#[test]
fn names_are_written_in_full() {
    let check = |name: &str, expected: &str| assert_eq!(qualified(name), expected);
    check("gemma3", "docker.io/ai/gemma3:latest");
    check("gemma3:1B", "docker.io/ai/gemma3:1B");
    check("me/m", "docker.io/me/m:latest");
    check("index.docker.io/me/m:1", "docker.io/me/m:1");
    check("hf.co/a/b", "huggingface.co/a/b:latest");
    check("localhost:5000/z", "localhost:5000/z:latest");
    check("localhost/z:1", "localhost/z:1");
}

#[test]
fn a_model_is_found_by_every_spelling_of_its_names_and_by_its_identifier() {
    let check = |model: &str, id: &str, name: &str| {
        let found = find(index(), model, Path::new("d")).expect("it is there");
        assert!(found.id.starts_with(&format!("sha256:{id}")), "{model}");
        assert_eq!(
            own_name(&found, model).expect("a name").to_string(),
            name,
            "{model}"
        );
    };
    check("gemma3", "aaaa1", "docker.io/ai/gemma3:latest");
    check("ai/gemma3:latest", "aaaa1", "docker.io/ai/gemma3:latest");
    check("localhost:5000/z:1", "aaaa1", "localhost:5000/z:1");
    check(
        "docker.io/ai/smollm2",
        "aaaa2",
        "docker.io/ai/smollm2:latest",
    );
    check(
        "huggingface.co/a/b:Q4_K_M",
        "aaaa2",
        "huggingface.co/a/b:Q4_K_M",
    );
    check("AAAA2", "aaaa2", "docker.io/ai/smollm2:latest");
    check("sha256:aaaa1", "aaaa1", "docker.io/ai/gemma3:latest");
}

#[test]
fn what_is_not_there_or_not_one_is_refused() {
    let check = |model: &str, expected: &str| {
        let error = find(index(), model, Path::new("d")).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
    };
    check("gemma", "there is no model `gemma` in d");
    check("aaa", "there is no model `aaa` in d");
    check(
        "aaaa",
        "2 models in d have an identifier that begins with `aaaa`",
    );
    let nameless = find(index(), "beef", Path::new("d")).expect("it is there");
    let error = own_name(&nameless, "beef").expect_err("it has no name");
    assert!(error.hint().expect("a hint").contains("-t HOST"));
}
