//! Which names are like another.

use super::nearest;

fn check(wanted: &str, expected: &[&str]) {
    let names = [
        "config.json",
        "docs/README.md",
        "model.gguf",
        "MODEL-2.gguf",
    ];
    assert_eq!(nearest(wanted, names), expected, "{wanted}");
}

#[test]
fn mistakes_of_the_fingers() {
    check("modle.gguf", &["model.gguf"]);
    check("*.ggf", &["model.gguf", "MODEL-2.gguf"]);
    check("Config.JSON", &["config.json"]);
    check("doc/README.md", &["docs/README.md"]);
    check("README.md", &["docs/README.md"]);
}

#[test]
fn other_names_are_not_like_it() {
    check("tokenizer", &[]);
    check("*", &[]);
    check("", &[]);
    check("ж", &[]);
}
