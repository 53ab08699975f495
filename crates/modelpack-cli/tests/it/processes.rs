//! Two processes at once, and one that is interrupted.

use std::process::{Child, Stdio};

use modelpack_testkit::write_random;

use crate::canned::{Answer, Canned};
use crate::shell::{Served, Shell, json};

fn start(shell: &Shell, arguments: &[&str]) -> Child {
    let mut command = shell.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

fn all_succeed(children: Vec<Child>) {
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn two_processes_may_do_the_same_at_once() {
    let shell = Shell::new();
    let served = Served::start(&shell, "remote");
    std::fs::create_dir(shell.path("m")).expect("a directory");
    write_random(&shell.path("m/w.bin"), 9_000_000, 1).expect("a file");
    shell.write("m/Modelfile", "MODEL w.bin\n");
    let name = |tag: &str| format!("{}/a/b:{tag}", served.host);
    let tags = ["v1", "v2", "v1"].map(name);
    let twice = |command: &[&str]| {
        let run = |tag: &String| start(&shell, &[command, &[tag.as_str()]].concat());
        all_succeed(tags.iter().map(run).collect());
    };
    twice(&["build", "m", "--no-creation-time", "-q", "-t"]);
    twice(&["push", "--plain-http", "-q"]);
    twice(&["pull", "--plain-http", "-q", "--storage-dir", "other"]);
    twice(&["resolve", "--no-pull", "-q", "--storage-dir", "other"]);
    for store in ["store", "other"] {
        let listed = shell.ok(&["ls", "-q", "--storage-dir", store]);
        assert_eq!(listed.lines().count(), 2, "{listed}");
        let verified = shell.ok(&["verify", "--storage-dir", store]);
        assert_eq!(verified, "3 blobs, 9.0 MB: no damage\n");
    }
    // Names come and go, and others prune, while a build runs.
    let (first, second) = (name("v3"), name("v4"));
    all_succeed(vec![
        start(&shell, &["build", "m", "-t", &first, "--raw=false", "-q"]),
        start(&shell, &["tag", &tags[0], &second]),
        start(&shell, &["prune"]),
        start(&shell, &["rm", &tags[1]]),
        start(&shell, &["prune"]),
    ]);
    assert_eq!(shell.ok(&["ls", "-q"]).lines().count(), 3);
    assert!(shell.ok(&["verify"]).contains("no damage"));
}

/// MC5: An interrupted pull keeps what it has.
#[test]
fn an_interrupted_pull_keeps_what_it_has() {
    let shell = Shell::new();
    std::fs::create_dir(shell.path("m")).expect("a directory");
    write_random(&shell.path("m/w.bin"), 3_000_000, 1).expect("a file");
    shell.write("m/Modelfile", "MODEL w.bin\n");
    shell.ok(&["build", "m", "-t", "example.com/a/b:v1", "-q"]);
    let report = json(&shell.ok(&["inspect", "example.com/a/b:v1"]));
    let manifest = report["Digest"].as_str().expect("a digest").to_owned();
    let weights = report["Layers"][0]["Digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let blobs = shell.path("store/blobs");
    let (asked, was_asked) = std::sync::mpsc::channel();
    let server = Canned::start(move |path| {
        let last = path.rsplit('/').next().unwrap_or_default();
        let digest = if path.contains("/manifests/") {
            &manifest
        } else {
            last
        };
        let content = std::fs::read(blobs.join(digest.replace(':', "/"))).expect("it is there");
        if digest == weights {
            // Half of it, and then the connection stands still.
            let _ = asked.send(());
            return Answer::new(200, content).cut(1_000_000).stalled();
        }
        Answer::new(200, content)
    });
    let reference = format!("{}/a/b:v1", server.host);
    let other = Shell::new();
    let pull = ["pull", "--plain-http", "-q", &reference];
    let child = start(&other, &pull);
    was_asked.recv().expect("it asks for the weights");
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(killed.expect("it starts").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: cancelled\nhint: run the same command again; it continues where it stopped\n"
    );
    assert_eq!(other.ok(&["ls", "-q"]), "");
    assert_eq!(
        json(&other.ok(&["ls", "--partial", "--json"]))
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert!(other.ok(&["verify"]).contains("no damage"));
    drop(server);

    let served = Served::start(&shell, "store");
    let renamed = format!("{}/a/b:v1", served.host);
    shell.ok(&["tag", "example.com/a/b:v1", &renamed]);
    let done = json(&other.ok(&["pull", "--plain-http", "--json", &renamed]));
    assert_eq!(done["layers"][0]["digest"], report["Layers"][0]["Digest"]);
    assert_eq!(other.ok(&["ls", "--partial", "--json"]), "[]\n");
    assert!(other.ok(&["verify"]).contains("no damage"));
}
