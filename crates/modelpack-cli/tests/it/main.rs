//! What the command line adds: output, exit codes and settings.

mod dialects;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A home, a store and a working directory of its own.
struct Shell {
    home: tempfile::TempDir,
}

/// What a command left behind.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Shell {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a scratch directory"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelpack"));
        command.args(arguments).current_dir(self.home.path());
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("MODELPACK_STORAGE_DIR", self.path("store"));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().expect("it starts");
        Ran {
            code: status.code().expect("it exits"),
            stdout: String::from_utf8(stdout).expect("text"),
            stderr: String::from_utf8(stderr).expect("text"),
        }
    }

    /// Runs a command that must succeed and gives its output.
    fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    fn fails(&self, arguments: &[&str], code: i32, says: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!(
            ran.code, code,
            "{arguments:?}\n{}{}",
            ran.stdout, ran.stderr
        );
        assert!(
            ran.stdout.is_empty(),
            "{arguments:?} printed to stdout: {}",
            ran.stdout
        );
        for text in says {
            assert!(
                ran.stderr.contains(text),
                "{arguments:?} does not say `{text}`:\n{}",
                ran.stderr
            );
        }
    }

    fn build(&self, reference: &str) {
        let model = self.path("model");
        if !model.exists() {
            modelpack_testkit::copy_model("tiny-safetensors", &model);
        }
        self.ok(&[
            "build",
            "model",
            "-f",
            "model/Modelfile",
            "-t",
            reference,
            "--no-creation-time",
        ]);
    }
}

/// A running `modelpack serve`.
struct Served {
    process: Child,
    host: String,
}

