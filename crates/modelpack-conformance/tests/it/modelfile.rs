//! The suite `modelfile`: its vectors, our own parser judged by it, and parsers that are broken in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use modelpack_conformance::{
    ModelfileAnswer, Outcome, Position, Report, judge_modelfile, modelfile_requirements,
};
use modelpack_modelfile::{Keyword, Modelfile};
use modelpack_testkit::fixtures;
use serde_json::{Map, Value, json};

use crate::vectors::check_written;

/// Which requirement a text is a vector of.
const RULES: &[(&str, &[&str])] = &[
    ("commands", &["every-command", "lower-case"]),
    ("blank", &["empty", "only-comments", "white-space-around"]),
    ("line-ends", &["carriage-returns", "no-last-line-break"]),
    (
        "quotes",
        &[
            "quotes-and-escapes",
            "quotes-within",
            "backslash-at-the-end",
        ],
    ),
    ("repeated-files", &["repeated", "several-files"]),
    ("patterns", &["patterns"]),
    (
        "unknown-command",
        &[
            "unknown-command",
            "misspelled-command",
            "longer-command",
            "control-characters",
            "second-byte-order-mark",
            "several-mistakes",
            "line-after-comments",
        ],
    ),
    (
        "one-argument",
        &[
            "no-argument",
            "only-spaces-follow",
            "empty-argument",
            "two-arguments",
            "value-of-two-words",
            "single-quotes",
            "trailing-comment",
        ],
    ),
    (
        "unclosed-quote",
        &["unclosed-quote", "quote-opens-in-a-word"],
    ),
    ("repeated-field", &["duplicate-field"]),
    (
        "inside",
        &[
            "dots-that-stay-inside",
            "absolute-path",
            "parent-directory",
            "escaped-parent-directory",
        ],
    ),
    ("malformed-pattern", &["names-no-file", "unclosed-class"]),
    ("tabs", &["tabs"]),
    ("byte-order-mark", &["byte-order-mark"]),
    ("long-lines", &["long-line"]),
];

/// The requirement of a vector.
pub(crate) fn rule_of(name: &str) -> String {
    let found = RULES.iter().find(|(_, names)| names.contains(&name));
    let (rule, _) = found.unwrap_or_else(|| panic!("no rule has the vector {name}"));
    format!("modelfile.{rule}")
}

/// Our own parser, as JSON: the same as the example `parse_json` of its crate.
fn parse(text: &str) -> Value {
    let modelfile = Modelfile::parse(text);
    if let Err(mistakes) = modelfile.lower() {
        let mistakes = mistakes
            .iter()
            .map(|it| json!({ "line": it.line, "column": it.column }));
        return json!({ "errors": mistakes.collect::<Vec<_>>() });
    }
    let mut tree = Map::new();
    for (_, command) in modelfile.commands() {
        let key = command.keyword.as_str().to_lowercase();
        let value = Value::from(command.value.as_str());
        if let Keyword::Files(_) = command.keyword {
            let list = tree.entry(key).or_insert_with(|| json!([]));
            let list = list.as_array_mut().unwrap();
            if !list.contains(&value) {
                list.push(value);
            }
        } else {
            tree.insert(key, value);
        }
    }
    tree.into()
}

