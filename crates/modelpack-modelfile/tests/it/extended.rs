//! The extended syntax: when it holds, and what its commands say.

use modelpack_modelfile::{Field, LineKind, Modelfile, Properties};

#[track_caller]
fn lower(text: &str) -> Properties {
    match Modelfile::parse(text).lower() {
        Ok(recipe) => recipe.properties(),
        Err(diagnostics) => panic!("{}", diagnostics[0].render(text)),
    }
}

/// The first mistake with its hint.
#[track_caller]
fn mistake(text: &str) -> String {
    let diagnostics = Modelfile::parse(text).lower().expect_err("a mistake");
    let first = &diagnostics[0];
    let hint = first.hint.as_deref().unwrap_or("-");
    format!("{first} | {hint}")
}

#[test]
fn every_command_says_its_property() {
    let text = include_str!("../../../../spec-fixtures/modelfile-extended/valid/every-command");
    let said = lower(text);
    let json = serde_json::json!({ "descriptor": said.descriptor, "config": said.config });
    let expected = serde_json::json!({
        "descriptor": {
            "authors": ["Jane Doe <jane@example.com>", "The Tiny Team"],
            "family": "llama",
            "name": "tiny",
            "docURL": "https://example.com/docs",
            "sourceURL": "https://example.com/tiny.git",
            "datasetsURL": ["https://example.com/a", "https://example.com/b"],
            "version": "1.2",
            "revision": "0a1b2c3",
            "vendor": "Example, Inc.",
            "licenses": ["Apache-2.0 OR MIT", "LicenseRef-llama3"],
            "title": "A tiny model",
            "description": "Says \"hello\" and little else"
        },
        "config": {
            "precision": "bfloat16",
            "capabilities": {
                "inputTypes": ["text", "image"],
                "outputTypes": ["text"],
                "knowledgeCutoff": "2024-06-30T00:00:00Z",
                "reasoning": true,
                "toolUsage": false,
                "reward": false,
                "languages": ["en", "de"]
            }
        }
    });
    assert_eq!(json, expected);
    let annotations: Vec<_> = said.annotations.iter().collect();
    let [one, two] = annotations.as_slice() else {
        panic!("two annotations, not {annotations:?}");
    };
    assert_eq!(
        (one.0.as_str(), one.1.as_str()),
        ("org.example.note", "a = b")
    );
    assert_eq!(
        (two.0.as_str(), two.1.as_str()),
        ("org.example.team", "vision")
    );
    // None is left out of the fixture.
    for field in Field::all().filter(|field| field.is_extension()) {
        assert!(!said.values(field).is_empty(), "{field:?}");
    }
}

#[test]
fn the_line_stands_before_any_command() {
    for text in [
        "# syntax=modelpack/1\nVERSION 1\n",
        "#syntax=modelpack/1\r\nVERSION 1\r\n",
        "\u{feff}  # Syntax = modelpack/1  \nversion 1",
        "\n# A model of ours.\n\n# syntax=modelpack/1\n# more\nVERSION 1\n",
        "# syntax=modelpack/1\n# syntax=modelpack/1\nVERSION 1",
    ] {
        let parsed = Modelfile::parse(text);
        assert!(parsed.is_extended(), "{text:?}");
        assert_eq!(parsed.to_string(), text);
        assert_eq!(lower(text).descriptor.version.as_deref(), Some("1"));
    }
    let late = "NAME a\n# syntax=modelpack/1\n";
    let parsed = Modelfile::parse(late);
    assert!(!parsed.is_extended() && parsed.lower().is_ok());
    assert_eq!(parsed.lines[1].kind, LineKind::Comment);
}

#[test]
fn what_other_tools_say_in_comments_stays_a_comment() {
    for comment in [
        "# syntax=docker/dockerfile:1",
        "# syntax",
        "# syntax=modelpackage/1",
        "# a syntax=modelpack/1",
        "# syntax: modelpack/1",
    ] {
        let parsed = Modelfile::parse(comment);
        assert_eq!(parsed.lines[0].kind, LineKind::Comment, "{comment}");
        assert!(parsed.lower().is_ok());
    }
}

#[test]
fn without_the_line_every_command_names_it() {
    for field in Field::all().filter(|field| field.is_extension()) {
        let word = field.as_str();
        assert_eq!(
            mistake(&format!("NAME a\n  {word} x\n")),
            format!(
                "line 2, column 3: {word} belongs to the extended syntax, which no line before the commands asks for | make `# syntax=modelpack/1` the first line"
            )
        );
    }
    let late = mistake("VERSION 1\nNAME a\n# syntax=modelpack/1\n");
    assert!(
        late.ends_with("| move `# syntax=modelpack/1` from line 3 to the first line"),
        "{late}"
    );
}

