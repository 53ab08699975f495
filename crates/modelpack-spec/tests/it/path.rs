//! File paths: what could lead out of a directory, and what cannot exist beside another.

use modelpack_spec::annotations::{FILEPATH, LEGACY_FILEPATH};
use modelpack_spec::{
    Descriptor, Digest, Encoding, FilePath, Kind, LayerType, PathSet, annotations,
};

#[test]
fn accepted() {
    for text in [
        "config.json",
        "a/b/c.bin",
        "v1..2/w.bin",
        "..x/y",
        "x..y/y...z",
        ".gitattributes",
        r"b\s.bin",
        r#"names with [ ] " # and 'spaces'"#,
        "日本語.txt",
        "-rf",
        "com10.txt",
        "console",
        "ab:c",
        "~/x",
        "$HOME",
    ] {
        let path: FilePath = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(path.as_str(), text);
    }
}

/// X1: Every text that is no path, with the reason.
#[test]
fn refused() {
    let check = |text: &str, reason: &str| {
        let error = text.parse::<FilePath>().expect_err("the path is refused");
        assert_eq!(
            error.to_string(),
            format!("unsafe path `{}`: {reason}", text.escape_debug())
        );
    };
    check("", "it is empty");
    check("../x", "a component is `..`");
    check("a/../../x", "a component is `..`");
    check("..", "a component is `..`");
    check("a/..", "a component is `..`");
    check("/etc/passwd", "it is absolute");
    check(r"\x", "it is absolute");
    check(r"\\server\share", "it is absolute");
    check(r"..\x", "a component between backslashes is `..`");
    check(r"a\..\..\x", "a component between backslashes is `..`");
    check(r"C:\x", "it begins with a drive letter");
    check("c:x", "it begins with a drive letter");
    check(".", "a component is `.`");
    check("./x", "a component is `.`");
    check("a//b", "a component is empty");
    check("a/", "a component is empty");
    check("a\0b", "it has a control character");
    check("a\nb", "it has a control character");
    check("a\u{85}b", "it has a control character");
    let windows = "a component ends in a dot or a space, which Windows removes";
    check("a.", windows);
    check("a /b", windows);
    check("...", windows);
    check(".. /x", windows);
    for name in [
        "con", "NUL", "aux.txt", "a/prn", "COM1", "lpt9.bin", "CONIN$", "nul .txt",
    ] {
        check(name, "a component is a device name on Windows");
    }
    check(&"a".repeat(256), "a component is longer than 255 bytes");
    check(&vec!["a"; 65].join("/"), "it has more than 64 components");
    check(
        &vec!["a".repeat(200); 21].join("/"),
        "it is longer than 4095 bytes",
    );
}

#[test]
fn parts() {
    let path: FilePath = "a/b/c.bin".parse().expect("the path is safe");
    assert_eq!(path.file_name(), "c.bin");
    assert_eq!(
        path.parent().map(|parent| parent.to_string()).as_deref(),
        Some("a/b")
    );
    assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b", "c.bin"]);
    let top: FilePath = "c.bin".parse().expect("the path is safe");
    assert_eq!((top.file_name(), top.parent()), ("c.bin", None));
}

/// X8: Equal, equal but for case, and one below the other.
#[test]
fn collisions() {
    let check = |paths: &[&str], expected: Option<&str>| {
        let mut set = PathSet::new();
        let mut found = None;
        for path in paths {
            let path: FilePath = path.parse().expect("the path is safe");
            if let Err(error) = set.insert(&path) {
                found = Some(error.to_string());
            }
        }
        assert_eq!(found.as_deref(), expected, "{paths:?}");
    };
    check(&["a", "b", "c/a", "c/b", "cc"], None);
    check(
        &["a", "a"],
        Some("path `a` collides with `a`: the same path twice"),
    );
    check(
        &["README.md", "readme.MD"],
        Some(
            "path `readme.MD` collides with `README.md`: they differ only in upper and lower case",
        ),
    );
    check(
        &["Ä/x", "ä/X"],
        Some("path `ä/X` collides with `Ä/x`: they differ only in upper and lower case"),
    );
    check(
        &["a", "a/b"],
        Some("path `a/b` collides with `a`: one is a file, the other a directory"),
    );
    check(
        &["a/b/c", "A"],
        Some("path `A` collides with `a`: one is a file, the other a directory"),
    );
}

/// X8: Which annotation is a path, and that titles are none.
#[test]
fn annotations_of_both_families() {
    let layer = |pairs: &[(&str, &str)]| {
        let layer_type = LayerType::new(Kind::Weight, Encoding::Raw);
        let mut layer = Descriptor::new(layer_type.into(), Digest::sha256(b""), 0);
        layer.annotations = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        layer
    };
    let check = |pairs: &[(&str, &str)], expected: Option<&str>| {
        let found = annotations::filepath(&layer(pairs)).expect("the path is safe");
        assert_eq!(found.as_ref().map(FilePath::as_str), expected);
    };
    check(&[], None);
    check(&[(FILEPATH, "a")], Some("a"));
    check(&[(LEGACY_FILEPATH, "b")], Some("b"));
    check(&[(LEGACY_FILEPATH, "b"), (FILEPATH, "a")], Some("a"));
    assert!(annotations::filepath(&layer(&[(FILEPATH, "../a")])).is_err());
    assert!(annotations::filepath(&layer(&[(LEGACY_FILEPATH, "../a")])).is_err());
    // A title is text for people and never becomes a path.
    check(&[(annotations::TITLE, "../../etc/passwd")], None);

    let metadata = |key: &str, text: &str| annotations::file_metadata(&layer(&[(key, text)]));
    for key in [
        annotations::FILE_METADATA,
        annotations::LEGACY_FILE_METADATA,
        annotations::LEGACY_FILE_METADATA_V004,
    ] {
        let found = metadata(key, r#"{"name":"x","mode":420,"typeflag":"0","more":1}"#)
            .expect("the text is metadata");
        assert_eq!(
            (found.name.as_str(), found.mode, found.typeflag),
            ("x", 0o644, 0)
        );
    }
    assert!(metadata(annotations::FILE_METADATA, "{").is_none());
}
