//! Patterns with alternatives, and lists of them.

use modelpack_modelfile::Glob;

#[test]
fn alternatives_and_directories() {
    for (text, path, expected) in [
        ("*.txt", "a.txt", true),
        ("*.txt", "sub/a.txt", false),
        ("**/*.txt", "a.txt", true),
        ("**/*.txt", "sub/sub/a.txt", true),
        ("sub/*.{txt,md}", "sub/a.md", true),
        ("sub/*.{txt,md}", "sub/a.bin", false),
        ("{a,b/{c,d}}", "b/d", true),
        ("[!a]x", "bx", true),
        ("\\{a,b\\}", "{a,b}", true),
    ] {
        let glob = Glob::parse(text).expect(text);
        assert_eq!(glob.matches(path), expected, "{text} {path}");
        assert_eq!(glob.to_string(), text);
    }
    for text in [
        "",
        "/x",
        "../x",
        "a{",
        "a}",
        "[",
        "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
    ] {
        Glob::parse(text).expect_err(text);
    }
}

#[test]
fn lists_have_commas_in_between() {
    for (text, expected) in [
        ("a", &["a"][..]),
        ("a,b/*.c", &["a", "b/*.c"]),
        ("*.{a,b},c", &["*.{a,b}", "c"]),
        ("[,],x", &["[,]", "x"]),
        ("a\\,b", &["a\\,b"]),
    ] {
        let globs = Glob::parse_list(text).expect(text);
        let texts: Vec<_> = globs.iter().map(Glob::as_str).collect();
        assert_eq!(texts, expected, "{text}");
    }
    for text in ["a,", ",", "a,../b"] {
        Glob::parse_list(text).expect_err(text);
    }
}
