//! What counts as code, where words begin, and which modules are for tests.

use super::*;

#[track_caller]
fn check(text: &str, code: &str) {
    assert_eq!(mask(text), code, "{text}");
}

#[test]
fn comments_and_literals_are_not_code() {
    check("a // b\nc", "a     \nc");
    check("/// `x.unwrap()`\nfn f() {}", "                \nfn f() {}");
    check("a /* b /* c */ d */ e", "a                   e");
    check("a /* b\n*/ c", "a     \n   c");
    check("f(\"a // b\") + g", "f(        ) + g");
    check(r#"f("\"x\\") + g"#, "f(       ) + g");
    check("f(b\"x\", c)", "f(b   , c)");
    check("f(r\"x\\\", c)", "f(     , c)");
    check("f(r#\"x\"y\"#, c)", "f(        , c)");
    check("f(br##\"\"#\"##)", "f(          )");
    check("r#type + 1", "r#type + 1");
    check("for_r(\"x\")", "for_r(   )");
    check("'a' + '\\'' + '\"' + b'x'", "    +      +     + b   ");
    check(
        "fn f<'a>(x: &'a str, y: &'static str)",
        "fn f<'a>(x: &'a str, y: &'static str)",
    );
    check("'é' + x", "    + x");
    check("\"open", "     ");
}

#[test]
fn words_end_where_names_end() {
    let file = SourceFile::new(
        "a.rs",
        "let unsafe_code = 1;\nunsafe { x() }\n// unsafe\nmodelfs::x();\nfs::x();\n",
    );
    assert_eq!(file.lines_with("unsafe").collect::<Vec<_>>(), [2]);
    assert_eq!(file.lines_with("fs::").collect::<Vec<_>>(), [5]);
}

#[test]
fn test_modules_are_found_by_their_attribute() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"x.rs\"]\npub(crate) mod kit;\n\
                #[cfg(test)]\nuse x;\n#[cfg(test)]\nmod inline {\n}\n// #[cfg(test)] mod no;\n";
    let file = SourceFile::new("a.rs", text);
    let found: Vec<_> = file
        .test_modules()
        .into_iter()
        .map(|module| (module.name.to_owned(), module.line, module.inline))
        .collect();
    let expected = [("tests", 2, false), ("kit", 4, false), ("inline", 9, true)];
    assert_eq!(
        found,
        expected.map(|(name, line, inline)| (name.to_owned(), line, inline))
    );
}
