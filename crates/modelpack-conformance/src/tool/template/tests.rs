//! Quotes, placeholders and what is wrong with them.

use super::*;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let template: Template = text.parse().expect("it is a template");
    let values = PLACEHOLDERS.map(|name| (name, OsString::from(format!("<{name} x>"))));
    let words = template.fill(&values.into_iter().collect());
    assert_eq!(words, expected, "{text}");
}

#[track_caller]
fn refuse(text: &str, expected: &str) {
    let error = text.parse::<Template>().expect_err("it is no template");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn words() {
    check("a  b\tc\n", &["a", "b", "c"]);
    check(
        "sh -c 'a \"b\" > c' \"d 'e' \\\"\"",
        &["sh", "-c", "a \"b\" > c", "d 'e' \""],
    );
    check("a\\ b '' \"\\n\"", &["a b", "", "\\n"]);
    check(
        "docker://{ref} --out={out}",
        &["docker://<ref x>", "--out=<out x>"],
    );
    check(
        "'{dir}{modelfile}' {{ref}} {repo}",
        &["<dir x><modelfile x>", "{ref}", "<repo x>"],
    );
}

#[test]
fn defects() {
    refuse("  ", "the command is empty");
    refuse("a 'b", "the command `a 'b` ends inside of a quote");
    refuse("a \\", "the command `a \\` ends inside of a quote");
    let there_are = "which is no placeholder; there are {ref}, {repo}, {dir}, {modelfile}, {file} and {out}, and `{{` is a brace";
    refuse(
        "a {reference}",
        &format!("the command `a {{reference}}` has `{{reference}}`, {there_are}"),
    );
    refuse(
        "a {ref",
        &format!("the command `a {{ref` has `{{ref}}`, {there_are}"),
    );
    refuse(
        "a }",
        &format!("the command `a }}` has `{{}}`, {there_are}"),
    );
}
