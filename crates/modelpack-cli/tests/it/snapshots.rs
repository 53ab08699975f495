//! Whole commands: what each verb prints and how it ends, once when it works and once when it does not.
//!
//! Each file in `snapshots/` holds some commands with exit code, standard output and standard error. What differs
//! from run to run is replaced: digests by their number, directories, ports, times. `MODELPACK_SNAPSHOTS=write`
//! writes the files anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use modelpack_testkit::faulty::{Behaviour, Contents, FaultyRegistry};

use crate::network::{ME, Registry};
use crate::shell::{Served, Shell};

const REFERENCE: &str = "example.com/a/b:v1";

fn path(name: &str) -> PathBuf {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots"));
    directory.join(format!("{name}.txt"))
}

/// Runs the commands, one after the other, and compares what they do with the file of that name.
fn check(name: &str, shell: &Shell, commands: &[&[&str]]) {
    let ran = commands.iter().map(|arguments| {
        let mut command = shell.command(arguments);
        // Lines of progress come in any order.
        command.env("MODELPACK_NO_PROGRESS", "1");
        shown(arguments, command.output().expect("it starts"))
    });
    compare(name, shell, &ran.collect::<String>());
}

/// A command, and what it did.
fn shown(arguments: &[&str], output: Output) -> String {
    let code = output.status.code().expect("it exits");
    let mut text = format!("$ modelpack {}\nexit code {code}\n", arguments.join(" "));
    for (what, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
        let printed = String::from_utf8(bytes).expect("text");
        assert!(
            !printed.contains('\u{1b}'),
            "colour where nobody sees it: {printed:?}"
        );
        if !printed.is_empty() {
            let printed = printed.trim_end_matches('\n');
            writeln!(text, "--- {what}\n{printed}").expect("a string takes all");
        }
    }
    text.push('\n');
    text
}

