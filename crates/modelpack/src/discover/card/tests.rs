//! What cards say, and what breaks them.

use modelpack_modelfile::Field;
use proptest::prelude::*;

use super::{front_matter, read};

/// What a card says, as lines of property and value.
#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let said = read(yaml).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<String> = Field::all()
        .flat_map(|field| {
            let values = said.values(field).into_iter();
            values.map(move |value| format!("{} {value}", field.as_str()))
        })
        .collect();
    assert_eq!(lines, expected, "{yaml}");
}

#[test]
fn where_it_begins_and_ends() {
    for (text, expected) in [
        ("---\na: 1\n---\n# Title\n", Some("a: 1\n")),
        ("\u{feff}---\r\na: 1\r\n---\r\n", Some("a: 1\r\n")),
        ("---\n---", Some("")),
        ("# Title\n---\na: 1\n---\n", None),
        ("---\nA rule, and no more.\n", None),
        ("----\na: 1\n----\n", None),
        ("", None),
    ] {
        assert_eq!(front_matter(text), expected, "{text:?}");
    }
}

#[test]
fn a_card_of_a_hub() {
    check(
        "license: apache-2.0\nlanguage:\n- en\n- zh-Hans\n- no\n- multilingual\nbase_model: Qwen/Qwen3-8B\ndatasets: [allenai/c4, imdb, 'https://example.com/d']\ntags: [a, b]\nmodel-index:\n- name: x\n  results:\n  - task: {type: y, license: mit}\n    language: [fr]\npipeline_tag: text-generation\n",
        &[
            "LICENSE Apache-2.0",
            "DATASETURL https://huggingface.co/datasets/allenai/c4",
            "DATASETURL https://huggingface.co/datasets/imdb",
            "DATASETURL https://example.com/d",
            "LANGUAGE en",
            "LANGUAGE zh",
            "LANGUAGE no",
            "ANNOTATION org.modelpack.base-model=Qwen/Qwen3-8B",
        ],
    );
}

#[test]
fn licences_that_spdx_does_not_list_keep_their_name() {
    check("license: llama3", &["LICENSE LicenseRef-llama3"]);
    check(
        "license: [mit, MIT OR Apache-2.0]",
        &["LICENSE MIT", "LICENSE MIT OR Apache-2.0"],
    );
    check(
        "license: other\nlicense_name: Tongyi Qianwen!\nlicense_link: https://example.com",
        &["LICENSE LicenseRef-Tongyi-Qianwen"],
    );
    check("license: other", &[]);
    check("license: unknown", &[]);
    check("license: {id: mit}", &[]);
    check("license:", &[]);
    check("license: ~", &[]);
}

#[test]
fn forms_that_say_nothing_here() {
    check("- license: mit", &[]);
    check("mit", &[]);
    check("", &[]);
    check("# license: mit", &[]);
    check("language: [[en], {a: de}, fr]", &["LANGUAGE fr"]);
    check("language: en\n---\nlanguage: de", &["LANGUAGE en"]);
    check(
        "datasets: [a/b/c, 'a b', ../x, 7]",
        &["DATASETURL https://huggingface.co/datasets/7"],
    );
    check("language: \"e\\nn\"\nlicense: \"mi\\u0007t\"", &[]);
    // A key that is no word, and one that is an alias, do not move the others.
    check("? [a, b]\n: x\nlanguage: en", &["LANGUAGE en"]);
    check("a: &x language\n*x : de\nlanguage: en", &["LANGUAGE en"]);
    check("a: &x [de]\nlanguage: *x\nlicense: mit", &["LICENSE MIT"]);
}

#[test]
fn what_is_no_yaml_is_an_error_with_its_line() {
    let error = read("license: mit\nlanguage: [en\ntags: {\n").expect_err("it is broken");
    assert!(error.marker().line() >= 2, "{error}");
    assert!(read("a: \"b").is_err());
    assert!(read("a: b: c").is_err());
}

#[test]
fn hostile_cards_end() {
    // Neither overflows the stack nor grows.
    let deep = format!("license: mit\na: {}", "[".repeat(100_000));
    let _ = read(&deep);
    let deep = format!(
        "license: mit\na: {}{}",
        "{a: ".repeat(20_000),
        "}".repeat(20_000)
    );
    let _ = read(&deep);
    let aliases = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nlanguage: *c\nlicense: mit\n";
    check(aliases, &["LICENSE MIT"]);
}

proptest! {
    /// Whatever stands there, it is read or refused.
    #[test]
    fn any_text_is_read_or_refused(
        text in prop_oneof![
            "[a-e\\[\\]{}:,?&*!|>'\"#%@`\n \t-]{0,60}",
            "(license|language|datasets|base_model|a): ?([a-z./-]{0,8}|\\[[a-z, ]{0,12}\\]|\n- [a-z]{0,4})\n",
            any::<String>(),
        ],
    ) {
        let _ = front_matter(&text);
        let _ = read(&text);
    }
}
