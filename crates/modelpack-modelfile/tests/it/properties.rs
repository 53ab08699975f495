//! Properties that hold for every input.

use modelpack_modelfile::{
    Assignment, Field, GenerateOptions, Modelfile, Pattern, Properties, Recipe, Source, generate,
};
use modelpack_spec::Kind;
use proptest::prelude::*;

/// Texts made of what the grammar gives a meaning to.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("MODEL "),
        Just("model\t"),
        Just("NAME "),
        Just("DOC"),
        Just("# syntax=modelpack/1\n"),
        Just("#syntax = modelpack/"),
        Just("LICENSE MIT\n"),
        Just("LANGUAGE "),
        Just("en"),
        Just("TITLE "),
        Just("ANNOTATION "),
        Just("a=\\\" "),
        Just("\n"),
        Just("\r\n"),
        Just("\""),
        Just("\\"),
        Just("#"),
        Just(" "),
        Just("\t"),
        Just("["),
        Just("]"),
        Just("*"),
        Just("**"),
        Just("/"),
        Just(".."),
        Just("\u{feff}"),
        Just("\u{a0}"),
        Just("ä"),
        Just("a"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Names that a file can have on Linux, apart from line breaks.
fn hostile_name() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::sample::select(r##" "'\[]#*?!^-{},.~$&a1"##.chars().collect::<Vec<_>>()),
        1 => prop::sample::select("\t\r\u{a0}\u{feff}\u{2028}\u{85}ä😀".chars().collect::<Vec<_>>()),
        1 => any::<char>().prop_filter("a name has no slash and no NUL", |c| !"/\0\n".contains(*c)),
    ];
    prop::collection::vec(character, 1..8)
        .prop_map(String::from_iter)
        .prop_filter("these are no names", |name| name != "." && name != "..")
}

fn hostile_path() -> impl Strategy<Value = String> {
    prop::collection::vec(hostile_name(), 1..4).prop_map(|names| names.join("/"))
}

/// Sources without their lines, which printing changes.
fn said(recipe: &Recipe) -> Recipe {
    let mut said = recipe.clone();
    for source in &mut said.sources {
        source.line = 0;
    }
    said
}

