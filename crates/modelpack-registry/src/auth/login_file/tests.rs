//! What a file is after a login or a logout.

use super::LoginFile;
use crate::{Credential, DockerConfig, Name};

fn compact(file: &LoginFile) -> String {
    let value: serde_json::Value = serde_json::from_slice(&file.to_bytes()).expect("JSON");
    value.to_string()
}

#[track_caller]
fn check_login(before: &str, host: &str, after: &str) {
    let mut file = LoginFile::parse(before.as_bytes()).expect("a good file");
    let host = host.parse().expect("a host");
    file.set(&host, "me", &"pw".into()).expect("a good name");
    assert_eq!(compact(&file), after);
    // What is written is found again.
    let read = DockerConfig::parse(&file.to_bytes()).expect("a good file");
    let name = Name::new(host, "a/b".parse().expect("a repository"));
    assert_eq!(read.lookup(&name), Some(&Credential::password("me", "pw")));
}

#[test]
fn a_login_takes_the_place_of_an_older_one_and_of_nothing_else() {
    let me = r#"{"auth":"bWU6cHc="}"#;
    check_login("", "ghcr.io", &format!(r#"{{"auths":{{"ghcr.io":{me}}}}}"#));
    check_login(
        " \n",
        "ghcr.io",
        &format!(r#"{{"auths":{{"ghcr.io":{me}}}}}"#),
    );
    check_login(
        r#"{"auths":null}"#,
        "localhost:5000",
        &format!(r#"{{"auths":{{"localhost:5000":{me}}}}}"#),
    );
    check_login(
        r#"{"HttpHeaders":{"X":"1"},"auths":{"other.io":{"auth":"YTpi","x":1.50},"https://ghcr.io/v1/":{"auth":"YTpi"},"GHCR.io":{}}}"#,
        "ghcr.io",
        &format!(
            r#"{{"HttpHeaders":{{"X":"1"}},"auths":{{"ghcr.io":{me},"other.io":{{"auth":"YTpi","x":1.5}}}}}}"#
        ),
    );
    for alias in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        check_login(
            r#"{"auths":{"docker.io":{"auth":"YTpi"},"docker.io/team":{"auth":"YTpi"}}}"#,
            alias,
            &format!(
                r#"{{"auths":{{"docker.io/team":{{"auth":"YTpi"}},"https://index.docker.io/v1/":{me}}}}}"#
            ),
        );
    }
}

#[test]
fn a_logout_removes_every_spelling() {
    let before =
        r#"{"auths":{"https://index.docker.io/v1/":{},"docker.io":{"auth":"YTpi"},"ghcr.io":{}}}"#;
    let mut file = LoginFile::parse(before.as_bytes()).expect("a good file");
    let hub = "docker.io".parse().expect("a host");
    assert!(file.remove(&hub));
    assert!(!file.remove(&hub));
    assert_eq!(compact(&file), r#"{"auths":{"ghcr.io":{}}}"#);
}

#[test]
fn what_is_no_such_file_is_refused() {
    for content in [
        "hello",
        "[]",
        "{\"auths\":[]}",
        "{\"auths\":{\"x\":{\"auth\":\"%\"}}}",
        "{",
    ] {
        LoginFile::parse(content.as_bytes()).expect_err(content);
    }
    let mut file = LoginFile::parse(b"{}").expect("a good file");
    let host = "ghcr.io".parse().expect("a host");
    file.set(&host, "a:b", &"pw".into()).expect_err("a colon");
    assert_eq!(compact(&file), "{}");
    file.set_helped(&host);
    assert_eq!(compact(&file), r#"{"auths":{"ghcr.io":{}}}"#);
}
