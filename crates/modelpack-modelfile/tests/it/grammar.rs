//! What a line means, and what it does not.

use modelpack_modelfile::{LineKind, Modelfile, Recipe};

/// The commands of a Modelfile as `WORD value` lines, or the first mistake.
fn read(text: &str) -> Result<String, String> {
    let modelfile = Modelfile::parse(text);
    assert_eq!(modelfile.to_string(), text, "the tree prints what it read");
    match modelfile.diagnostics.first() {
        Some(diagnostic) => Err(diagnostic.to_string()),
        None => Ok(modelfile
            .commands()
            .map(|(line, command)| {
                assert_eq!(
                    text[command.keyword_span.clone()].to_uppercase(),
                    command.keyword.as_str(),
                    "line {line}"
                );
                format!("{} {}", command.keyword.as_str(), command.value)
            })
            .collect::<Vec<_>>()
            .join("\n")),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(read(text).as_deref(), Ok(expected), "{text:?}");
}

#[track_caller]
fn check_mistake(text: &str, expected: &str) {
    assert_eq!(
        read(text).as_ref().map_err(String::as_str),
        Err(expected),
        "{text:?}"
    );
}

#[test]
fn every_command_is_known() {
    check(
        "CONFIG a\nMODEL b\nCODE c\nDATASET d\nDOC e\nNAME f\nARCH g\nFAMILY h\nFORMAT i\nPARAMSIZE j\nPRECISION k\nQUANTIZATION l\n",
        "CONFIG a\nMODEL b\nCODE c\nDATASET d\nDOC e\nNAME f\nARCH g\nFAMILY h\nFORMAT i\nPARAMSIZE j\nPRECISION k\nQUANTIZATION l",
    );
    check("model a\nmOdEl b", "MODEL a\nMODEL b");
}

#[test]
fn lines_that_say_nothing() {
    check("", "");
    check("\n\n \t\n# a comment\n   # another \"\n", "");
    check("\u{feff}", "");
    check("\u{feff}# a comment", "");
}

/// MA13: White space around and between.
#[test]
fn white_space_around_and_between() {
    check("  MODEL  x  ", "MODEL x");
    check("\u{a0}MODEL x\u{3000}", "MODEL x");
    check("NAME a\r\nMODEL b\r\n", "NAME a\nMODEL b");
    check("MODEL\tfoo\n", "MODEL foo");
    check("MODEL \t \tfoo\n", "MODEL foo");
    check("\u{feff}NAME x\n", "NAME x");
    check("\u{feff}  NAME x\n", "NAME x");
    // Only a space and a tab separate; other white space belongs to the name.
    check("MODEL a\u{a0}b", "MODEL a\u{a0}b");
    check("MODEL a\u{2028}b", "MODEL a\u{2028}b");
}

#[test]
fn quotes_and_escapes() {
    check(r#"MODEL "a b""#, "MODEL a b");
    check("MODEL \"a\tb\"", "MODEL a\tb");
    check(r#"MODEL "a"b"#, "MODEL ab");
    check(r#"MODEL a" "b"#, "MODEL a b");
    check(r#"MODEL "a"" b""#, "MODEL a b");
    check(r"MODEL a\ b", "MODEL a b");
    check(r"MODEL a\\b", r"MODEL a\b");
    check(r"MODEL a\b", "MODEL ab");
    check(r#"MODEL a\"b"#, r#"MODEL a"b"#);
    check(r#"MODEL "a\"b\\""#, r#"MODEL a"b\"#);
    check(r#"MODEL "\a""#, "MODEL a");
    check("MODEL #a", "MODEL #a");
    check("MODEL a#b", "MODEL a#b");
    check("MODEL \"# a\"", "MODEL # a");
    check("MODEL it's", "MODEL it's");
    // A backslash that ends the line has nothing to act on.
    check("MODEL a\\\n", "MODEL a");
    check("MODEL a \\\n", "MODEL a");
}

/// MA13: Long line is read to its end.
#[test]
fn a_long_line_is_read_to_its_end() {
    let name = "n".repeat(1 << 20);
    check(
        &format!("MODEL {name}\nDOC after\n"),
        &format!("MODEL {name}\nDOC after"),
    );
}

#[test]
fn what_no_modelfile_can_hold_is_printed_without() {
    let mut recipe = Recipe::default();
    recipe.name = Some("two\nlines".to_owned());
    recipe.family = Some(String::new());
    assert_eq!(recipe.to_string(), "NAME \"two lines\"\n");
}

#[test]
fn unknown_commands() {
    check_mistake("FROM x", "line 1, column 1: unknown command `FROM`");
    check_mistake("MODELS x", "line 1, column 1: unknown command `MODELS`");
    check_mistake(
        "CONFIGURATION x",
        "line 1, column 1: unknown command `CONFIGURATION`",
    );
    check_mistake(
        "\n# c\n\n  INVALID command\n",
        "line 4, column 3: unknown command `INVALID`",
    );
    check_mistake(
        "\"MODEL\" x",
        "line 1, column 1: unknown command `\"MODEL\"`",
    );
    check_mistake(
        "a\u{1b}[31mb",
        "line 1, column 1: unknown command `a\\u{1b}[31mb`",
    );
    check_mistake(
        "DOC a\n\u{feff}DOC b",
        "line 2, column 1: unknown command `\\u{feff}DOC`",
    );
}

#[test]
fn exactly_one_argument() {
    let nothing = "line 1, column 1: MODEL is followed by nothing, expected a path or pattern";
    check_mistake("MODEL", nothing);
    check_mistake("MODEL  \t", nothing);
    check_mistake("MODEL \\", nothing);
    check_mistake(
        "NAME",
        "line 1, column 1: NAME is followed by nothing, expected a value",
    );
    check_mistake(
        "MODEL \"\"",
        "line 1, column 7: the argument of MODEL is empty, expected a path or pattern",
    );
    check_mistake(
        "MODEL foo bar baz",
        "line 1, column 11: MODEL takes one argument, this is more",
    );
    check_mistake(
        "MODEL foo # c",
        "line 1, column 11: MODEL takes one argument, this is more",
    );
    check_mistake(
        "MODEL 'a b'",
        "line 1, column 10: MODEL takes one argument, this is more",
    );
    check_mistake(
        "MODEL \"\" x",
        "line 1, column 10: MODEL takes one argument, this is more",
    );
}

#[test]
fn quotes_must_close() {
    let never = "this quote is never closed";
    check_mistake("MODEL \"a b", &format!("line 1, column 7: {never}"));
    check_mistake("MODEL q\"x.bin", &format!("line 1, column 8: {never}"));
    check_mistake("MODEL \"a\\\"", &format!("line 1, column 7: {never}"));
    check_mistake("MODEL \"a\nb\"", &format!("line 1, column 7: {never}"));
}

#[test]
fn a_field_stands_once() {
    check_mistake(
        "# c\nNAME foo\nDOC x\n  name bar\n",
        "line 4, column 3: NAME stands here again, it was set in line 2",
    );
    check_mistake(
        "ARCH a\nARCH a\n",
        "line 2, column 1: ARCH stands here again, it was set in line 1",
    );
}

#[test]
fn a_tree_covers_invalid_lines_too() {
    let modelfile = Modelfile::parse("NAME a\nwhat\n\n# c\nMODEL");
    let kinds: Vec<&str> = modelfile
        .lines
        .iter()
        .map(|line| match line.kind {
            LineKind::Blank => "blank",
            LineKind::Comment => "comment",
            LineKind::Command(_) => "command",
            _ => "invalid",
        })
        .collect();
    assert_eq!(kinds, ["command", "invalid", "blank", "comment", "invalid"]);
    assert_eq!(modelfile.diagnostics.len(), 2);
}

#[test]
fn diagnostics_are_bounded() {
    let modelfile = Modelfile::parse(&"what\n".repeat(10_000));
    assert_eq!(modelfile.lines.len(), 10_000);
    assert_eq!(modelfile.diagnostics.len(), 100);
    let outside = Modelfile::parse(&"MODEL ../x\n".repeat(10_000));
    assert_eq!(outside.lower().map_err(|found| found.len()), Err(100));
}

#[test]
fn lowering_keeps_order_and_drops_repetitions() {
    let text = "DOC b\nNAME n\nMODEL a\nDOC b\nCODE b\nDATASET d\nMODEL *.bin\n";
    let recipe = Modelfile::parse(text).lower().expect("it has no mistake");
    let sources: Vec<String> = recipe
        .sources
        .iter()
        .map(|source| format!("{} {:?} {}", source.line, source.kind, source.pattern))
        .collect();
    assert_eq!(
        sources,
        [
            "1 Doc b",
            "3 Weight a",
            "5 Code b",
            "6 Dataset d",
            "7 Weight *.bin"
        ]
    );
    assert_eq!(recipe.name.as_deref(), Some("n"));
    assert_eq!(
        recipe.to_string(),
        "NAME n\nDOC b\nMODEL a\nCODE b\nDATASET d\nMODEL *.bin\n"
    );
}
