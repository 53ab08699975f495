//! Every `hosts.toml` that the documentation shows can be read.

use super::*;

const DOCUMENTATION: &str = include_str!("../../../docs/hosts.md");

/// The bodies of all code blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}\n");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(opening.as_str()) {
        let (block, after) = after.split_once("\n```").expect("a block that ends");
        found.push(block);
        rest = after;
    }
    found
}

#[test]
fn every_documented_example_is_read() {
    let examples = blocks(DOCUMENTATION, "toml");
    assert!(examples.len() >= 5, "{examples:#?}");
    for example in examples {
        let hosts = Hosts::from_toml(example);
        let hosts = hosts.unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert_ne!(hosts, Hosts::default(), "{example}");
    }
}

#[test]
fn every_setting_is_documented_and_every_documented_one_exists() {
    let rows = DOCUMENTATION.lines().filter_map(|line| {
        let (key, _) = line.strip_prefix("| `")?.split_once("` |")?;
        Some(key)
    });
    let mut documented: Vec<&str> = rows.collect();
    documented.sort_unstable();
    // What the parser itself says that it knows.
    let mut known: Vec<String> = Vec::new();
    for section in [
        "[default]\nx = 1",
        "[[default.mirror]]\nurl = \"https://m\"\nx = 1",
        "x = 1",
    ] {
        let error = Hosts::from_toml(section).expect_err("no such key").message;
        let (_, list) = error.split_once("expected one of ").expect("a list");
        let keys = list.split(", ").map(|key| key.trim_matches('`').to_owned());
        known.extend(keys.filter(|key| !matches!(key.as_str(), "host" | "default" | "mirror")));
    }
    known.sort_unstable();
    assert_eq!(documented, known);
}

#[test]
fn files_lie_beside_the_file_that_names_them() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    std::fs::write(scratch.path().join("ca.pem"), "pem").expect("written");
    let path = scratch.path().join("hosts.toml");
    let hosts = parse(&path, "[default]\nca_file = \"ca.pem\"\n").expect("read");
    assert_eq!(hosts.default.ca_pem, [b"pem".to_vec()]);

    let error = parse(&path, "[default]\nca_file = \"no.pem\"\n").expect_err("not there");
    assert!(
        error.contains("hosts.toml: ") && error.contains("no.pem"),
        "{error}"
    );
    let error = parse(&path, "[default]\n\nca_fil = 1\n").expect_err("a typing mistake");
    assert!(error.contains("hosts.toml: line 3, column 1: "), "{error}");
}
