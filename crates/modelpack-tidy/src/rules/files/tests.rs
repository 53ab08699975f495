//! Files that break the rules of their form.

use super::*;
use crate::testing::Example;

const A: &str = "crates/modelpack-spec/src/a.rs";
const LIB: &str = "crates/modelpack-spec/src/lib.rs";
const TESTS: &str = "crates/modelpack-spec/tests/it/a.rs";

#[track_caller]
fn check(rule: fn(&Workspace) -> Vec<Violation>, path: &str, text: &str, expected: &[&str]) {
    Example::default().file(path, text).breaks(rule, expected);
}

#[test]
fn a_file_says_what_it_is_for() {
    let problem =
        "crates/modelpack-spec/src/a.rs:1: the first line does not say what this module is for";
    check(first_lines, A, "//! Digests.\n", &[]);
    for text in [
        "",
        "use x;\n",
        "// Digests.\n",
        "//! \n",
        "\n//! Digests.\n",
        "//! Placeholder.\n",
    ] {
        check(first_lines, A, text, &[problem]);
    }
}

#[test]
fn a_file_ends() {
    check(lengths, A, &"\n".repeat(800), &[]);
    check(
        lengths,
        A,
        &"\n".repeat(801),
        &["crates/modelpack-spec/src/a.rs:801: the file has 801 lines, more than 800"],
    );
    check(lengths, LIB, &"\n".repeat(120), &[]);
    check(
        lengths,
        LIB,
        &"\n".repeat(121),
        &["crates/modelpack-spec/src/lib.rs:121: the file has 121 lines, more than 120"],
    );
}

#[test]
fn lints_are_expected_with_a_reason() {
    let problem = "crates/modelpack-spec/src/a.rs:1: there is a `allow(`";
    for text in [
        "#[allow(dead_code)]",
        "#![allow(dead_code)]",
        "#[cfg_attr(test, allow(dead_code))]",
    ] {
        check(lints, A, text, &[problem]);
    }
    check(
        lints,
        A,
        "#[expect(dead_code, reason = \"x\")]\nif self.allow(x) {}\n// #[allow(x)]\n",
        &[],
    );
}

#[test]
fn nothing_is_left_to_do() {
    check(
        unfinished,
        A,
        "fn f() {\n    todo!()\n}",
        &["crates/modelpack-spec/src/a.rs:2: there is a `todo!`"],
    );
    check(
        unfinished,
        TESTS,
        "unimplemented!()",
        &["crates/modelpack-spec/tests/it/a.rs:1: there is a `unimplemented!`"],
    );
    check(
        unfinished,
        A,
        "x.unwrap();",
        &["crates/modelpack-spec/src/a.rs:1: there is a `.unwrap()`"],
    );
    check(
        unfinished,
        A,
        "x\n    .unwrap();",
        &["crates/modelpack-spec/src/a.rs:2: there is a `.unwrap()`"],
    );
    check(unfinished, TESTS, "x.unwrap();", &[]);
    check(
        unfinished,
        A,
        "x.unwrap_or(1).expect(\"a reason\"); // .unwrap()",
        &[],
    );
}

#[test]
fn tests_stand_beside() {
    let problem = "crates/modelpack-spec/src/a.rs:2: the test module `tests` stands in the file that it tests";
    check(
        test_modules,
        A,
        "fn f() {}\n#[cfg(test)]\nmod tests {\n}\n",
        &[problem],
    );
    check(test_modules, A, "#[cfg(test)]\nmod tests;\n", &[]);
}

#[test]
fn unsafe_code_has_one_home() {
    check(unsafe_code, LIB, "#![forbid(unsafe_code)]\n", &[]);
    check(
        unsafe_code,
        LIB,
        "// #![forbid(unsafe_code)]\n",
        &["crates/modelpack-spec/src/lib.rs:1: the crate does not forbid unsafe code"],
    );
    check(
        unsafe_code,
        A,
        "\nunsafe { x() }",
        &["crates/modelpack-spec/src/a.rs:2: there is unsafe code"],
    );
    let store = || {
        Example::default()
            .file("crates/modelpack-store/src/lib.rs", "mod map;\n")
            .file(
                "crates/modelpack-store/src/map.rs",
                "unsafe { x() }\nunsafe { y() }",
            )
    };
    store().breaks(unsafe_code, &[]);
    store().file("crates/modelpack-store/src/other.rs", "unsafe { x() }").breaks(
        unsafe_code,
        &["crates/modelpack-store/src/other.rs:1: there is unsafe code here and in crates/modelpack-store/src/map.rs"],
    );
}
