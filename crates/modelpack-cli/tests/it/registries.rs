//! Registries that are not there, refuse, fail, or are something else.

use std::path::PathBuf;

use crate::canned::{Answer, Canned};
use crate::shell::{Shell, json};

/// Pulls and resolves, which must fail with this and leave store and directory as they were.
fn refuses(shell: &Shell, host: &str, code: i32, says: &[&str]) {
    let reference = format!("{host}/a/b:v1");
    let before = shell.state("store");
    for arguments in [
        &["pull", "--plain-http", &reference, "--extract-dir", "out"][..],
        &["resolve", "--plain-http", &reference, "--output", "out"],
    ] {
        shell.fails(arguments, code, says);
        assert!(!shell.path("out").exists());
        assert_eq!(shell.state("store"), before);
    }
}

const LOG_IN: &str =
    "hint: log in to the registry (`modelpack login HOST`), or ask for access to the repository";

/// What the answer to every request leads to.
fn always(answer: Answer, code: i32, says: &[&str]) {
    let shell = Shell::new();
    shell.ok(&["ls"]);
    let server = Canned::start(move |_| answer.clone());
    refuses(&shell, &server.host, code, says);
}

fn said(code: &str) -> String {
    format!(r#"{{"errors":[{{"code":"{code}","message":"so it is"}}]}}"#)
}

#[test]
fn nobody_is_there() {
    let shell = Shell::new();
    shell.ok(&["ls"]);
    // Nothing listens on the port of `tcpmux`.
    let says = [
        "GET http://localhost:1/v2/a/b/manifests/v1: network error",
        "Connection refused",
        "hint: check that the registry runs there, then try again",
    ];
    refuses(&shell, "localhost:1", 5, &says);
    // This one speaks no TLS.
    let server = Canned::start(|_| Answer::new(200, "{}"));
    let reference = format!("{}/a/b:v1", server.host);
    shell.fails(
        &["pull", &reference],
        5,
        &["hint: check that the registry runs there; `--plain-http` is for one without TLS"],
    );
}

#[test]
fn a_web_page_is_no_registry() {
    let page =
        |status| Answer::new(status, "<html>hello</html>").header("content-type", "text/html");
    always(
        page(200),
        1,
        &[
            "/v2/a/b/manifests/v1: not the answer of a registry: a web page",
            "hint: check the host of the reference, and whether a proxy or a login page is in between",
        ],
    );
    always(
        page(404),
        3,
        &["not found (the answer is a web page; is this a registry?)"],
    );
}

#[test]
fn refusals_and_failures() {
    let answer = |status, code| Answer::new(status, said(code)).header("retry-after", "0");
    always(
        answer(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"x\""),
        4,
        &[
            "not logged in, or the credentials were not accepted: UNAUTHORIZED: so it is",
            LOG_IN,
        ],
    );
    always(
        answer(403, "DENIED"),
        4,
        &["access denied: DENIED: so it is", LOG_IN],
    );
    always(
        answer(404, "MANIFEST_UNKNOWN"),
        3,
        &[
            "not found: MANIFEST_UNKNOWN: so it is",
            "hint: check the name; `modelpack ls --remote HOST/REPOSITORY` lists the tags",
        ],
    );
    always(
        answer(429, "TOOMANYREQUESTS"),
        5,
        &[
            "too many requests: TOOMANYREQUESTS: so it is",
            "hint: wait a little",
        ],
    );
    always(
        answer(500, "UNKNOWN"),
        5,
        &[
            "the registry failed with status 500: UNKNOWN: so it is",
            "hint: the fault is on the side of the registry; try again later",
        ],
    );
}

#[test]
fn documents_over_the_limit() {
    always(
        Answer::new(200, " ".repeat(9 << 20))
            .header("content-type", "application/vnd.oci.image.manifest.v1+json"),
        1,
        &["the manifest is over the limit of 8388608 bytes"],
    );
}

/// A registry that serves the store of a shell, but for what a test changes on the way.
struct Forged {
    shell: Shell,
    digest: String,
    /// The first weight file.
    weight: String,
    size: u64,
}

impl Forged {
    fn new() -> Self {
        let shell = Shell::new();
        shell.build("example.com/a/b:v1");
        let report = json(&shell.ok(&["inspect", "example.com/a/b:v1"]));
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let layers = report["Layers"].as_array().expect("layers");
        let weight = layers
            .iter()
            .find(|layer| layer["Filepath"] == "model-00001-of-00002.safetensors")
            .expect("it has weights");
        Self {
            digest: text(&report["Digest"]),
            weight: text(&weight["Digest"]),
            size: weight["Size"].as_u64().expect("a size"),
            shell,
        }
    }

    fn serve(&self, change: impl Fn(&str, Answer) -> Answer + Send + 'static) -> Canned {
        let (blobs, manifest): (PathBuf, String) =
            (self.shell.path("store/blobs"), self.digest.clone());
        Canned::start(move |path| {
            let last = path.rsplit('/').next().unwrap_or_default();
            let digest = if path.contains("/manifests/") && !last.starts_with("sha256:") {
                &manifest
            } else {
                last
            };
            let answer = match std::fs::read(blobs.join(digest.replace(':', "/"))) {
                Ok(content) => Answer::new(200, content),
                Err(_) => Answer::new(404, said("UNKNOWN")),
            };
            change(digest, answer)
        })
    }

    /// Pulls by another machine, where something is changed on the way, and then where nothing is.
    fn check(
        &self,
        rest: &str,
        change: impl Fn(&str, Answer) -> Answer + Send + 'static,
        code: i32,
        says: &[&str],
    ) {
        let other = Shell::new();
        other.ok(&["ls"]);
        let server = self.serve(change);
        let reference = format!("{}/{rest}", server.host);
        let pull = ["pull", "--plain-http", &reference, "--extract-dir", "out"];
        for _ in 0..2 {
            other.fails(&pull, code, says);
            assert!(!other.path("out").exists());
            assert_eq!(other.ok(&["ls", "-q"]), "", "it has no name");
            let weight = other
                .path("store/blobs")
                .join(self.weight.replace(':', "/"));
            assert!(!weight.exists(), "nothing wrong is visible");
            assert!(other.ok(&["verify"]).contains("no damage"));
        }
        // The same command, when the registry is right again.
        let server = self.serve(|_, answer| answer);
        let reference = format!("{}/{rest}", server.host);
        if !reference.contains('@') {
            other.ok(&["pull", "--plain-http", &reference]);
            assert!(other.ok(&["verify"]).contains("no damage"));
        }
    }
}

#[test]
fn wrong_bytes_of_the_right_length() {
    let forged = Forged::new();
    let (weight, size) = (forged.weight.clone(), forged.size);
    let change = move |digest: &str, answer| match digest {
        digest if digest == weight => Answer::new(200, vec![7; size as usize]),
        _ => answer,
    };
    let says = [
        &format!("/v2/a/b/blobs/{}: the blob has digest", forged.weight),
        &format!("expected {}", forged.weight),
        "hint: nothing of it was kept; try again",
    ];
    forged.check("a/b:v1", change, 6, &says);
}

#[test]
fn a_body_that_is_cut() {
    let forged = Forged::new();
    let weight = forged.weight.clone();
    let change = move |digest: &str, answer: Answer| match digest {
        digest if digest == weight => answer.cut(1000),
        _ => answer,
    };
    let says = [
        &format!("/v2/a/b/blobs/{}", forged.weight),
        "hint: run the same command again; what has arrived is kept",
    ];
    forged.check("a/b:v1", change, 5, &says);
}

#[test]
fn a_blob_that_the_registry_has_lost() {
    let forged = Forged::new();
    let weight = forged.weight.clone();
    let change = move |digest: &str, answer| match digest {
        digest if digest == weight => Answer::new(404, said("BLOB_UNKNOWN")),
        _ => answer,
    };
    let says = [
        &format!("/v2/a/b/blobs/{}: not found: BLOB_UNKNOWN", forged.weight),
        "hint: the registry has lost a part of the artifact",
    ];
    forged.check("a/b:v1", change, 3, &says);
}

#[test]
fn a_pin_that_does_not_match() {
    let forged = Forged::new();
    // A registry that answers with what it has, whatever was asked for.
    let manifest = std::fs::read(
        forged
            .shell
            .path("store/blobs")
            .join(forged.digest.replace(':', "/")),
    )
    .expect("it is there");
    let change = move |digest: &str, answer| match digest {
        digest if digest.contains("1111") => Answer::new(200, manifest.clone()),
        _ => answer,
    };
    let pin = "1".repeat(64);
    let says = [
        &format!(
            "the manifest has digest {}, expected sha256:{pin}",
            forged.digest
        ),
        "hint: nothing of it was kept",
    ];
    forged.check(&format!("a/b:v1@sha256:{pin}"), change, 6, &says);
    let says = [
        &format!("/v2/a/b/manifests/sha256:{pin}: not found"),
        "hint: check the name",
    ];
    forged.check(&format!("a/b@sha256:{pin}"), |_, answer| answer, 3, &says);
}

#[test]
fn a_config_that_breaks_a_rule() {
    let shell = Shell::new();
    shell.ok(&["ls"]);
    let config = br#"{"descriptor":{},"modelfs":{"type":"layers","diffIds":[]},"config":{}}"#;
    let digest = modelpack::Digest::sha256(config);
    let manifest = |config_type: &str| {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config_type}","digest":"{digest}","size":{}}},"layers":[{{"mediaType":"application/vnd.cncf.model.weight.v1.raw","digest":"{digest}","size":{0}}}]}}"#,
            config.len()
        )
    };
    let serve = |manifest: String| {
        Canned::start(move |path| {
            let manifest = manifest.clone();
            Answer::new(
                200,
                if path.contains("/manifests/") {
                    manifest.into_bytes()
                } else {
                    config.to_vec()
                },
            )
        })
    };
    let server = serve(manifest("application/vnd.cncf.model.config.v1+json"));
    let says = [
        "the model config breaks the specification: /modelfs/diffIds has 0 entries for 1 layers",
        "hint: the artifact has to be built anew by the tool that made it",
    ];
    refuses(&shell, &server.host, 1, &says);
    // Something else than a model is called by its name.
    let server = serve(manifest("application/vnd.oci.image.config.v1+json"));
    let says = [
        "/a/b:v1 is no ModelPack artifact but a container image",
        "hint: docker, podman or containerd reads it; this tool takes models",
    ];
    refuses(&shell, &server.host, 1, &says);
}