/// Name, path and text of every vector, in the order of their names.
pub(crate) fn texts() -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["valid", "invalid"] {
        for entry in fs::read_dir(fixtures().join("modelfile").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push((name, path, text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_vectors_are_up_to_date() {
    let texts = texts();
    let known: BTreeSet<&str> = RULES
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let names: BTreeSet<&str> = texts.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, known);
    assert_eq!(names.len(), texts.len(), "two vectors have one name");

    let mut copy = Vec::new();
    for (name, path, text) in &texts {
        let answer = parse(text);
        let is_invalid = path.parent().unwrap().ends_with("invalid");
        assert_eq!(answer.get("errors").is_some(), is_invalid, "{name}");
        let pretty = format!("{}\n", serde_json::to_string_pretty(&answer).unwrap());
        let path = fixtures().join(format!("modelfile/expected/{name}.json"));
        check_written(&path, pretty.as_bytes());
        let vector = json!({
            "name": name, "rule": rule_of(name), "text": text, "expect": answer,
        });
        copy.push(vector.to_string());
    }
    let copy = format!("[\n{}\n]\n", copy.join(",\n"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/modelfile/vectors.json");
    check_written(path.as_ref(), copy.as_bytes());
}

/// A parser of the form that [`ModelfileAnswer::from_output`] reads, with a fault.
fn judge(fault: impl Fn(&str, Value) -> Value) -> Report {
    judge_modelfile(|bytes| {
        let text = std::str::from_utf8(bytes).unwrap();
        let answer = fault(text, parse(text));
        let succeeded = answer.get("errors").is_none();
        ModelfileAnswer::from_output(succeeded, answer.to_string().as_bytes())
    })
}

fn failed(report: &Report) -> BTreeMap<String, usize> {
    let failed = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed);
    failed
        .map(|check| (check.id.to_string(), check.findings.len()))
        .collect()
}

#[test]
fn our_own_parser_conforms() {
    let report = judge(|_, answer| answer);
    assert_eq!(failed(&report), BTreeMap::new(), "{report}");
    assert_eq!(report.checks.len(), modelfile_requirements().len());
}

/// Each requirement with a parser that breaks it and nothing else.
#[test]
fn broken_parsers_are_found() {
    type Applies = fn(&str) -> bool;
    type Fault = fn(&str, Value) -> Value;
    let refuse: Fault = |_, _| json!({ "errors": [{ "line": 1, "column": 1 }] });
    let cases: &[(&str, Applies, Fault)] = &[
        ("commands", |text| text.starts_with("name tiny"), refuse),
        (
            "blank",
            |text| text.contains("white") || text.contains("# another"),
            refuse,
        ),
        ("line-ends", |text| text.contains("\r\n"), refuse),
        (
            "quotes",
            |text| text.contains("half\"-quoted"),
            |_, mut answer| {
                answer["name"] = "\"my model\"".into();
                answer
            },
        ),
        (
            "repeated-files",
            |text| text.starts_with("MODEL a.bin\nMODEL a.bin"),
            |_, mut answer| {
                answer["model"] = json!(["a.bin", "a.bin"]);
                answer
            },
        ),
        (
            "patterns",
            |text| text.contains("docs/**"),
            |_, mut answer| {
                answer["doc"] = json!(["docs/README.md"]);
                answer
            },
        ),
        (
            "unknown-command",
            |text| text.contains("\nFROM"),
            |_, _| json!({}),
        ),
        (
            "one-argument",
            |text| text.starts_with("DOC read me"),
            |_, _| json!({}),
        ),
        (
            "unclosed-quote",
            |text| text.contains("q\"x"),
            |_, _| json!({}),
        ),
        (
            "repeated-field",
            |text| text.ends_with("name two\n"),
            |_, _| json!({}),
        ),
        (
            "inside",
            |text| text.starts_with("MODEL ../"),
            |_, _| json!({}),
        ),
        (
            "malformed-pattern",
            |text| text.contains("[1.bin"),
            |_, _| json!({}),
        ),
        (
            "line",
            |text| text.contains("MODLE"),
            |_, mut answer| {
                answer["errors"][0]["line"] = 2.into();
                answer
            },
        ),
        (
            "column",
            |text| text.contains("MODLE"),
            |_, mut answer| {
                answer["errors"][0]["column"] = Value::Null;
                answer
            },
        ),
        ("tabs", |text| text.starts_with("NAME\t"), refuse),
        (
            "byte-order-mark",
            |text| text.starts_with('\u{feff}'),
            refuse,
        ),
        ("long-lines", |text| text.len() > 65536, refuse),
        (
            "answers",
            |text| text.contains("MODLE"),
            |_, _| json!({ "errors": "a lot" }),
        ),
    ];
    for (rule, applies, fault) in cases {
        let report = judge(|text, answer| match applies(text) {
            true => fault(text, answer),
            false => answer,
        });
        let found: Vec<String> = failed(&report).into_keys().collect();
        assert_eq!(found, [format!("modelfile.{rule}")], "{report}");
    }
    let broken: BTreeSet<String> = cases
        .iter()
        .map(|(rule, ..)| format!("modelfile.{rule}"))
        .collect();
    let asked: BTreeSet<String> = modelfile_requirements()
        .iter()
        .map(|asked| asked.id.to_owned())
        .collect();
    assert_eq!(broken, asked);
}

#[test]
fn answers_of_commands() {
    let check = |succeeded, output: &str, expected: Result<ModelfileAnswer, &str>| {
        let found = ModelfileAnswer::from_output(succeeded, output.as_bytes());
        assert_eq!(
            found.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|it| *it)
        );
    };
    let accepted = |value: Value| {
        Ok(ModelfileAnswer::Accepted(
            value.as_object().unwrap().clone(),
        ))
    };
    let at = |line, column| Ok(ModelfileAnswer::Refused(Some(Position { line, column })));
    check(true, "{}", accepted(json!({})));
    check(
        true,
        r#"{"name":"x","errors":[]}"#,
        accepted(json!({ "name": "x" })),
    );
    check(
        false,
        r#"{"errors":[{"line":3,"column":7}]}"#,
        at(3, Some(7)),
    );
    check(true, r#"{"errors":[{"line":3}]}"#, at(3, None));
    check(false, "parse error", Ok(ModelfileAnswer::Refused(None)));
    check(false, "", Ok(ModelfileAnswer::Refused(None)));
    check(false, r#"{"name":"x"}"#, Ok(ModelfileAnswer::Refused(None)));
    check(true, "[]", Err("the output is [], not an object"));
    let no_json = "the output is no JSON: EOF while parsing a value at line 1 column 0";
    check(true, "", Err(no_json));
}
