//! Commands about dialects, variants and what is inside an artifact.

use crate::serve::{header, talk};
use crate::shell::{Served, Shell, json};

/// A shell with a GGUF model in its store.
fn with_gguf(reference: &str) -> Shell {
    let shell = Shell::new();
    modelpack_testkit::copy_model("tiny-llama-gguf", &shell.path("gguf"));
    shell.ok(&[
        "build",
        "gguf",
        "-f",
        "gguf/Modelfile",
        "-t",
        reference,
        "--no-creation-time",
    ]);
    shell
}

#[test]
fn convert_says_what_it_made_and_that_nothing_was_touched() {
    let shell = with_gguf("localhost:5000/a/b:v1");
    let said = shell.ok(&["convert", "localhost:5000/a/b:v1", "--to", "docker"]);
    assert_eq!(
        said,
        "Converted localhost:5000/a/b:v1 from ModelPack: localhost:5000/a/b:v1-docker (3 layers, none of them touched)\n"
    );
    let quiet = shell.ok(&[
        "-q",
        "convert",
        "localhost:5000/a/b:v1-docker",
        "--to",
        "modelpack",
        "-t",
        "localhost:5000/a/b:back",
    ]);
    assert_eq!(quiet, "localhost:5000/a/b:back\n");
    let digest = |name: &str| {
        let text = shell.ok(&["inspect", name]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        value["Digest"].as_str().map(str::to_owned)
    };
    assert_eq!(
        digest("localhost:5000/a/b:v1"),
        digest("localhost:5000/a/b:back")
    );
    let again = shell.ok(&["convert", "localhost:5000/a/b:v1", "--to", "modelpack"]);
    assert!(again.contains("is ModelPack already"), "{again}");
    shell.fails(
        &["convert", "localhost:5000/a/b:none", "--to", "docker"],
        3,
        &["is not in the local store"],
    );
    shell.fails(
        &["convert", "localhost:5000/a/b:v1", "--to", "tar"],
        2,
        &["docker"],
    );
}

#[test]
fn inspect_shows_files_and_tensors_and_compares() {
    let shell = with_gguf("localhost:5000/a/b:v1");
    shell.build("localhost:5000/a/c:v1");
    let files = shell.ok(&["inspect", "localhost:5000/a/c:v1", "--files"]);
    assert!(
        files
            .lines()
            .any(|line| line.starts_with("model-00001-of-00002.safetensors    weight")),
        "{files}"
    );
    assert!(files.lines().any(|line| line == "code/"), "{files}");
    assert!(
        files
            .lines()
            .any(|line| line.starts_with("  ") && line.contains("code")),
        "{files}"
    );
    let tensors = shell.ok(&["inspect", "localhost:5000/a/b:v1", "--tensors"]);
    assert!(
        tensors.starts_with("tiny-llama-Q8_0.gguf (gguf, llama, Q8_0)\n"),
        "{tensors}"
    );
    assert!(
        tensors.lines().any(|line| line
            .split_whitespace()
            .take(2)
            .eq(["token_embd.weight", "F16"])),
        "{tensors}"
    );
    let compared = shell.ok(&["inspect", "localhost:5000/a/b:v1", "localhost:5000/a/c:v1"]);
    assert!(
        compared
            .lines()
            .any(|line| line.starts_with("metadata    format")),
        "{compared}"
    );
    let same = shell.ok(&["inspect", "localhost:5000/a/b:v1", "localhost:5000/a/b:v1"]);
    assert_eq!(
        same,
        "localhost:5000/a/b:v1 and localhost:5000/a/b:v1 are the same artifact\n"
    );
    let json = shell.ok(&["--json", "inspect", "localhost:5000/a/b:v1", "--tensors"]);
    let value: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(value["isVerified"], true);
}

#[test]
fn variants_travel_through_a_registry() {
    let shell = with_gguf("localhost:5000/a/b:v1");
    let served = Served::start(&shell, "registry");
    let host = &served.host;
    let (small, large) = (format!("{host}/m/x:small"), format!("{host}/m/x:large"));
    shell.ok(&["tag", "localhost:5000/a/b:v1", &small]);
    shell.build(&large);
    let name = format!("{host}/m/x:v1");
    let made = shell.ok(&[
        "index",
        "create",
        &name,
        "--variant",
        &format!("gguf={small}"),
        "--variant",
        &format!("full={large}"),
    ]);
    assert!(
        made.starts_with("VARIANT    QUANTIZATION    PARAMETERS"),
        "{made}"
    );
    shell.ok(&["push", &name, "--plain-http"]);
    shell.ok(&["rm", &name]);
    shell.fails(
        &["pull", &name, "--plain-http"],
        1,
        &["there are 2 variants: gguf (", "hint: choose one"],
    );
    shell.ok(&["pull", &name, "--plain-http", "--variant", "GGUF"]);
    let files = shell.ok(&["inspect", &name, "--files"]);
    assert!(files.contains("tiny-llama-Q8_0.gguf"), "{files}");
    shell.fails(
        &["pull", &name, "--plain-http", "--max-size", "1B"],
        3,
        &["no variant has at most 1 bytes"],
    );
    shell.fails(
        &["pull", &name, "--max-size", "big"],
        2,
        &["write a number and a unit, such as 8GiB"],
    );
    shell.ok(&["pull", &name, "--plain-http", "--max-size", "1GiB"]);

    // A store that has nothing but the variant that fits still has the index under its name.
    let list = |place: &[&str]| {
        let text = shell.ok(&[&["--json", "index", "create", &name], place].concat());
        json(&text)["digest"].clone()
    };
    let digest = list(&[
        "--variant",
        &format!("gguf={small}"),
        "--variant",
        &format!("full={large}"),
    ]);
    let other = |arguments: &[&str]| {
        let mut command = shell.command(arguments);
        command.env("MODELPACK_STORAGE_DIR", shell.path("other"));
        let output = command.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?} {output:?}");
        said
    };
    let far = other(&["inspect", &name, "--remote", "--plain-http"]);
    assert_eq!(far, made, "{far}");
    let said = other(&["pull", &name, "--plain-http", "--fit"]);
    assert!(said.ends_with("(variant full)\n"), "{said}");
    let here = other(&["inspect", &name]);
    let column = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().last())
            .map(str::to_owned)
    };
    assert_eq!(column(&here, "gguf").as_deref(), Some("no"), "{here}");
    assert_eq!(column(&here, "full").as_deref(), Some("yes"), "{here}");
    let seen = json(&other(&["--json", "inspect", &name]));
    assert_eq!(
        (&seen["digest"], &seen["variants"][1]["isHere"]),
        (&digest, &true.into())
    );
    let list = other(&["ls"]);
    assert!(list.contains("index, 1 of 2 variants here"), "{list}");
    let sizes = json(&other(&["--json", "ls"]));
    let sizes: Vec<u64> = sizes
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["size"].as_u64())
        .collect();
    // The index and the one variant that is here, nothing of the other.
    assert!(sizes[0].abs_diff(sizes[1]) < 2000, "{sizes:?}");
    other(&["pull", &name, "--plain-http", "--variant", "gguf"]);
    let files = other(&["inspect", &name, "--files"]);
    assert!(files.contains("tiny-llama-Q8_0.gguf"), "{files}");
    let line = other(&["run", &name, "--dry-run"]);
    assert!(line.contains("tiny-llama-Q8_0.gguf"), "{line}");
    other(&["prune"]);
    let again = format!("{host}/m/y:again");
    other(&["tag", &name, &again]);
    for name in [&name, &again] {
        other(&["push", name, "--plain-http", "--dry-run"]);
        other(&["push", name, "--plain-http"]);
        let path = name.trim_start_matches(&format!("{host}/"));
        let (repository, tag) = path.split_once(':').expect("a tag");
        let head = format!("HEAD /v2/{repository}/manifests/{tag}");
        let answer = talk(host, &head, b"");
        assert_eq!(header(&answer, "docker-content-digest"), digest, "{answer}");
    }
    shell.fails(
        &["index", "create", &name, "--variant", "gguf"],
        2,
        &["write NAME=REF"],
    );
}