#[test]
fn a_version_that_is_unknown_is_said_so() {
    for (line, version) in [
        ("modelpack/2", "2"),
        ("modelpack", ""),
        ("modelpack/1.0", "1.0"),
    ] {
        assert_eq!(
            mistake(&format!("# syntax={line}\nMODEL a\n")),
            format!(
                "line 1, column 1: version `{version}` of the syntax is unknown here | write `# syntax=modelpack/1`, or use a newer program"
            )
        );
    }
}

#[test]
fn values_are_checked_where_they_stand() {
    for (line, expected) in [
        (
            "LICENSE apache-2.0",
            "line 2, column 9: `apache-2.0` is no SPDX expression: unknown term | did you mean Apache-2.0?",
        ),
        (
            "INPUT img",
            "line 2, column 7: `img` is no modality | write one of text, image, audio, video, embedding, other",
        ),
        (
            "LANGUAGE en,de",
            "line 2, column 10: `en,de` is no two-letter language code | write an ISO 639-1 code in lower case, such as `en`, one at a time",
        ),
        (
            "KNOWLEDGECUTOFF 2023-02-29",
            "line 2, column 17: `2023-02-29` is neither a date nor a date and time | write it as `2024-06-30` or `2024-06-30T12:00:00Z`",
        ),
        (
            "REASONING yes",
            "line 2, column 11: `yes` is neither true nor false | write `true` or `false`",
        ),
        (
            "ANNOTATION team",
            "line 2, column 12: `team` has no `=` between key and value | write key=value, such as `org.example.team=vision`",
        ),
        (
            "ANNOTATION \"my team=vision\"",
            "line 2, column 12: `my team` is no key of an annotation | a key is not empty and has no spaces, such as `org.example.team`",
        ),
        (
            "ANNOTATION a=1\nANNOTATION a=2",
            "line 3, column 12: the annotation `a` was set before | keep one of the two lines",
        ),
        (
            "ANNOTATION org.cncf.modctl.modelfile=x",
            "line 2, column 12: the annotation `org.cncf.modctl.modelfile` is written by the build | choose another key",
        ),
        (
            "ANNOTATION org.modelpack.context-size=many",
            "line 2, column 12: the annotation `org.modelpack.context-size` is written by the build | give the context size as an option of the build",
        ),
        (
            "VERSION 1\nVERSION 2",
            "line 3, column 1: VERSION stands here again, it was set in line 2 | keep one of the two lines",
        ),
        (
            "ANNOTATION",
            "line 2, column 1: ANNOTATION is followed by nothing, expected key=value | -",
        ),
    ] {
        assert_eq!(
            mistake(&format!("# syntax=modelpack/1\n{line}\n")),
            expected
        );
    }
}

#[test]
fn licences() {
    let check = |text: &str| Properties::default().set(Field::License, text).is_ok();
    for good in [
        "MIT",
        "Apache-2.0 OR MIT",
        "(MIT AND BSD-3-Clause) OR GPL-2.0-only WITH Classpath-exception-2.0",
        "GPL-3.0",
        "GPL-2.0+",
        "LicenseRef-llama3",
    ] {
        assert!(check(good), "{good}");
    }
    for bad in [
        "llama3",
        "mit",
        "MIT OR",
        "MIT / Apache-2.0",
        "(MIT",
        "MIT, Apache-2.0",
        " ",
    ] {
        assert!(!check(bad), "{bad}");
    }
    assert_eq!(
        modelpack_modelfile::spdx_license("cc-by-nc-4.0"),
        Some("CC-BY-NC-4.0")
    );
    assert_eq!(modelpack_modelfile::spdx_license("llama3"), None);
}

#[test]
fn lists_grow_and_hold_nothing_twice() {
    let said = lower("# syntax=modelpack/1\nAUTHOR b\nAUTHOR a\nAUTHOR b\n");
    assert_eq!(said.descriptor.authors, ["b", "a"]);
}

#[test]
fn what_is_said_first_stands() {
    let first = lower("# syntax=modelpack/1\nLANGUAGE en\nREASONING false\nANNOTATION a=1\n");
    let second = lower(
        "# syntax=modelpack/1\nLANGUAGE de\nLANGUAGE fr\nREASONING true\nREWARD true\nTITLE t\nANNOTATION a=2\nANNOTATION b=2\n",
    );
    let both = first.or(second);
    assert_eq!(both.values(Field::Language), ["en"]);
    assert_eq!(both.values(Field::Reasoning), ["false"]);
    assert_eq!(both.values(Field::Reward), ["true"]);
    assert_eq!(both.values(Field::Title), ["t"]);
    assert_eq!(both.values(Field::Annotation), ["a=1", "b=2"]);
}
