//! Lists that say too much or too little.

use super::*;
use crate::testing::Example;

const TEST: &str =
    "/// C1: Nothing is sent.\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn one() {}\n";

/// The first list with every case, each shown by the same test.
fn list(change: impl Fn(&str) -> Option<String>) -> String {
    rows(&LISTS[0], change)
}

fn rows(list: &List, change: impl Fn(&str) -> Option<String>) -> String {
    let row = |case: String| {
        let row = format!("| {case} | it leaks | we refuse | `a::it::x::one` |\n");
        change(&case).unwrap_or(row)
    };
    list.cases().map(row).collect()
}

fn every_number() -> String {
    let numbers: Vec<String> = LISTS.iter().flat_map(List::cases).collect();
    TEST.replace("C1", &numbers.join(", "))
}

#[track_caller]
fn check(list: &str, file: &str, expected: &[&str]) {
    Example::default()
        .file(LISTS[0].path, list)
        .file(LISTS[1].path, &rows(&LISTS[1], |_| None))
        .file("crates/a/tests/it/x.rs", file)
        .breaks(cases, expected);
}

#[test]
fn a_test_that_is_not_run_shows_nothing() {
    let row = "| C1 | a | b | `a::it::x::one`, `a::it::x::two` |\n";
    let list = list(|case| (case == "C1").then(|| row.to_owned()));
    let second = "/// C1: As well.\n#[test]\nfn two() {}\n";
    let file = |second: &str| every_number() + second;
    check(&list, &file(second), &[]);
    let ignored = second.replace("#[test]", "#[test]\n#[ignore = \"slow\"]");
    check(
        &list,
        &file(&ignored),
        &["crates/cases.md:1: `a::it::x::two` is no test"],
    );
}

#[test]
fn every_case_has_a_row_with_tests() {
    check(&list(|_| None), &every_number(), &[]);
    let without = |case: &str| (case == "D12").then(String::new);
    check(
        &list(without),
        &every_number(),
        &[
            "crates/cases.md:1: the case D12 is missing",
            "crates/a/tests/it/x.rs:3: this test says that it is about D12, and the list does not",
        ],
    );
    let twice = |case: &str| (case == "C1").then(|| "| C1 | a | b | `a::it::x::one` |\n".repeat(2));
    check(
        &list(twice),
        &every_number(),
        &["crates/cases.md:2: the case C1 stands twice"],
    );
    let row = |row: &'static str| move |case: &str| (case == "C1").then(|| row.to_owned());
    let file = every_number().replace("/// C1, ", "/// ");
    check(
        &list(row("| C1 | a | b | none yet |\n")),
        &file,
        &["crates/cases.md:1: the row of C1 names no test"],
    );
    let cells = [
        "crates/cases.md:1: the row of C1 has not its four cells",
        "crates/cases.md:1: the case C1 is missing",
    ];
    check(&list(row("| C1 | a | b |\n")), &file, &cells);
    check(
        &list(row("| C1 | a |  | `a::it::x::one` |\n")),
        &file,
        &cells,
    );
    let unknown = format!("{}| Q7 | a | b | `a::it::x::one` |\n", list(|_| None));
    check(
        &unknown,
        &every_number().replace("/// C1,", "/// Q7, C1,"),
        &["crates/cases.md:63: there is no case Q7"],
    );
}

#[test]
fn the_named_tests_exist_and_say_the_number() {
    for (test, problem) in [
        ("a::it::x::two", "is no test"),
        (
            "a::it::y::one",
            "would be in crates/a/tests/it/y.rs, which is not there",
        ),
        (
            "b::it::x::one",
            "would be in crates/b/tests/it/x.rs, which is not there",
        ),
        (
            "a::x::one",
            "would be in crates/a/src/x.rs, which is not there",
        ),
        ("one", "has no crate, module and function"),
        ("a::one", "has no crate, module and function"),
        ("a::it::x::helper", "is no test"),
    ] {
        let row = format!("| C1 | it leaks | we refuse | `{test}` |\n");
        let file = every_number().replace("/// C1, ", "/// ") + "\nfn helper() {}\n";
        check(
            &list(|case| (case == "C1").then(|| row.clone())),
            &file,
            &[&format!("crates/cases.md:1: `{test}` {problem}")],
        );
    }
    let file = every_number().replace("/// C1, ", "/// ");
    check(
        &list(|_| None),
        &file,
        &[
            "crates/a/tests/it/x.rs:3: the docs of this test do not begin with C1, which the list says",
        ],
    );
    let more = every_number() + "\n/// X3: Another.\n#[test]\nfn two() {}\n";
    check(
        &list(|_| None),
        &more,
        &["crates/a/tests/it/x.rs:7: this test says that it is about X3, and the list does not"],
    );
}

#[test]
fn each_list_has_its_own_groups() {
    let check = |case: &str, expected: &[&str]| {
        let without = rows(&LISTS[1], |it| (it == "MB2").then(String::new));
        let strange = without + &format!("| {case} | a | b | `a::it::x::one` |\n");
        Example::default()
            .file(LISTS[0].path, &list(|_| None))
            .file(LISTS[1].path, &strange)
            .file("crates/a/tests/it/x.rs", &every_number())
            .breaks(cases, expected);
    };
    check("MB2", &[]);
    let expected = [
        "crates/modelpack-cli/docs/defects.md:48: there is no case C2",
        "crates/modelpack-cli/docs/defects.md:1: the case MB2 is missing",
        "crates/a/tests/it/x.rs:3: this test says that it is about MB2, and the list does not",
    ];
    check("C2", &expected);
}

#[test]
fn tests_beside_the_code_count_too() {
    let row = "| C1 | it leaks | we refuse | `a::x::y::tests::one`, `a::z::tests::one` |\n";
    Example::default()
        .file(
            LISTS[0].path,
            &list(|case| (case == "C1").then(|| row.to_owned())),
        )
        .file(LISTS[1].path, &rows(&LISTS[1], |_| None))
        .file(
            "crates/a/tests/it/x.rs",
            &every_number().replace("/// C1, ", "/// "),
        )
        .file("crates/a/src/x/y/tests.rs", TEST)
        .file("crates/a/src/z/tests/mod.rs", TEST)
        .breaks(cases, &[]);
}

#[test]
fn numbers_stand_first() {
    assert_eq!(leading_cases(" C3, MA14: a"), ["C3", "MA14"]);
    assert_eq!(leading_cases(" S8: only a key: counts"), ["S8"]);
    for docs in [
        " no case",
        " See C3: it",
        " C: x",
        " 3: x",
        " Note: x",
        " Ma3: x",
        " M3A: x",
        "",
    ] {
        assert!(leading_cases(docs).is_empty(), "{docs}");
    }
}
