//! Where a file goes.

use std::path::Path;

use super::path_in_artifact;

fn check(file: &str, destination: Option<&str>, expected: Option<&str>) {
    let base = Path::new("/home/model");
    let path = path_in_artifact(Path::new(file), destination.map(Path::new), base);
    let path = path.ok().map(|path| path.to_string());
    assert_eq!(path.as_deref(), expected, "{file} {destination:?}");
}

#[test]
fn its_own_path_seen_from_the_directory() {
    check("new.txt", None, Some("new.txt"));
    check("./new.txt", None, Some("new.txt"));
    check("sub/./new.txt", None, Some("sub/new.txt"));
    check("/home/model/sub/new.txt", None, Some("sub/new.txt"));
    check("/home/model/../x", None, None);
    check("/home/other/new.txt", None, None);
    check("../new.txt", None, None);
    check("sub/../new.txt", None, None);
    check("", None, None);
}

#[test]
fn its_name_below_another_directory() {
    check("/tmp/a/new.txt", Some("docs"), Some("docs/new.txt"));
    check("../new.txt", Some("docs/en/"), Some("docs/en/new.txt"));
    check("new.txt", Some("."), Some("new.txt"));
    check("new.txt", Some("/docs"), None);
    check("new.txt", Some("../docs"), None);
    check("..", Some("docs"), None);
}
