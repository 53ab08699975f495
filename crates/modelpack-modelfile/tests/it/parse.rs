//! Parsing: values, mistakes with their places, and the lossless tree.

use modelpack_modelfile::{Modelfile, Recipe};
use modelpack_spec::Kind;
use proptest::prelude::*;

fn recipe(text: &str) -> Recipe {
    Modelfile::parse(text)
        .lower()
        .unwrap_or_else(|diagnostics| panic!("{text:?}: {diagnostics:?}"))
}

/// Line, column and message of every mistake.
fn mistakes(text: &str) -> Vec<String> {
    let diagnostics = Modelfile::parse(text).lower().expect_err(text);
    diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn one_argument_in_every_way_to_write_it() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            recipe(text).sources[0].pattern.as_str(),
            expected,
            "{text:?}"
        );
    };
    check("MODEL foo", "foo");
    check("model foo", "foo");
    check("  MoDeL\tfoo  \r\n", "foo");
    check("MODEL \"a b\"", "a b");
    check("MODEL \"a\"b", "ab");
    check("MODEL a\\ b", "a b");
    check("MODEL \"say \\\"hi\\\"\"", "say \"hi\"");
    check("MODEL a\\\\b", "a\\b");
    check("MODEL foo\\", "foo");
    check("\u{feff}MODEL foo", "foo");
    check("MODEL it's", "it's");
    check(
        &format!("MODEL {}", "x".repeat(200_000)),
        &"x".repeat(200_000),
    );
}

#[test]
fn mistakes_name_their_line_and_column() {
    let check = |text: &str, expected: &[&str]| assert_eq!(mistakes(text), expected, "{text:?}");
    check("FROM x", &["line 1, column 1: unknown command `FROM`"]);
    check("MODELS x", &["line 1, column 1: unknown command `MODELS`"]);
    check(
        "# a\n\nMODEL",
        &["line 3, column 1: MODEL is followed by nothing, expected a path or pattern"],
    );
    check(
        "NAME \"\"",
        &["line 1, column 6: the argument of NAME is empty, expected a value"],
    );
    check(
        "MODEL foo # c",
        &["line 1, column 11: MODEL takes one argument, this is more"],
    );
    check(
        "MODEL \"foo",
        &["line 1, column 7: this quote is never closed"],
    );
    check(
        "NAME a\nname b",
        &["line 2, column 1: NAME stands here again, it was set in line 1"],
    );
    check(
        "MODEL ../x",
        &["line 1, column 7: `../x` is outside of the work directory: it has `..`"],
    );
    check(
        "DOC /etc/passwd",
        &[
            "line 1, column 5: `/etc/passwd` is outside of the work directory: it is absolute; write it relative to the work directory",
        ],
    );
    check(
        "ä x\nCODE [",
        &[
            "line 1, column 1: unknown command `ä`",
            "line 2, column 6: invalid pattern `[`: a `[` is never closed; write `\\[` for the character itself",
        ],
    );
}

#[test]
fn a_mistake_is_shown_with_a_caret_and_a_hint() {
    let text = "NAME tiny\n  MODLE\tfoo.bin\n";
    let rendered = Modelfile::parse(text).diagnostics[0].render(text);
    assert_eq!(
        rendered,
        "error: line 2, column 3: unknown command `MODLE`\n  |\n2 |   MODLE foo.bin\n  |   ^^^^^\n  = hint: did you mean MODEL?"
    );
}

#[test]
fn comments_blank_lines_and_duplicates() {
    let recipe = recipe("# c\n\n   # d\nMODEL a\nMODEL a\nCODE a\nDATASET d\nPARAMSIZE 8b");
    let sources: Vec<_> = recipe
        .sources
        .iter()
        .map(|source| (source.kind, source.line))
        .collect();
    assert_eq!(
        sources,
        [(Kind::Weight, 4), (Kind::Code, 6), (Kind::Dataset, 7)]
    );
    assert_eq!(recipe.param_size.as_deref(), Some("8b"));
    assert_eq!(Modelfile::parse("").lower(), Ok(Recipe::default()));
}

proptest! {
    #[test]
    fn the_tree_prints_back_byte_for_byte(text in "(\u{feff}|[MODELNAMEmodel \"\\\\#\t\r\n*a-zé\\[\\]])*") {
        let parsed = Modelfile::parse(&text);
        prop_assert_eq!(parsed.to_string(), text.clone());
        for diagnostic in &parsed.diagnostics {
            // Spans are on character boundaries, or this panics.
            let _ = &text[diagnostic.span.clone()];
            let _ = diagnostic.render(&text);
        }
    }

    #[test]
    fn a_printed_recipe_says_the_same(text in "((NAME|FAMILY|MODEL|DOC|DATASET) (\"[^\"\\\\\n]{1,12}\"|[a-z*?\\[\\]é]{1,9}|a\\\\.b)\n){0,8}") {
        if let Ok(recipe) = Modelfile::parse(&text).lower() {
            let mut again = Modelfile::parse(&recipe.to_string()).lower().expect("a printed recipe parses");
            for (source, original) in again.sources.iter_mut().zip(&recipe.sources) {
                source.line = original.line;
            }
            prop_assert_eq!(again, recipe);
        }
    }
}
