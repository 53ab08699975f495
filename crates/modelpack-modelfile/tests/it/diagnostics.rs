//! What a mistake looks like to the one who made it.

use modelpack_modelfile::Modelfile;

#[track_caller]
fn check(text: &str, expected: &str) {
    let diagnostics = Modelfile::parse(text)
        .lower()
        .expect_err("it has a mistake");
    assert_eq!(diagnostics[0].render(text), expected);
}

/// MA13: The caret stands under the mistake.
#[test]
fn the_caret_stands_under_the_mistake() {
    check(
        "NAME tiny\n  MODLE\tfoo.bin\n",
        "\
error: line 2, column 3: unknown command `MODLE`
  |
2 |   MODLE foo.bin
  |   ^^^^^
  = hint: did you mean MODEL?",
    );
    check(
        "\u{feff}DOC \"äö\" ü\r\n",
        "\
error: line 1, column 10: DOC takes one argument, this is more
  |
1 | DOC \"äö\" ü
  |          ^
  = hint: put double quotes around a name with spaces: DOC \"äö ü\", or give each file a line of its own",
    );
    check(
        &("\n".repeat(99) + "MODEL"),
        "\
error: line 100, column 1: MODEL is followed by nothing, expected a path or pattern
    |
100 | MODEL
    | ^^^^^",
    );
}

#[test]
fn a_long_line_is_shown_around_the_mistake() {
    let text = format!("MODEL {} {}", "a".repeat(1000), "b".repeat(1000));
    let diagnostics = Modelfile::parse(&text).diagnostics;
    let rendered = diagnostics[0].render(&text);
    assert!(
        rendered.lines().all(|line| line.chars().count() < 220),
        "{rendered}"
    );
    let lines: Vec<&str> = rendered.lines().collect();
    assert_eq!(lines[2].find('b'), lines[3].find('^'), "{rendered}");
}

#[test]
fn a_long_word_is_cut_in_the_message() {
    let diagnostics = Modelfile::parse(&"x".repeat(1000)).diagnostics;
    let expected = format!("unknown command `{}…`", "x".repeat(80));
    assert_eq!(diagnostics[0].message, expected);
}

#[test]
fn hints() {
    let hint = |text: &str| {
        let diagnostics = Modelfile::parse(text).diagnostics;
        diagnostics[0].hint.clone().unwrap_or_default()
    };
    for (word, command) in [
        ("MODELS", "MODEL"),
        ("CONFIGURATION", "CONFIG"),
        ("modl", "MODEL"),
        ("NMAE", "NAME"),
        ("QUANT", "QUANTIZATION"),
        ("DOCX", "DOC"),
    ] {
        let expected = format!("did you mean {command}?");
        assert_eq!(hint(&format!("{word} x")), expected, "{word}");
    }
    assert_eq!(
        hint("FROM x"),
        "the commands are CONFIG, MODEL, CODE, DATASET, DOC, NAME, ARCH, FAMILY, FORMAT, PARAMSIZE, PRECISION, QUANTIZATION"
    );
    assert_eq!(hint("MODEL a # b"), "a comment needs a line of its own");
    assert_eq!(
        hint("NAME 'my model'"),
        "put double quotes around a name with spaces: NAME \"my model\""
    );
    assert_eq!(
        hint("NAME \"a\" b"),
        "put double quotes around a name with spaces: NAME \"a b\""
    );
}

#[test]
fn another_text_only_hides_the_place() {
    let diagnostics = Modelfile::parse("DOC a b").diagnostics;
    let message = "error: line 1, column 7: DOC takes one argument, this is more";
    assert_eq!(diagnostics[0].render(""), message);
}
