//! `modelpack serve`: its options, its log, and what a killed one leaves.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::shell::{Served, Shell, json};

/// Sends a request as it stands and reads the answer to its end.
pub(crate) fn talk(host: &str, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(host).expect("it listens");
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    stream.write_all(body).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    let words = answer.split(' ').nth(1);
    words.and_then(|word| word.parse().ok()).unwrap_or_default()
}

pub(crate) fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_default()
}

#[test]
fn what_upstream_has_is_fetched_checked_and_kept() {
    let shell = Shell::new();
    let upstream = Served::start(&shell, "upstream");
    let there = format!("{}/me/tiny:v1", upstream.host);
    shell.build(&there);
    shell.ok(&["push", &there, "--plain-http"]);

    let more = ["--upstream", &upstream.host, "--plain-http"];
    let mirror = Served::start_with(&shell, "mirror", &more);
    let here = format!("{}/me/tiny:v1", mirror.host);
    let pull = |store: &str| {
        let mut command = shell.command(&["pull", &here, "--plain-http", "--json"]);
        command.env("MODELPACK_STORAGE_DIR", shell.path(store));
        command.output().expect("it starts")
    };
    let first = pull("first");
    assert!(first.status.success(), "{first:?}");
    let absent = format!("GET /v2/me/tiny/blobs/sha256:{}", "0".repeat(64));
    assert_eq!(status(&talk(&mirror.host, &absent, b"")), 404);
    drop(upstream);
    let second = pull("second");
    assert!(second.status.success(), "everything was kept: {second:?}");
    let absent = status(&talk(&mirror.host, "GET /v2/me/other/manifests/v1", b""));
    assert_eq!(absent, 502, "nobody can say whether it is there");
}

/// S15: What was half sent is gone, what was answered by 201 is there, whenever the process dies.
#[test]
fn a_killed_server_keeps_whole_blobs_only() {
    let shell = Shell::new();
    let whole = b"all of it".repeat(1000);
    let (half_digest, digest) = (shell_digest(b"never ends"), shell_digest(&whole));
    {
        let served = Served::start_with(&shell, "remote", &["--name", "registry.test"]);
        let started = talk(&served.host, "POST /v2/a/blobs/uploads/", b"");
        let location = header(&started, "location");
        let patch = talk(&served.host, &format!("PATCH {location}"), b"never e");
        assert_eq!(status(&patch), 202, "{patch}");
        let post = format!("POST /v2/a/blobs/uploads/?digest={digest}");
        assert_eq!(status(&talk(&served.host, &post, &whole)), 201);
        // Dropping it kills it: no signal that it could see.
    }
    let served = Served::start_with(&shell, "remote", &["--name", "registry.test"]);
    let get = |digest: &str| talk(&served.host, &format!("GET /v2/a/blobs/{digest}"), b"");
    assert_eq!(status(&get(&half_digest)), 404);
    let answer = get(&digest);
    assert!(answer.ends_with(&String::from_utf8_lossy(&whole).into_owned()));
    let prune = || {
        let mut command = shell.command(&["prune", "--json"]);
        command.env("MODELPACK_STORAGE_DIR", shell.path("remote"));
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    // The file of the half is nobody's; the blob still waits for its manifest.
    prune();
    let left = std::fs::read_dir(shell.path("remote/.modelpack/ingest"))
        .map_or(0, |entries| entries.count());
    assert_eq!(left, 0);
    assert_eq!(status(&get(&digest)), 200);
}

fn shell_digest(content: &[u8]) -> String {
    modelpack::Digest::sha256(content).to_string()
}

/// S13: A password can be required.
#[test]
fn passwords_pages_and_the_access_log() {
    let shell = Shell::new();
    // The bcrypt hash of `sesame`, with the least cost.
    let hash = "$2b$04$9xF0ibLDHqfVrn2fz6x1Z.dGwCDIT3GCg.NpvX0Q4DSwzNYRV3Qbm";
    std::fs::write(shell.path("users"), format!("alice:{hash}\n")).expect("there is room");
    let more = [
        "--htpasswd",
        "users",
        "--allow",
        "anonymous:pull",
        "--allow",
        "alice:pull,push:team/*",
        "--metrics",
        "--access-log",
        "log",
        "--max-manifest",
        "1K",
    ];
    let served = Served::start_with(&shell, "remote", &more);
    let push = "POST /v2/team/a/blobs/uploads/";
    let refused = talk(&served.host, push, b"");
    assert_eq!(status(&refused), 401);
    assert_eq!(
        header(&refused, "www-authenticate"),
        "Basic realm=\"modelpack\""
    );
    assert_eq!(
        status(&talk(&served.host, "GET /v2/team/a/tags/list", b"")),
        404
    );
    assert_eq!(status(&talk(&served.host, "GET /healthz", b"")), 200);
    let metrics = talk(&served.host, "GET /metrics", b"");
    assert!(
        metrics.contains("requests_total{method=\"POST\",status=\"401\"} 1"),
        "{metrics}"
    );
    served.stop();
    let log = std::fs::read_to_string(shell.path("log")).expect("it was written");
    assert_eq!(log.lines().count(), 4, "a line for each request: {log}");
    let first = json(log.lines().next().expect("there are four"));
    assert_eq!(
        (&first["method"], &first["status"]),
        (&"POST".into(), &401.into())
    );
    assert_eq!(first["path"], "/v2/team/a/blobs/uploads/");
}

/// A tag that was kept follows upstream, and stays when upstream is gone.
#[test]
fn a_tag_that_moves_upstream_moves_here() {
    let shell = Shell::new();
    let upstream = Served::start(&shell, "upstream");
    let there = format!("{}/me/tiny:v1", upstream.host);
    let more = [
        "--upstream",
        &upstream.host,
        "--refresh",
        "0",
        "--plain-http",
    ];
    let mirror = Served::start_with(&shell, "mirror", &more);
    let tagged = || {
        let answer = talk(&mirror.host, "HEAD /v2/me/tiny/manifests/v1", b"");
        header(&answer, "docker-content-digest").to_owned()
    };
    let push = |name: &str| {
        shell.build(name);
        shell.ok(&["push", name, "--plain-http"]);
    };
    push(&there);
    let first = tagged();
    assert_ne!(first, "");
    shell.write("model/README.md", "another one");
    push(&there);
    let second = tagged();
    assert_ne!(second, first);

    drop(upstream);
    assert_eq!(tagged(), second, "what was kept is served");
}

#[test]
fn wrong_options_are_named() {
    let shell = Shell::new();
    std::fs::write(shell.path("empty"), "").expect("there is room");
    std::fs::write(shell.path("users"), "alice:secret\n").expect("there is room");
    for (more, code, says) in [
        (&["--allow", "alice:fly"][..], 2, "`alice:fly` is no rule"),
        (&["--tls-cert", "empty"], 2, "--tls-key"),
        (&["--token-key", "empty"], 2, "--token-realm"),
        (&["--max-blob", "lots"], 2, "64K"),
        (&["--htpasswd", "nowhere"], 1, "cannot read nowhere"),
        (&["--htpasswd", "users"], 1, "line 1 of the password file"),
        (
            &["--tls-cert", "empty", "--tls-key", "empty"],
            1,
            "there is none in the file",
        ),
    ] {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        shell.fails(&arguments, code, &[says]);
    }
}