#[test]
fn run_prints_its_command_or_becomes_the_engine() {
    use std::os::unix::fs::PermissionsExt;
    let shell = with_gguf("localhost:5000/a/b:v1");
    let dry = shell.ok(&[
        "run",
        "localhost:5000/a/b:v1",
        "--dry-run",
        "--",
        "--port",
        "1 2",
    ]);
    assert!(dry.starts_with("llama-server --model "), "{dry}");
    assert!(
        dry.ends_with("tiny-llama-Q8_0.gguf --port '1 2'\n"),
        "{dry}"
    );
    shell.fails(
        &["run", "localhost:5000/a/b:v1"],
        1,
        &[
            "none of llama-server, llama-cli is installed",
            "hint: install llama.cpp",
        ],
    );
    shell.fails(
        &["run", "localhost:5000/a/b:v1", "--engine", "vllm"],
        1,
        &["which `vllm` does not load"],
    );
    // A variable that is empty is as one that is not set.
    let mut command = shell.command(&["run", "localhost:5000/a/b:v1", "--dry-run"]);
    let output = command.env("MODELPACK_ENGINE", "").output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let engine = shell.path("llama-cli");
    std::fs::write(&engine, "#!/bin/sh\necho \"$@\"\nexit 7\n").expect("a file");
    std::fs::set_permissions(&engine, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let engine = engine.to_str().expect("text");
    let ran = shell.run(&[
        "run",
        "localhost:5000/a/b:v1",
        "--engine",
        engine,
        "--",
        "-p",
        "hi",
    ]);
    assert_eq!(ran.code, 7);
    assert!(
        ran.stdout.starts_with("--model ") && ran.stdout.ends_with("-p hi\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn export_finds_the_store_of_docker_model_runner() {
    let shell = with_gguf("localhost:5000/a/b:v1");
    let said = shell.ok(&["export", "localhost:5000/a/b:v1", "--to-dmr"]);
    let place = shell.path(".docker/models");
    assert_eq!(
        said,
        format!("Exported localhost:5000/a/b:v1 to {}\n", place.display())
    );
    assert!(place.join("models.json").is_file());
    shell.fails(&["export", "localhost:5000/a/b:v1"], 2, &["--to-dmr"]);
}

#[test]
fn a_twin_has_the_same_layers_and_old_names_are_written_on_request() {
    let shell = with_gguf("localhost:5000/a/b:v1");
    let served = Served::start(&shell, "registry");
    let name = format!("{}/m/x:v1", served.host);
    shell.ok(&["tag", "localhost:5000/a/b:v1", &name]);
    let said = shell.ok(&["push", &name, "--plain-http", "--twin"]);
    assert!(
        said.contains(&format!("Pushed its twin: {name}-docker")),
        "{said}"
    );
    let own = format!("{}/m/x:llama", served.host);
    let said = shell.ok(&[
        "--json",
        "push",
        &name,
        "--plain-http",
        &format!("--twin={own}"),
    ]);
    let reports: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(reports[1]["reference"], own.as_str());
    // Everything but the two documents was there.
    let blobs = reports[1]["blobs"].as_array().expect("blobs");
    assert!(
        blobs
            .iter()
            .filter(|blob| blob["outcome"] == "transferred")
            .count()
            <= 1,
        "{said}"
    );
    let layers = |name: &str| {
        let text = shell.ok(&["inspect", name, "--remote", "--plain-http"]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let layers = value["Layers"].as_array().expect("layers").clone();
        layers
            .iter()
            .map(|layer| layer["Digest"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(layers(&name), layers(&own));

    // What is wrong with a twin is said before anything is sent.
    let fresh = format!("{}/m/fresh:v1", served.host);
    shell.ok(&["tag", "localhost:5000/a/b:v1", &fresh]);
    let image = format!("{}/m/fresh:image", served.host);
    shell.ok(&["export", &fresh, "--image", &image]);
    let index = format!("{}/m/fresh:all", served.host);
    let variant = format!("gguf={fresh}");
    shell.ok(&["index", "create", &index, "--variant", &variant]);
    for (name, twin, says) in [
        (
            &fresh,
            format!("--twin={fresh}"),
            "cannot have the same name",
        ),
        (
            &fresh,
            "--twin=localhost:1/m/x:v2".to_owned(),
            "is on another host",
        ),
        (
            &image,
            "--twin".to_owned(),
            "no ModelPack artifact but a container image",
        ),
        (&index, "--twin".to_owned(), "is an index of variants"),
    ] {
        shell.fails(&["push", name, "--plain-http", &twin], 1, &[says]);
    }
    let answer = talk(&served.host, "GET /v2/m/fresh/tags/list", b"");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");

    // Nor does anything take the name of its own source.
    let itself = "is the name of the model itself";
    shell.fails(&["export", &fresh, "--image", &fresh], 1, &[itself]);
    shell.fails(
        &["index", "create", &fresh, "--variant", &variant],
        1,
        &[itself],
    );
    shell.fails(
        &["export", &fresh, "--image", &index],
        1,
        &["is an index of variants"],
    );

    shell.ok(&[
        "build",
        "gguf",
        "-f",
        "gguf/Modelfile",
        "-t",
        "localhost:5000/a/old:v1",
        "--legacy-types",
    ]);
    let old = shell.ok(&["inspect", "localhost:5000/a/old:v1"]);
    assert!(
        old.contains("application/vnd.cnai.model.weight.v1.raw"),
        "{old}"
    );
    assert!(!old.contains("vnd.cncf"), "{old}");
}