proptest! {
    #[test]
    fn the_tree_prints_what_it_read(text in prop_oneof![hostile_text(), any::<String>()]) {
        let modelfile = Modelfile::parse(&text);
        prop_assert_eq!(modelfile.to_string(), text.as_str());
        let mut end = 0;
        for line in &modelfile.lines {
            prop_assert_eq!(line.span.start, end);
            end = line.span.end;
        }
        prop_assert_eq!(end, text.len());
    }

    #[test]
    fn every_diagnostic_renders(text in prop_oneof![hostile_text(), any::<String>()], other in ".*") {
        if let Err(diagnostics) = Modelfile::parse(&text).lower() {
            prop_assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                prop_assert!(text.get(diagnostic.span.clone()).is_some());
                prop_assert!(diagnostic.line <= text.matches('\n').count() + 1);
                prop_assert!(diagnostic.render(&text).contains('^'));
                let _ = diagnostic.render(&other);
            }
        }
    }

    #[test]
    fn a_recipe_prints_a_modelfile_that_says_the_same(text in hostile_text()) {
        if let Ok(recipe) = Modelfile::parse(&text).lower() {
            let printed = recipe.to_string();
            let again = Modelfile::parse(&printed).lower();
            prop_assert_eq!(again.as_ref().map(said), Ok(said(&recipe)), "{}", printed);
            let properties = again.map(|recipe| recipe.properties());
            prop_assert_eq!(properties, Ok(recipe.properties()), "{}", printed);
        }
    }

    #[test]
    fn any_values_print_and_parse_back(
        name in any::<String>(),
        family in hostile_name(),
        pattern in prop_oneof![hostile_path(), hostile_text()],
    ) {
        let mut recipe = Recipe::default();
        recipe.name = Some(name.clone());
        recipe.family = Some(family.clone());
        recipe.sources.extend(Pattern::parse(&pattern).ok().map(|pattern| Source::new(Kind::Doc, pattern)));
        let again = Modelfile::parse(&recipe.to_string()).lower();
        let mut expected = recipe;
        expected.name = Some(name.replace('\n', " ")).filter(|name| !name.is_empty());
        prop_assert_eq!(again.as_ref().map(said), Ok(expected));
    }

    #[test]
    fn a_generated_modelfile_names_exactly_its_files(
        paths in prop::collection::btree_set(hostile_path(), 1..6),
        name in hostile_name(),
        family in hostile_name(),
    ) {
        // Large enough to be weights, so that there is something to package whatever the names are.
        let mut files: Vec<(String, u64)> = paths.iter().map(|path| (path.clone(), 200_000_000)).collect();
        files.push(("w.bin".to_owned(), 1));
        let mut options = GenerateOptions::default();
        options.name = Some(name.clone());
        options.metadata.family = Some(family.clone());
        let text = generate(&files, &options).expect("names without line breaks can be written");
        let recipe = Modelfile::parse(&text).lower().expect("what is generated parses");
        prop_assert_eq!(recipe.name, Some(name));
        prop_assert_eq!(recipe.family, Some(family));
        for (path, _) in &files {
            let sources: Vec<_> = recipe.sources.iter().filter(|source| source.pattern.matches(path)).collect();
            prop_assert_eq!(sources.len(), 1, "{:?} is named once in\n{}", path, text);
            prop_assert!(!sources[0].pattern.has_wildcards());
        }
        prop_assert_eq!(recipe.sources.len(), files.len());
    }

    /// Values that a file can hold, in every property that takes any text.
    #[test]
    fn a_generated_modelfile_says_what_it_was_given(value in hostile_name(), other in hostile_name()) {
        let free = Field::all().filter(|field| field.is_extension());
        let mut said = Properties::default();
        for field in free {
            let value = match field {
                Field::License => "(MIT OR Apache-2.0) AND LicenseRef-x".to_owned(),
                Field::Input | Field::Output => "text".to_owned(),
                Field::Language => "en".to_owned(),
                Field::KnowledgeCutoff => "2024-02-29".to_owned(),
                Field::Reasoning | Field::ToolUsage | Field::Reward => "true".to_owned(),
                Field::Annotation => format!("org.example.key={value}"),
                _ => value.clone(),
            };
            prop_assert!(said.set(field, &value).is_ok(), "{:?} {:?}", field, value);
        }
        prop_assert!(said.set(Field::Author, &other).is_ok());
        let mut options = GenerateOptions::default();
        options.extended = Some(said.clone());
        let text = generate(&[("w.bin".to_owned(), 1)], &options).expect("there is no line break");
        let recipe = Modelfile::parse(&text).lower().expect("what is generated parses");
        prop_assert_eq!(&recipe.extended, &said, "{}", text);
        let again = Modelfile::parse(&recipe.to_string()).lower();
        prop_assert_eq!(again.map(|recipe| recipe.extended), Ok(said));
    }

    #[test]
    fn any_assignment_is_taken_or_refused_with_a_reason(path in "[a-zA-Z._-]{0,40}", value in any::<String>()) {
        match format!("{path}={value}").parse::<Assignment>() {
            Ok(assignment) => {
                let said: Properties = [assignment.clone()].into_iter().collect();
                prop_assert_eq!(said.values(assignment.field()).len(), 1);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn an_escaped_path_matches_itself_alone(path in hostile_path(), other in hostile_path()) {
        let pattern = Pattern::parse(&Pattern::escape(&path)).expect("an escaped path is a pattern");
        prop_assert!(pattern.matches(&path));
        prop_assert_eq!(pattern.matches(&other), path == other);
    }

    /// The matcher against the obvious one, which tries everything.
    #[test]
    fn matching_agrees_with_trying_everything(
        pattern in "([ab*?]|\\*\\*/|/|\\*/){1,8}",
        path in "[ab]{1,3}(/[ab]{1,3}){0,3}",
    ) {
        if let Ok(parsed) = Pattern::parse(&pattern) {
            let components: Vec<&str> = pattern.split('/').filter(|name| !name.is_empty()).collect();
            let names: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(parsed.matches(&path), components_match(&components, &names), "{} {}", pattern, path);
        }
    }
}

fn components_match(pattern: &[&str], names: &[&str]) -> bool {
    match (pattern, names) {
        ([], names) => names.is_empty(),
        (["**", rest @ ..], _) => {
            (0..=names.len()).any(|skip| components_match(rest, &names[skip..]))
        }
        ([_, ..], []) => false,
        ([first, rest @ ..], [name, names @ ..]) => {
            name_matches(first.as_bytes(), name.as_bytes()) && components_match(rest, names)
        }
    }
}

fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| name_matches(rest, &name[skip..])),
        ([_, ..], []) => false,
        ([b'?', rest @ ..], [_, name @ ..]) => name_matches(rest, name),
        ([first, rest @ ..], [second, name @ ..]) => first == second && name_matches(rest, name),
    }
}
