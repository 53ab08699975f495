//! A doctor's exit code: 0 when nothing will fail, 1 when something will.

use std::os::unix::fs::PermissionsExt;

use crate::shell::{Served, Shell, json};

const REFERENCE: &str = "example.com/a/b:v1";

fn check(shell: &Shell, arguments: &[&str], code: i32, says: &[&str]) {
    let ran = shell.run(&[&["doctor"], arguments].concat());
    assert_eq!(
        ran.code, code,
        "{arguments:?}\n{}{}",
        ran.stdout, ran.stderr
    );
    for text in says {
        assert!(
            ran.stdout.contains(text),
            "`{text}` is not in\n{}",
            ran.stdout
        );
    }
}

#[test]
fn damage_is_found_by_its_size_and_by_its_digest() {
    let shell = Shell::new();
    check(&shell, &[], 0, &["there is none yet"]);
    assert!(!shell.path("store").exists(), "looking makes no store");
    shell.build(REFERENCE);
    check(&shell, &["--verify"], 0, &["no damage"]);
    let report = json(&shell.ok(&["inspect", REFERENCE]));
    let digest = report["Layers"][0]["Digest"].as_str().expect("a digest");
    let size = report["Layers"][0]["Size"].as_u64().expect("a size");
    let blob = shell.path("store/blobs").join(digest.replace(':', "/"));
    std::fs::set_permissions(&blob, PermissionsExt::from_mode(0o644)).expect("it is ours");
    std::fs::write(&blob, "x".repeat(size as usize)).expect("it is writable");
    check(&shell, &[], 0, &["--verify also hashes them"]);
    check(&shell, &["--verify"], 1, &["BAD", digest, "hint: "]);
    std::fs::write(&blob, "x").expect("it is writable");
    check(&shell, &[], 1, &["BAD", digest, "1 bytes"]);
    check(&shell, &["-q", "--json"], 1, &[r#""verdict": "bad""#]);
}

#[test]
fn settings_that_cannot_be_used() {
    let shell = Shell::new();
    shell.write(
        ".config/modelpack/hosts.toml",
        "[host.\"r.io\"]\nconections = 1\n",
    );
    check(&shell, &["r.io"], 1, &["BAD", "line 2, column 1"]);
    shell.write(
        ".config/modelpack/hosts.toml",
        "[host.\"r.io\"]\nplain_http = true\n",
    );
    check(&shell, &[], 0, &["r.io", "plain HTTP", "note"]);
    check(
        &shell,
        &["--authfile", "nowhere.json"],
        1,
        &["nowhere.json"],
    );
    shell.write("store/modelpack/store.json", r#"{"version":99}"#);
    check(&shell, &[], 1, &["version 99"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = closed.local_addr().expect("its address").to_string();
    drop(closed);
    check(&shell, &[&host, "--plain-http"], 1, &["reachable", &host]);
}

#[test]
fn who_may_only_pull_is_well() {
    let shell = Shell::new();
    // The bcrypt hash of `sesame`, with the least cost.
    let hash = "$2b$04$9xF0ibLDHqfVrn2fz6x1Z.BMtumUuKj2D.Pjiu6KKEoKBMJjnjU2O";
    shell.write("users", format!("alice:{hash}\n"));
    let rules = [
        "--htpasswd",
        "users",
        "--allow",
        "anonymous:pull",
        "--allow",
        "alice:*",
    ];
    let served = Served::start_with(&shell, "store", &rules);
    let name = format!("{}/a/b:v1", served.host);
    shell.build(&name);
    check(&shell, &[&name, "--plain-http"], 0, &["pull", "note  push"]);
    let login = |word: &str| {
        let auths = format!(r#"{{"auths":{{"{}":{{"auth":"{word}"}}}}}}"#, served.host);
        shell.write("auth.json", auths);
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(shell.path("auth.json"), mode).expect("it is ours");
    };
    let with_login = [&name, "--plain-http", "--authfile", "auth.json"];
    // alice:sesame
    login("YWxpY2U6c2VzYW1l");
    check(&shell, &with_login, 0, &["from auth.json", "ok    push"]);
    // me:correct-horse
    login("bWU6Y29ycmVjdC1ob3JzZQ==");
    check(
        &shell,
        &with_login,
        1,
        &["BAD   login", "credentials are wrong"],
    );
}
