//! The same files give the same artifact, whoever builds it, when and where.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use modelpack_testkit::{copy_model, skip, tool};

use crate::canned::{Answer, Canned};
use crate::shell::{Shell, json};

const REFERENCE: &str = "registry.example.com/me/llama:v1";
const BUILD: [&str; 5] = ["build", "model", "-q", "-t", REFERENCE];

fn shell() -> Shell {
    let shell = Shell::new();
    copy_model("tiny-llama-gguf", &shell.path("model"));
    shell
}

/// The digest that a quiet build prints.
fn built(ran: Output) -> String {
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    String::from_utf8(ran.stdout).expect("text")
}

fn build(shell: &Shell, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let mut command = shell.command(&[&BUILD[..], flags].concat());
    built(
        command
            .envs(variables.iter().copied())
            .output()
            .expect("it starts"),
    )
}

fn created(shell: &Shell) -> String {
    let report = json(&shell.ok(&["inspect", REFERENCE]));
    report["CreatedAt"].as_str().expect("text").to_owned()
}

/// Sets the time of every file, as a fresh checkout would.
fn touch(shell: &Shell, seconds: u64) {
    for entry in std::fs::read_dir(shell.path("model")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::options().append(true).open(path).expect("a file");
        file.set_modified(time).expect("it is ours");
    }
}

/// MA17: Neither time zone nor time of files nor place counts.
#[test]
fn neither_time_zone_nor_time_of_files_nor_place_counts() {
    let epoch = ("SOURCE_DATE_EPOCH", "1700000000");
    let mut digests = Vec::new();
    for (zone, seconds, flags) in [
        ("UTC", 1, &[][..]),
        ("Asia/Tokyo", 2_000_000_000, &["-c", "1"]),
        ("America/St_Johns", 1_234_567_890, &["-c", "9"]),
    ] {
        let shell = shell();
        touch(&shell, seconds);
        digests.push(build(
            &shell,
            &[epoch, ("TZ", zone), ("USER", zone), ("LC_ALL", zone)],
            flags,
        ));
        assert_eq!(created(&shell), "2023-11-14T22:13:20Z");
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

/// MA17: Another user builds the same.
#[test]
fn another_user_builds_the_same() {
    let (root, nobody) = (shell(), shell());
    let Some(setpriv) = tool("setpriv").filter(|_| is_root(&root)) else {
        return skip("only the super-user can build as somebody else");
    };
    let flags = ["--no-creation-time"];
    let mine = build(&root, &[], &flags);
    let own = nobody.command(&[&BUILD[..], &flags].concat());
    let mut command = Command::new(setpriv);
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(own.get_program()).args(own.get_args());
    command.current_dir(nobody.path("")).env_clear();
    for (name, value) in own.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    // A home that everybody may write to, as that of a container.
    std::fs::set_permissions(nobody.path(""), Permissions::from_mode(0o777)).expect("it is ours");
    let ran = command.output().expect("it starts");
    if !ran.status.success() && ran.stderr.starts_with(b"setpriv:") {
        return skip("nobody else may run what was built here");
    }
    assert_eq!(built(ran), mine);
    assert_eq!(
        nobody.path("store").metadata().expect("it is there").uid(),
        65534
    );
}

fn is_root(shell: &Shell) -> bool {
    shell.path("model").metadata().expect("it is there").uid() == 0
}

#[test]
fn building_again_changes_nothing_until_something_else_changes() {
    let shell = shell();
    let first = build(&shell, &[("SOURCE_DATE_EPOCH", "1000000000")], &[]);
    let before = shell.state("store");
    assert_eq!(created(&shell), "2001-09-09T01:46:40Z");
    // Without the variable it is later now, but nothing else has changed.
    assert_eq!(build(&shell, &[], &[]), first);
    assert_eq!(shell.state("store"), before);
    let report = json(&shell.ok(&["build", "model", "-t", REFERENCE, "--json"]));
    assert_eq!(report["unchanged"], true);
    // The variable decides, whatever is there.
    let other = build(&shell, &[("SOURCE_DATE_EPOCH", "1000000001")], &[]);
    assert_ne!(other, first);
    assert_eq!(created(&shell), "2001-09-09T01:46:41Z");
    // A changed file, and an artifact without time.
    shell.write("model/README.md", "changed");
    assert_ne!(build(&shell, &[], &[]), other);
    let now = created(&shell);
    assert!(
        now.as_str() > "2001-09-09T01:46:41Z" && now.len() == "2001-09-09T01:46:41Z".len(),
        "{now}"
    );
    build(&shell, &[], &["--no-creation-time"]);
    assert_eq!(created(&shell), "");
}

#[test]
fn real_metadata_is_written_when_asked_for() {
    let shell = shell();
    touch(&shell, 1_234_567_890);
    let owner = shell
        .path("model/README.md")
        .metadata()
        .expect("it is there");
    let metadata = |flags: &[&str]| {
        let digest = build(&shell, &[], flags);
        let blob = shell
            .path("store/blobs")
            .join(digest.trim().replace(':', "/"));
        let manifest = json(&std::fs::read_to_string(blob).expect("it is there"));
        let annotation = &manifest["layers"][0]["annotations"]["org.cncf.model.file.metadata+json"];
        json(annotation.as_str().expect("text"))
    };
    let constant = metadata(&[]);
    assert_eq!(constant["mtime"], "1970-01-01T00:00:00Z");
    assert_eq!((&constant["uid"], &constant["gid"]), (&0.into(), &0.into()));
    for flags in [
        &["--preserve-metadata"][..],
        &["--preserve-metadata", "--raw=false"],
    ] {
        let real = metadata(flags);
        assert_eq!(real["mtime"], "2009-02-13T23:31:30Z");
        assert_eq!(real["uid"], owner.uid());
        assert_eq!(real["gid"], owner.gid());
    }
    shell.ok(&["extract", REFERENCE, "out", "-q"]);
    let written = shell.path("out/README.md").metadata().expect("it is there");
    assert_eq!(written.mtime(), 1_234_567_890);
}

/// ME1: No fact of this machine leaves it.
#[test]
fn no_fact_of_this_machine_leaves_it() {
    let shell = shell();
    let server = Canned::start(|_| Answer::new(500, "").header("retry-after", "0"));
    let reference = format!("{}/a/b:v1", server.host);
    shell.ok(&["build", "model", "-q", "-t", &reference]);
    assert_eq!(shell.run(&["push", "--plain-http", &reference]).code, 5);
    assert_eq!(shell.run(&["pull", "--plain-http", &reference]).code, 5);
    let heads = server.heads();
    assert!(heads.len() > 1);
    let known = [
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
    ];
    for line in heads.iter().flat_map(|head| head.lines().skip(1)) {
        let (name, value) = line.split_once(": ").expect("a header");
        assert!(known.contains(&name.to_lowercase().as_str()), "{line}");
        if name.eq_ignore_ascii_case("user-agent") {
            assert_eq!(value, concat!("modelpack/", env!("CARGO_PKG_VERSION")));
        }
    }
    // Nor does the artifact know where it was made.
    let home = shell.path("").display().to_string();
    for (path, content) in shell.state("store") {
        let text = String::from_utf8_lossy(&content);
        assert!(
            !path.starts_with("blobs/") || !text.contains(home.trim_end_matches('/')),
            "{path}"
        );
    }
}

#[test]
fn the_creation_time_is_a_number() {
    let shell = shell();
    let mut command = shell.command(&BUILD);
    let bad = command
        .env("SOURCE_DATE_EPOCH", "soon")
        .output()
        .expect("it starts");
    assert_eq!(bad.status.code(), Some(2));
}
