//! Properties by their path, as the command line takes them.

use modelpack_modelfile::{Assignment, Field, Properties};

#[track_caller]
fn refused(text: &str) -> String {
    let parsed = text.parse::<Assignment>();
    parsed.expect_err("it is refused").to_string()
}

#[test]
fn every_path_sets_its_property() {
    for field in Field::all() {
        let value = match field {
            Field::License => "MIT",
            Field::Input | Field::Output => "text",
            Field::Language => "en",
            Field::KnowledgeCutoff => "2024-01-01T00:00:00Z",
            Field::Reasoning | Field::ToolUsage | Field::Reward => "true",
            Field::Annotation => "KEY=a=b",
            _ => "x",
        };
        let path = field.path().strip_suffix(".KEY").map_or_else(
            || format!("{}={value}", field.path()),
            |prefix| format!("{prefix}.{value}"),
        );
        let assignment: Assignment = path.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(assignment.field(), field);
        let said: Properties = [assignment].into_iter().collect();
        assert_eq!(said.values(field), [value]);
        // The path is where it stands in the document.
        if field != Field::Annotation {
            let document =
                serde_json::json!({ "descriptor": said.descriptor, "config": said.config });
            let pointer = format!("/{}", field.path().replace('.', "/"));
            assert!(document.pointer(&pointer).is_some(), "{pointer}");
        }
    }
}

#[test]
fn lists_grow_and_the_last_of_one_value_stands() {
    let said: Result<Properties, _> = [
        "descriptor.authors=Doe, Jane",
        "descriptor.authors=Roe",
        "descriptor.version=1",
        "descriptor.version=2",
        "annotations.a.b=",
    ]
    .map(str::parse::<Assignment>)
    .into_iter()
    .collect();
    let said = said.expect("all are well");
    assert_eq!(said.descriptor.authors, ["Doe, Jane", "Roe"]);
    assert_eq!(said.descriptor.version.as_deref(), Some("2"));
    assert_eq!(said.annotations["a.b"], "");
}

#[test]
fn an_unknown_path_is_refused_with_those_that_are_near() {
    for (text, near) in [
        ("descriptor.license=MIT", "descriptor.licenses"),
        ("license=MIT", "descriptor.licenses"),
        ("version=1", "descriptor.version"),
        ("descriptor.docUrl=x", "descriptor.docURL"),
        ("descriptor.source_url=x", "descriptor.sourceURL"),
        ("config.languages=en", "config.capabilities.languages"),
        (
            "config.capabilities.inputs=text",
            "config.capabilities.inputTypes",
        ),
        ("config.precison=x", "config.precision"),
        ("annotation.a=x", "annotations.KEY"),
    ] {
        let error = refused(text);
        let proposed = error.split("; did you mean ").nth(1).unwrap_or_default();
        assert!(proposed.starts_with(near), "{error}");
    }
    let error = refused("zzz=1");
    assert!(
        error.starts_with(
            "there is no property `zzz`; there are descriptor.name, config.architecture,"
        ),
        "{error}"
    );
    assert!(refused("descriptor.createdAt=x").starts_with(
        "there is no property `descriptor.createdAt`: a build decides on the time itself"
    ));
    assert!(refused("modelfs.diffIds=x").contains("a build computes it from the layers"));
}

#[test]
fn values_are_checked_at_once() {
    for (text, expected) in [
        (
            "descriptor.version",
            "`descriptor.version` gets no value; write descriptor.version=VALUE",
        ),
        (
            "descriptor.version=",
            "`descriptor.version` gets no value; write descriptor.version=VALUE",
        ),
        (
            "annotations.key",
            "`key` has no `=` between key and value; write key=value, such as `org.example.team=vision`",
        ),
        (
            "config.capabilities.reward=1",
            "`1` is neither true nor false; write `true` or `false`",
        ),
        (
            "config.capabilities.languages=en,de",
            "`en,de` is no two-letter language code; write an ISO 639-1 code in lower case, such as `en`, one at a time",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
}