impl Served {
    fn start(shell: &Shell, store: &str) -> Self {
        use std::io::{BufRead, BufReader};
        let mut command = shell.command(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("MODELPACK_STORAGE_DIR", shell.path(store))
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let mut line = String::new();
        let stderr = process.stderr.take().expect("it is piped");
        BufReader::new(stderr)
            .read_line(&mut line)
            .expect("it says where it listens");
        let port = line
            .split(':')
            .nth(2)
            .and_then(|rest| rest.split_whitespace().next())
            .expect("a port");
        Self {
            host: format!("localhost:{port}"),
            process,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn the_whole_loop_by_command_line() {
    let shell = Shell::new();
    let served = Served::start(&shell, "remote");
    let reference = format!("{}/me/tiny:v1", served.host);
    shell.build(&reference);
    let pushed = shell.ok(&["push", &reference, "--plain-http"]);
    assert_eq!(
        pushed,
        format!("Successfully pushed model artifact: {reference}\n")
    );
    let digest = json(&shell.ok(&["inspect", &reference]))["Digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let remote = json(&shell.ok(&["inspect", "--remote", "--plain-http", &reference]));
    assert_eq!(remote["Digest"], digest.as_str());
    assert_eq!(
        shell.ok(&["ls", "--remote", &reference, "--plain-http"]),
        "v1\n"
    );

    // An empty store, as on another machine.
    let other = shell.path("other").display().to_string();
    let pinned = format!("{}/me/tiny@{digest}", served.host);
    let resolved = shell.ok(&[
        "resolve",
        &format!("oci://{pinned}"),
        "--plain-http",
        "--json",
        "--storage-dir",
        &other,
    ]);
    let resolved = json(&resolved);
    assert_eq!(resolved["format"], "safetensors");
    let directory = PathBuf::from(resolved["directory"].as_str().expect("a directory"));
    for file in resolved["files"].as_array().expect("files") {
        let path = file["path"].as_str().expect("a path");
        let (got, original) = (
            std::fs::read(directory.join(path)),
            std::fs::read(shell.path("model").join(path)),
        );
        assert_eq!(
            got.expect("it is there"),
            original.expect("it is there"),
            "{path}"
        );
    }
    let out = shell.path("out").display().to_string();
    shell.ok(&[
        "pull",
        &reference,
        "--plain-http",
        "--extract-dir",
        &out,
        "-q",
        "--storage-dir",
        &other,
    ]);
    assert!(files(Path::new(&out)).contains(&"config.json".to_owned()));
}

#[test]
fn listing_naming_and_pruning() {
    let shell = Shell::new();
    assert_eq!(shell.ok(&["ls", "--json"]), "[]\n");
    assert_eq!(
        shell.ok(&["ls"]),
        "REPOSITORY    TAG    DIGEST    CREATED    SIZE\n"
    );
    let reference = "registry.example.com/me/tiny:v1";
    shell.build(reference);
    assert_eq!(shell.ok(&["ls", "-q"]), format!("{reference}\n"));
    assert_eq!(
        shell.ok(&["tag", reference, "registry.example.com/me/tiny:v2"]),
        ""
    );
    assert_eq!(
        shell.ok(&["rm", reference]),
        format!("Deleted: {reference}\n")
    );
    assert_eq!(shell.ok(&["prune"]), "freed 0 B\n");
    shell.ok(&["rm", "registry.example.com/me/tiny:v2"]);
    let planned = json(&shell.ok(&["prune", "--dry-run", "--json"]));
    let pruned = json(&shell.ok(&["prune", "--json"]));
    assert_eq!(planned["freed"], pruned["freed"]);
    assert!(pruned["freed"].as_u64().expect("a number") > 200_000);
    assert!(shell.ok(&["verify"]).contains("0 blobs"));
}

#[test]
fn inspect_has_the_keys_of_modctl_in_its_order() {
    let shell = Shell::new();
    let reference = "registry.example.com/me/tiny:v1";
    shell.build(reference);
    let text = shell.ok(&["inspect", reference]);
    let keys: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  \""))
        .filter_map(|line| line.split('"').next())
        .collect();
    let expected = [
        "Id",
        "Digest",
        "Architecture",
        "CreatedAt",
        "Family",
        "Format",
        "Name",
        "ParamSize",
        "Precision",
        "Quantization",
        "Layers",
    ];
    assert_eq!(keys, expected);
    assert!(
        shell
            .ok(&["inspect", "--config", reference])
            .starts_with("{\"descriptor\":{\"family\":")
    );
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let shell = Shell::new();
    let unknown = "registry.example.com/me/none:v1";
    shell.fails(
        &["frobnicate"],
        2,
        &["unrecognized subcommand", "frobnicate"],
    );
    shell.fails(&["pull", "not a reference"], 2, &["invalid reference"]);
    shell.fails(
        &["pull", "qwen3"],
        2,
        &["did you mean `docker.io/library/qwen3`?"],
    );
    shell.fails(
        &["inspect", unknown],
        3,
        &["is not in the local store", "hint:"],
    );
    shell.fails(
        &["resolve", "--no-pull", unknown],
        3,
        &["hint: `modelpack pull"],
    );
    shell.fails(&["rm", unknown], 3, &["is not in the local store"]);
    shell.fails(&["push", unknown], 3, &["is not in the local store"]);
    // Nothing listens on the port of `tcpmux`.
    shell.fails(
        &["pull", "localhost:1/a/b:c", "--plain-http"],
        5,
        &["localhost:1"],
    );
    std::fs::create_dir(shell.path("m")).expect("a directory");
    std::fs::write(shell.path("m/Modelfile"), "MODEL *.gguf\n").expect("a file");
    let bad = [
        "build",
        "m",
        "-f",
        "m/Modelfile",
        "-t",
        "example.com/a/b:v1",
    ];
    shell.fails(
        &bad,
        3,
        &["line 1 of the Modelfile: `*.gguf` matches no file", "hint:"],
    );
    std::fs::write(shell.path("m/Modelfile"), "MODLE x\n").expect("a file");
    shell.fails(
        &bad,
        1,
        &[
            "line 1, column 1: unknown command `MODLE`",
            "^^^^^",
            "did you mean MODEL?",
        ],
    );
    shell.fails(
        &["build", "m", "-f", "m/Modelfile", "-t", "example.com/a/b"],
        1,
        &["cannot be the name", "example.com/a/b:latest"],
    );
}

#[test]
fn damage_is_found_and_named() {
    use std::os::unix::fs::PermissionsExt;
    let shell = Shell::new();
    let reference = "registry.example.com/me/tiny:v1";
    shell.build(reference);
    let report = json(&shell.ok(&["inspect", reference]));
    let digest = report["Layers"][0]["Digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let blob = shell.path("store/blobs").join(digest.replace(':', "/"));
    std::fs::set_permissions(&blob, PermissionsExt::from_mode(0o644)).expect("it is ours");
    std::fs::write(&blob, "other bytes").expect("it is writable");
    let ran = shell.run(&["verify"]);
    assert_eq!(ran.code, 6, "{}", ran.stdout);
    assert!(
        ran.stdout.contains(&digest) && ran.stdout.contains("DAMAGED"),
        "{}",
        ran.stdout
    );
    let out = shell.path("out").display().to_string();
    shell.fails(&["extract", reference, &out, "-q"], 6, &[]);
    assert!(!shell.path("out").exists());
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let shell = Shell::new();
    shell.ok(&["ls"]);
    let version = shell.path("store/modelpack/store.json");
    std::fs::write(&version, r#"{"version":99}"#).expect("it is writable");
    shell.fails(&["ls"], 1, &["has version 99", "hint: use a newer version"]);
    assert_eq!(
        std::fs::read_to_string(&version).expect("it is there"),
        r#"{"version":99}"#
    );
}

#[test]
fn generate_then_build_without_a_modelfile_of_ones_own() {
    let shell = Shell::new();
    let model = shell.path("model");
    modelpack_testkit::copy_model("tiny-llama-gguf", &model);
    std::fs::remove_file(model.join("Modelfile")).expect("it was there");
    let text = shell.ok(&[
        "modelfile",
        "generate",
        "model",
        "-O",
        "model",
        "--name",
        "my model",
    ]);
    assert_eq!(
        text,
        std::fs::read_to_string(model.join("Modelfile")).expect("it was written")
    );
    assert!(
        text.contains("NAME \"my model\"")
            && text.contains("FORMAT gguf")
            && text.contains("FAMILY llama"),
        "{text}"
    );
    shell.fails(
        &["modelfile", "generate", "model", "-O", "model"],
        1,
        &["exists", "--overwrite"],
    );
    shell.build("registry.example.com/me/llama:v1");
    let resolved = shell.ok(&[
        "resolve",
        "--no-pull",
        "--json",
        "registry.example.com/me/llama:v1",
    ]);
    assert_eq!(json(&resolved)["format"], "gguf");
}

#[test]
fn the_creation_time_comes_from_the_environment() {
    let shell = Shell::new();
    let model = shell.path("model");
    modelpack_testkit::copy_model("tiny-llama-gguf", &model);
    let arguments = [
        "build",
        "model",
        "-f",
        "model/Modelfile",
        "-t",
        "registry.example.com/me/llama:v1",
    ];
    let created = |epoch: &str| {
        let status = shell
            .command(&arguments)
            .env("SOURCE_DATE_EPOCH", epoch)
            .env("TZ", "Asia/Tokyo")
            .output();
        assert!(status.expect("it starts").status.success());
        json(&shell.ok(&["inspect", "registry.example.com/me/llama:v1"]))["CreatedAt"].clone()
    };
    assert_eq!(created("1000000000"), "2001-09-09T01:46:40Z");
    let bad = shell
        .command(&arguments)
        .env("SOURCE_DATE_EPOCH", "soon")
        .output()
        .expect("it starts");
    assert_eq!(bad.status.code(), Some(2));
}
