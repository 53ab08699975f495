//! The main job by command line, and what each command prints.

use std::path::{Path, PathBuf};

use crate::network::Registry;
use crate::shell::{Served, Shell, files, json};

/// ME10: The whole loop by command line.
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
fn the_tour_of_the_readme_can_be_walked() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("it is there");
    let tour = readme.split("## A tour").nth(1).expect("there is a tour");
    let tour = tour.split("```").nth(1).expect("it has commands");
    let shell = Shell::new();
    modelpack_testkit::copy_model("tiny-safetensors", &shell.path("qwen3"));
    std::fs::remove_file(shell.path("qwen3/Modelfile")).expect("it was there");
    // `serve` comes third there, on a port that may be taken here.
    let served = Served::start(&shell, "store");
    let commands = tour
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.split("&&"))
        .map(|line| line.trim().replace("localhost:5000", &served.host));
    let mut count = 0;
    for command in commands.filter(|command| !command.contains("serve")) {
        let words: Vec<_> = command.split_whitespace().collect();
        assert_eq!(words[0], "modelpack", "{command}");
        shell.ok(&words[1..]);
        count += 1;
    }
    assert!(count >= 10, "{count} commands");
    assert!(files(&shell.path("editable")).contains(&"config.json".to_owned()));
}

/// ME7: No command needs a home, and none leaves anything there that was not asked for.
#[test]
fn a_home_that_is_missing_or_none_is_no_trouble() {
    let shell = Shell::new();
    shell.build("example.com/a/b:v1");
    let registry = Registry::start(None, None);
    let repository = format!("{}/a/b", registry.host);
    let remote = ["ls", "--remote", &repository, "--plain-http"];
    for home in [None, Some("nowhere"), Some("/dev/null")] {
        for arguments in [&["version"][..], &["ls"], &["verify"], &["--help"], &remote] {
            let mut command = shell.command(arguments);
            command.env_remove("HOME");
            command.envs(home.map(|home| ("HOME", home)));
            let output = command.output().expect("it starts");
            assert!(output.status.success(), "{home:?} {arguments:?} {output:?}");
        }
    }
    assert_eq!(files(&shell.path("")), ["model", "store"]);
}
