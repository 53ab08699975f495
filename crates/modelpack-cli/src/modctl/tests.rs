//! Tests of the table in `docs/modctl.md`, and of what the name of the program changes.

use super::*;
use crate::cli;
use crate::examples::tests::parse;

const DOCS: &str = include_str!("../../docs/modctl.md");

/// A row of the table: modctl's line, ours, and what is different.
fn rows() -> Vec<[String; 3]> {
    let cells = |line: &str| -> Option<[String; 3]> {
        let cells: Vec<String> = line
            .trim()
            .strip_prefix("| `modctl")
            .map(|_| line.trim().trim_matches('|').split(" | "))?
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect();
        cells.try_into().ok()
    };
    DOCS.lines().filter_map(cells).collect()
}

#[test]
fn every_line_of_the_table_is_understood() {
    let rows = rows();
    assert!(rows.len() > 60, "only {} rows", rows.len());
    for [theirs, ours, differs] in rows {
        // The word is replaced, and nothing else.
        let replaced = theirs.replacen("modctl", "modelpack", 1);
        let outcome = parse(&replaced);
        match ours.strip_prefix("error: ") {
            Some(text) => {
                let Err(error) = outcome else {
                    panic!("{theirs} is understood");
                };
                assert!(error.contains(text), "{theirs}: {error}");
                assert!(
                    !differs.is_empty(),
                    "{theirs} does not say what to do instead"
                );
            }
            None => {
                // Help is no mistake, though the parser gives it as one.
                let is_help = theirs.starts_with("modctl help");
                if let (Err(error), false) = (outcome, is_help) {
                    panic!("{theirs}\n{error}");
                }
                if ours != "same" {
                    parse(&ours).unwrap_or_else(|error| panic!("{ours}\n{error}"));
                }
            }
        }
    }
}

#[test]
fn the_name_of_the_program_decides() {
    let check = |name: Option<&str>, expected| {
        assert_eq!(Persona::of(name.map(OsStr::new)), expected, "{name:?}");
    };
    check(Some("modctl"), Persona::Modctl);
    check(Some("/usr/local/bin/modctl"), Persona::Modctl);
    check(Some("./modctl"), Persona::Modctl);
    check(Some("modelpack"), Persona::Own);
    check(Some("modctl-old"), Persona::Own);
    check(None, Persona::Own);
}

#[test]
fn flags_get_the_defaults_of_modctl() {
    let line = ["modctl", "login", "r.io", "-u", "me"];
    for (persona, expected) in [(Persona::Own, None), (Persona::Modctl, Some(&true))] {
        let matches = persona.command(cli::command()).get_matches_from(line);
        let (_, login) = matches.subcommand().expect("it is given");
        assert_eq!(login.get_one::<bool>("password_stdin"), expected);
    }
    // A default is no contradiction to the other way.
    let command = Persona::Modctl.command(cli::command());
    let with = [&line[..], &["-p", "secret"]].concat();
    assert!(command.try_get_matches_from(with).is_ok());
    Persona::Modctl.command(cli::command()).debug_assert();
}

#[test]
fn answers_in_the_words_of_modctl() {
    let persona = Persona::Modctl;
    assert_eq!(persona.exit(crate::exit::INTEGRITY), FAILED);
    assert_eq!(persona.exit(DONE), DONE);
    assert_eq!(persona.size(3 * 1024 * 1024), "3.0 MiB");
    let value = serde_json::json!({ "Name": "<a&b>", "Layers": [] });
    assert_eq!(
        persona.json(&value).expect("it is JSON"),
        "{\n\t\"Layers\": null,\n\t\"Name\": \"\\u003ca\\u0026b\\u003e\"\n}"
    );
    let version = persona.version("1.2.3", "linux");
    let labels: Vec<&str> = version.lines().map(|line| &line[..12]).collect();
    assert_eq!(
        labels,
        [
            "Version:    ",
            "Commit:     ",
            "Platform:   ",
            "BuildTime:  "
        ]
    );
    assert_eq!(Persona::Own.version("1", "x").lines().count(), 2);
}

/// ME3, ME4: The command that fetches a model is named, with its own way to write an address.
#[test]
fn models_are_fetched_by_the_tools_of_their_hubs() {
    let check = |url: &str, expected: &str| {
        let line = format!("modelpack modelfile generate --model-url {url}");
        let error = parse(&line).expect_err("nothing is fetched");
        assert!(error.contains(expected), "{error}");
    };
    check("https://huggingface.co/o/m", "run `hf download OWNER/NAME");
    check("o/m", "run `hf download OWNER/NAME");
    check(
        "https://modelscope.cn/models/o/m",
        "run `modelscope download --model OWNER/NAME",
    );
    check("models:/name/1", "run `mlflow artifacts download -u URL");
}