#[test]
fn a_push_that_is_refused() {
    let shell = Shell::new();
    let server = Canned::start(|_| Answer::new(403, said("DENIED")));
    let reference = format!("{}/a/b:v1", server.host);
    shell.build(&reference);
    let before = shell.state("store");
    shell.fails(
        &["push", "--plain-http", &reference],
        4,
        &["access denied", LOG_IN],
    );
    assert_eq!(shell.state("store"), before);
}

#[test]
fn credentials_come_from_the_file_that_docker_login_writes() {
    let shell = Shell::new();
    let server = Canned::start(|_| {
        Answer::new(401, said("UNAUTHORIZED")).header("www-authenticate", "Basic realm=\"x\"")
    });
    let reference = format!("{}/a/b:v1", server.host);
    // Base64 of `me:hunter2`.
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"bWU6aHVudGVyMg=="}}}}}}"#,
        server.host
    );
    let sent = || {
        let heads = server.heads();
        let with = |head: &&String| head.to_lowercase().contains("\nauthorization: basic ");
        heads.iter().filter(with).count()
    };
    let pull = ["pull", "--plain-http", &reference];
    assert_eq!(shell.run(&pull).code, 4);
    assert_eq!(sent(), 0);
    // In its usual place, and where `DOCKER_CONFIG` says.
    shell.write(".docker/config.json", &config);
    let ran = shell.run(&pull);
    assert_eq!((ran.code, sent()), (4, 1));
    assert!(
        !ran.stderr.contains("hunter2") && !ran.stderr.contains("bWU6"),
        "{}",
        ran.stderr
    );
    shell.write("elsewhere/config.json", r#"{"auths":{}}"#);
    let mut command = shell.command(&pull);
    let ran = command
        .env("DOCKER_CONFIG", shell.path("elsewhere"))
        .output();
    assert_eq!(ran.expect("it starts").status.code(), Some(4));
    assert_eq!(sent(), 1);
    // What cannot be read is said, and the rest goes on.
    shell.write(".docker/config.json", "{");
    let ran = shell.run(&pull);
    assert!(
        ran.stderr.contains("warning: ") && ran.stderr.contains("config.json: it cannot be used"),
        "{}",
        ran.stderr
    );
}