fn compare(name: &str, shell: &Shell, actual: &str) {
    let actual = normalised(actual, shell);
    let path = path(name);
    if std::env::var("MODELPACK_SNAPSHOTS").is_ok_and(|value| value == "write") {
        std::fs::write(&path, &actual).expect("it can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        actual,
        expected,
        "{} is not what it was; look, then MODELPACK_SNAPSHOTS=write",
        path.display()
    );
}

/// Without what differs from run to run.
fn normalised(text: &str, shell: &Shell) -> String {
    let home = shell.path("");
    let home = home.to_string_lossy();
    let text = text.replace(home.trim_end_matches('/'), "~");
    let mut digests = BTreeMap::new();
    let mut rest = text.as_str();
    let mut out = String::new();
    while let Some(at) = rest.find("sha256") {
        // A colon, or a dash in the name of a directory.
        let (before, after) = rest.split_at((at + "sha256:".len()).min(rest.len()));
        out.push_str(before);
        let hex = after.chars().take_while(char::is_ascii_hexdigit).count();
        if hex == 64 {
            let next = digests.len() + 1;
            let number = *digests.entry(after[..hex].to_owned()).or_insert(next);
            // As wide as a digest, so that columns stay where they are.
            write!(out, "{number:<64}").expect("a string takes all");
        } else {
            out.push_str(&after[..hex]);
        }
        rest = &after[hex..];
    }
    out.push_str(rest);
    let lines = out.lines().map(|line| without_space(&without_ports(line)));
    let mut text: String = lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    for number in 1..=digests.len() {
        let wide = format!("{number:<64}");
        for mark in ["sha256:", "sha256-"] {
            let short = format!("{mark}[{number}]");
            text = text.replace(&format!("{mark}{wide}"), &short);
            // At the end of a line there are no spaces.
            text = text.replace(&format!("{mark}{number}\n"), &format!("{short}\n"));
        }
    }
    text
}

fn without_ports(line: &str) -> String {
    let mut line = line.to_owned();
    for host in ["localhost:", "127.0.0.1:"] {
        let mut from = 0;
        while let Some(at) = line[from..].find(host) {
            let start = from + at + host.len();
            let digits = line[start..]
                .chars()
                .take_while(char::is_ascii_digit)
                .count();
            if digits > 3 {
                line.replace_range(start..start + digits, "PORT");
            }
            from = start;
        }
    }
    line
}

fn without_space(line: &str) -> String {
    // How much is free on this disk, such as `12.3 GB free`.
    match line.split_once("B free") {
        Some((start, end)) => {
            let number = |c: char| c.is_ascii_digit() || ". kMGTP".contains(c);
            let start = start.trim_end_matches(number);
            let gap = if start.ends_with('"') { "" } else { " " };
            format!("{start}{gap}MANY free{end}")
        }
        None => line.to_owned(),
    }
}

#[test]
fn build() {
    let shell = Shell::new();
    modelpack_testkit::copy_model("tiny-safetensors", &shell.path("model"));
    let target = ["build", "model", "-t", REFERENCE];
    let quiet = [&target[..], &["--no-creation-time", "-q"]].concat();
    check(
        "build",
        &shell,
        &[
            &[&target[..], &["--no-creation-time"]].concat(),
            &quiet,
            &["build", "nowhere", "-t", REFERENCE],
            &["build", "model"],
        ],
    );
}

/// Other ways to build than into the store.
#[test]
fn build_variants() {
    let shell = Shell::new();
    modelpack_testkit::copy_model("tiny-safetensors", &shell.path("model"));
    let served = Served::start(&shell, "registry");
    let there = format!("{}/me/toy:v1", served.host);
    let target = ["build", "model", "-t", REFERENCE, "--no-creation-time"];
    let remote = [
        "build",
        "model",
        "-t",
        &there,
        "--no-creation-time",
        "--plain-http",
        "--output-remote",
    ];
    let with = |more: &[&'static str]| [&target[..], more].concat();
    check(
        "build-variants",
        &shell,
        &[
            &with(&["--dry-run"]),
            &with(&["--raw=false"]),
            &with(&["--pack", "doc=tar"]),
            &with(&["--pack", "weight=tar"]),
            &with(&["--exclude", "*.md"]),
            &with(&["--set", "descriptor.licenses=MIT"]),
            &with(&["--set", "descriptor.colour=red"]),
            &with(&["--format", "docker"]),
            &remote,
            &[&remote[..], &["--dry-run"]].concat(),
            &[
                "build",
                "model",
                "-t",
                "localhost:1/a/b:v1",
                "--output-remote",
                "--plain-http",
            ],
        ],
    );
}

/// Single files, to and from a registry and an artifact.
#[test]
fn single_files() {
    let shell = Shell::new();
    let served = Served::start(&shell, "registry");
    let there = format!("{}/me/toy:v1", served.host);
    let not_there = format!("{}/me/toy:v9", served.host);
    let repository = format!("{}/me/toy", served.host);
    shell.build(&there);
    shell.ok(&["push", &there, "--plain-http"]);
    shell.write("notes.md", "# notes");
    let fetch = [
        "fetch",
        &there,
        "--plain-http",
        "--output",
        "out",
        "--patterns",
    ];
    let attach = [
        "attach",
        "notes.md",
        "-s",
        &there,
        "-t",
        "example.com/a/b:v2",
    ];
    let upload = ["upload", "notes.md", "--plain-http", "--repo"];
    check(
        "fetch-attach-upload",
        &shell,
        &[
            &[&fetch[..], &["**/*.json"]].concat(),
            &[&fetch[..], &["*.jsn"]].concat(),
            &[
                "fetch",
                &not_there,
                "--plain-http",
                "--output",
                "out",
                "--patterns",
                "*",
            ],
            &attach,
            &["attach", "../notes.md", "-s", &there, "-t", REFERENCE],
            &["attach", "nothing.md", "-s", &there, "-t", REFERENCE],
            &[&upload[..], &[&*repository]].concat(),
            &[&upload[..], &[&*there]].concat(),
            &["upload", "notes.md"],
        ],
    );
}

/// A login that a registry accepts, one that it does not, and the way back.
#[test]
fn login() {
    let shell = Shell::new();
    let host = Registry::start(ME, None).host;
    let login = ["login", &host, "--plain-http", "-u", "me", "-p"];
    check(
        "login-logout",
        &shell,
        &[
            &[&login[..], &["pw"]].concat(),
            &[&login[..], &["wrong"]].concat(),
            &[
                "login",
                &host,
                "--plain-http",
                "-u",
                "me",
                "--password-stdin",
            ],
            &["logout", &host],
            &["logout", &host],
            &["logout", "no host"],
        ],
    );
}

#[test]
fn look() {
    let shell = Shell::new();
    shell.build(REFERENCE);
    shell.build("example.com/a/other:v2");
    let other = "example.com/a/other:v2";
    let missing = "example.com/a/b:v9";
    check(
        "inspect",
        &shell,
        &[
            &["inspect", REFERENCE],
            &["inspect", REFERENCE, "--files"],
            &["inspect", REFERENCE, "--tensors"],
            &["inspect", missing],
        ],
    );
    check(
        "ls",
        &shell,
        &[
            &["ls"],
            &["ls", "-q"],
            &["ls", "other"],
            &["ls", "nothing*"],
            &["ls", "other", "--json"],
            &["ls", "--partial"],
            &["ls", "--remote", "not a reference"],
        ],
    );
    check(
        "du",
        &shell,
        &[&["du"], &["du", "*:v2", "--json"], &["du", "--sideways"]],
    );
    check(
        "tag-rm-prune-verify",
        &shell,
        &[
            &["tag", REFERENCE, "example.com/a/b:v3"],
            &["tag", missing, "example.com/a/b:v4"],
            &["rm", "example.com/a/b:v3"],
            &["rm", missing],
            &["verify"],
            &["verify", "--deeply"],
            &["prune", "--dry-run"],
            &["prune", "--remove-untagged=false"],
            &["prune", "--remove-untagged=perhaps"],
            &["prune", "--partials-older-than", "soon"],
        ],
    );
    check(
        "convert",
        &shell,
        &[
            &["convert", other, "--to", "modelpack"],
            &["convert", missing, "--to", "docker"],
        ],
    );
    check(
        "index",
        &shell,
        &[
            &[
                "index",
                "create",
                "example.com/a/all:v1",
                "--variant",
                "one=example.com/a/b:v1",
            ],
            &[
                "index",
                "create",
                "example.com/a/all:v2",
                "--variant",
                "one",
            ],
        ],
    );
}

/// ME8: Diff.
#[test]
fn diff() {
    let shell = Shell::new();
    shell.build(REFERENCE);
    shell.build("example.com/a/same:v1");
    shell.write("model/README.md", "other words");
    shell.write("model/new.md", "new");
    shell.ok(&[
        "build",
        "model",
        "-t",
        "example.com/a/b:v2",
        "--no-creation-time",
    ]);
    let two = "example.com/a/b:v2";
    check(
        "diff",
        &shell,
        &[
            &["diff", REFERENCE, "example.com/a/same:v1"],
            &["diff", REFERENCE, two],
            &["diff", REFERENCE, two, "-q"],
            &["diff", REFERENCE, two, "--json", "--tensors"],
            &["diff", REFERENCE, "example.com/a/b:v9"],
            &["diff", REFERENCE, "example.com/a/b:v9", "--json"],
            &["diff", REFERENCE],
        ],
    );
    // A failure without a code of its own is no difference.
    shell.write("store/modelpack/store.json", r#"{"version":99}"#);
    check("diff-trouble", &shell, &[&["diff", REFERENCE, two]]);
}

#[test]
fn files() {
    let shell = Shell::new();
    shell.build(REFERENCE);
    let missing = "example.com/a/b:v9";
    check(
        "resolve-extract",
        &shell,
        &[
            &["resolve", "--no-pull", REFERENCE],
            &["resolve", "--no-pull", missing],
            &["extract", REFERENCE, "out"],
            &["extract", missing, "out"],
        ],
    );
    check(
        "export-run",
        &shell,
        &[
            &["export", REFERENCE, "--image", "example.com/a/b:image"],
            &["export", missing, "--to-dmr=dmr"],
            &["run", "--no-pull", "--dry-run", REFERENCE],
            &["run", "--no-pull", missing],
        ],
    );
    shell.ok(&["export", REFERENCE, "--to-dmr=dmr"]);
    let there = "--from-dmr=dmr";
    let new = "example.com/a/new:v1";
    check(
        "import",
        &shell,
        &[
            &["import", there],
            &["import", there, REFERENCE],
            &["import", there, "example.com/a/b", "-t", new],
            &["import", there, "-q"],
            &["import", "--from-dmr=nowhere"],
            &["import", REFERENCE],
            &["import", there, "-t", new],
        ],
    );
}

#[test]
fn registry() {
    let shell = Shell::new();
    let served = Served::start(&shell, "registry");
    let there = format!("{}/me/toy:v1", served.host);
    let not_there = format!("{}/me/toy:v9", served.host);
    let repository = format!("{}/me/toy", served.host);
    let nobody = format!("{}/no/body", served.host);
    shell.build(&there);
    check(
        "push-pull",
        &shell,
        &[
            &["push", &there, "--plain-http"],
            &["push", &not_there, "--plain-http"],
            &["push", &there, "--plain-http", "--timeout", "soon"],
            &["pull", &there, "--plain-http"],
            &["pull", &there, "--plain-http", "--extract-dir", "out", "-q"],
            &["pull", &not_there, "--plain-http"],
            &["ls", "--remote", &repository, "--plain-http"],
            &["ls", "--remote", &repository, "--plain-http", "v2*"],
            &["ls", "--remote", &nobody, "--plain-http"],
            &["inspect", &not_there, "--remote", "--plain-http"],
        ],
    );
    check(
        "doctor",
        &shell,
        &[
            &["doctor"],
            &["doctor", &there, "--plain-http"],
            &["doctor", &there, "--plain-http", "-q"],
            &["doctor", &not_there, "--plain-http", "-q"],
            &["doctor", &served.host, "--plain-http", "--json"],
            &["doctor", "no host at all"],
        ],
    );
}

/// A registry that is started and asked to end, and one that cannot start.
#[test]
fn serve() {
    let shell = Shell::new();
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let mut command = shell.command(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("it starts");
    let mut stderr = BufReader::new(process.stderr.take().expect("it is piped"));
    // It listens when it says so; then it may be asked to end.
    let mut said = String::new();
    stderr.read_line(&mut said).expect("text");
    let asked = Command::new("kill").arg(process.id().to_string()).status();
    assert!(asked.expect("there is a kill").success());
    stderr.read_to_string(&mut said).expect("text");
    let mut output = process.wait_with_output().expect("it ends");
    output.stderr = said.into_bytes();
    let nowhere = ["serve", "--listen", "nowhere"];
    let refused = shell.command(&nowhere).output().expect("it starts");
    let text = shown(&arguments, output) + &shown(&nowhere, refused);
    compare("serve", &shell, &text);
}

/// Tags of a registry that sends one on each page.
#[test]
fn pages() {
    let shell = Shell::new();
    let contents = Contents::new();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    for tag in ["v1", "v2", "v3"] {
        contents.add_manifest("me/toy", tag, media_type, b"{}".to_vec());
    }
    let behaviour = Behaviour {
        page: Some(1),
        ..Behaviour::default()
    };
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .behaviour(behaviour)
        .start();
    let repository = format!("{}/me/toy", registry.host());
    check(
        "pages",
        &shell,
        &[&["ls", "--plain-http", "--remote", &repository]],
    );
}

#[test]
fn modelfile() {
    let shell = Shell::new();
    modelpack_testkit::copy_model("tiny-safetensors", &shell.path("model"));
    std::fs::create_dir(shell.path("empty")).expect("a directory");
    check(
        "modelfile",
        &shell,
        &[
            &["modelfile", "generate", "model", "-O", "empty"],
            &["modelfile", "generate", "model", "-O", "empty"],
            &["modelfile", "generate", "nowhere"],
            &[
                "modelfile",
                "generate",
                "--model-url",
                "https://huggingface.co/a/b",
            ],
        ],
    );
}

#[test]
fn about() {
    let shell = Shell::new();
    check(
        "about",
        &shell,
        &[
            &["version"],
            &["version", "--frobnicate"],
            &["completion", "tcsh"],
            &["man", "frobnicate"],
            &["man", "--output", "man"],
            &["pull", "--help"],
            &["ls", "--log-level", "debug", "--pprof"],
            &["pull", REFERENCE, "--dragonfly-endpoint", "unix:///d.sock"],
        ],
    );
    assert!(shell.path("man/modelpack.1").is_file());
    assert!(shell.path("man/modelpack-modelfile-generate.1").is_file());
    for name in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = shell.ok(&["completion", name]);
        assert!(script.contains("resolve"), "{name}");
    }
    let page = shell.ok(&["man", "modelfile", "generate"]);
    assert!(
        page.contains(".SH NAME") && page.contains("Examples"),
        "{page}"
    );
}

/// Called by a link that is named `modctl`.
#[test]
fn modctl() {
    let shell = Shell::new();
    shell.build(REFERENCE);
    let link = shell.path("modctl");
    symlink(env!("CARGO_BIN_EXE_modelpack"), &link).expect("a link");
    let run = |arguments: &[&str]| {
        let like = shell.command(arguments);
        let mut command = Command::new(&link);
        command.args(arguments).current_dir(shell.path(""));
        command.env_clear().envs(
            like.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command.env("MODELPACK_NO_PROGRESS", "1");
        let output = command.output().expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (
            output.status.code().expect("it exits"),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, stdout, stderr) = run(&["version"]);
    assert_eq!((code, &*stderr), (0, ""));
    let labels: Vec<_> = stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(labels, ["Version:", "Commit:", "Platform:", "BuildTime:"]);

    let (code, stdout, stderr) = run(&[]);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.contains("Usage: modctl"), "{stdout}");

    let (code, stdout, _) = run(&["ls"]);
    assert_eq!(code, 0);
    assert!(
        stdout.starts_with("REPOSITORY         TAG    DIGEST "),
        "{stdout}"
    );
    assert!(
        stdout.contains("a long while ago") && stdout.contains("KiB"),
        "{stdout}"
    );

    let (_, stdout, _) = run(&["inspect", REFERENCE]);
    assert!(stdout.starts_with("{\n\t\"Id\": \"sha256:"), "{stdout}");

    // Only 0 and 1, whatever it was; the words are followed by ours.
    let (code, stdout, stderr) = run(&["inspect", "example.com/a/b:v9"]);
    assert_eq!((code, &*stdout), (1, ""));
    assert!(
        stderr.starts_with("Error: example.com/a/b:v9 is not in the local store"),
        "{stderr}"
    );
    let (code, _, stderr) = run(&["push"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("Usage: modctl push"), "{stderr}");

    let (code, stdout, _) = run(&["tag", REFERENCE, "example.com/a/b:v2"]);
    assert_eq!((code, &*stdout), (0, ""));
    let (code, stdout, _) = run(&["extract", REFERENCE, "--output", "out"]);
    let success = format!("Successfully extracted model artifact {REFERENCE} to out\n");
    assert_eq!((code, stdout), (0, success));
    let (code, stdout, stderr) = run(&["completion", "bash"]);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.contains("_modctl()"), "{stdout}");
}
