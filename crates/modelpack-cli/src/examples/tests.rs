//! Tests that every command has an example, and that each example is a command line.

use clap::FromArgMatches;

use super::*;
use crate::cli::{self, Cli};

/// Words of a line as a shell makes them, without what comes after a redirection.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == ' ' => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let end = words
        .iter()
        .position(|word| [">", "|", "&&"].contains(&&**word));
    words.truncate(end.unwrap_or(words.len()));
    words
}

/// What our own parser says to a line.
pub(crate) fn parse(line: &str) -> Result<Cli, String> {
    let matches = cli::command().try_get_matches_from(words(line));
    matches
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| error.to_string())
}

/// Lines of a help that are command lines, unfolded.
fn lines(help: &str) -> Vec<String> {
    let help = help.replace(" \\\n      ", " ");
    let lines = help.lines().map(str::trim_start);
    lines
        .filter(|line| line.starts_with("modelpack "))
        // The page about all commands says beside them what they do.
        .filter_map(|line| line.split("   ").next())
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn walk(command: &Command, path: &str, check: &mut dyn FnMut(&str, &Command)) {
    check(path, command);
    for child in command.get_subcommands() {
        let name = child.get_name();
        if name != "help" {
            walk(child, format!("{path} {name}").trim_start(), check);
        }
    }
}

/// ME6: Every command has an example that parses.
#[test]
fn every_command_has_an_example_that_parses() {
    let mut commands = 0;
    walk(&cli::command(), "", &mut |path, command| {
        commands += 1;
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let examples = lines(&help);
        assert!(!examples.is_empty(), "`{path}` has no example");
        for example in examples {
            let prefix = format!("modelpack {path}");
            assert!(example.starts_with(prefix.trim_end()), "{path}: {example}");
            parse(&example).unwrap_or_else(|error| panic!("{example}\n{error}"));
        }
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_else(|| panic!("`{path}` has no first line"));
        let first = about.chars().next().expect("it is not empty");
        assert!(
            first.is_uppercase() && !about.ends_with('.') || path.is_empty(),
            "{path}: {about}"
        );
    });
    assert!(commands > 20);
}

#[test]
fn every_example_belongs_to_a_command() {
    let mut known = Vec::new();
    walk(&cli::command(), "", &mut |path, _| {
        known.push(path.to_owned())
    });
    for (path, _) in EXAMPLES {
        assert!(known.iter().any(|it| it == path), "{path}");
    }
}

#[test]
fn long_lines_are_folded() {
    let line = format!("modelpack pull {}", "word ".repeat(40));
    let line = line.trim_end();
    let text = folded(line);
    assert!(
        text.lines().all(|line| line.chars().count() <= 78),
        "{text}"
    );
    assert_eq!(words(&text.replace(" \\\n", " ")), words(line));
    assert_eq!(folded("short line"), "short line");
}

#[test]
fn words_are_those_of_a_shell() {
    let check = |line: &str, expected: &[&str]| assert_eq!(words(line), expected);
    check("a  b 'c d'\"e\" > f", &["a", "b", "c de"]);
    check("a '' | b", &["a", ""]);
}
