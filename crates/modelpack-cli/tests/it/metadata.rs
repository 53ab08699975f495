//! What is said of a model: by the Modelfile, by flags, by its files and its repository.

use std::path::Path;

use modelpack::modelfile::Field;
use modelpack_testkit::{skip, tool};

use crate::shell::{Shell, json};

const REFERENCE: &str = "registry.example.com/me/tiny:v1";

/// A model of one file, with these files beside it.
fn shell(modelfile: &str, files: &[(&str, &str)]) -> Shell {
    let shell = Shell::new();
    shell.write("m/w.bin", "weights");
    shell.write("m/Modelfile", format!("{modelfile}\nMODEL w.bin\n"));
    for (path, text) in files {
        shell.write(&format!("m/{path}"), text);
    }
    shell
}

/// Builds with flags and gives the config, and what was warned of.
fn build(shell: &Shell, flags: &[&str]) -> (serde_json::Value, String) {
    let command = ["build", "m", "-t", REFERENCE, "--no-creation-time", "-q"];
    let ran = shell.run(&[&command[..], flags].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (
        json(&shell.ok(&["inspect", "--config", REFERENCE])),
        ran.stderr,
    )
}

#[test]
fn flags_before_set_before_the_modelfile() {
    let shell = shell(
        "# syntax=modelpack/1\nNAME tiny\nPRECISION bf16\nLICENSE MIT\nVERSION 1\nREVISION r1\nLANGUAGE en",
        &[],
    );
    let (config, stderr) = build(
        &shell,
        &[
            "--set",
            "descriptor.version=2",
            "--set",
            "config.capabilities.languages=de",
            "--set",
            "config.capabilities.languages=fr",
            "--set",
            "descriptor.revision=r2",
            "--source-revision",
            "r3",
            "--set",
            "annotations.org.example.team=vision",
        ],
    );
    assert_eq!(stderr, "");
    let expected = serde_json::json!({
        "name": "tiny", "version": "2", "revision": "r3", "licenses": ["MIT"]
    });
    assert_eq!(config["descriptor"], expected);
    let expected = serde_json::json!({
        "precision": "bfloat16", "capabilities": { "languages": ["de", "fr"] }
    });
    assert_eq!(config["config"], expected);
    let report = json(&shell.ok(&["inspect", REFERENCE]));
    let digest = report["Digest"].as_str().expect("a digest");
    let blob = format!("store/blobs/{}", digest.replace(':', "/"));
    let manifest = std::fs::read_to_string(shell.path(&blob)).expect("it is stored");
    assert_eq!(json(&manifest)["annotations"]["org.example.team"], "vision");
}

#[test]
fn the_page_lists_every_property() {
    let page = include_str!("../../docs/modelfile.md");
    for field in Field::all() {
        let row = format!("| `{}` | `{}` | ", field.as_str(), field.path());
        let row = page.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("no row for {field:?}"));
        assert_eq!(row.contains("| list of "), field.is_repeatable(), "{row}");
    }
}

#[test]
fn an_unknown_path_is_a_mistake_of_usage() {
    let shell = shell("", &[]);
    for (assignment, says) in [
        (
            "descriptor.license=MIT",
            "did you mean descriptor.licenses?",
        ),
        (
            "descriptor.licenses=llama3",
            "`llama3` is no SPDX expression",
        ),
        ("descriptor.version", "`descriptor.version` gets no value"),
        ("modelfs.type=x", "a build computes it from the layers"),
    ] {
        shell.fails(
            &["build", "m", "-t", REFERENCE, "--set", assignment],
            2,
            &["--set", says],
        );
    }
}

#[test]
fn the_extended_syntax_is_asked_for() {
    let shell = shell("LICENSE MIT", &[]);
    shell.ok(&["ls"]);
    shell.refuses(
        &["build", "m", "-t", REFERENCE],
        1,
        "error: m/Modelfile cannot be used:\nerror: line 1, column 1: LICENSE belongs to the extended syntax, which no line before the commands asks for\n  |\n1 | LICENSE MIT\n  | ^^^^^^^\n  = hint: make `# syntax=modelpack/1` the first line",
    );
}

const README: &str =
    "---\nlicense: apache-2.0\nlanguage: [en, zh]\ndatasets: [a/b]\nbase_model: c/d\n---\n# Tiny\n";

#[test]
fn the_readme_and_the_configuration_speak() {
    let config = r#"{"dtype":"bf16","text_config":{"model_type":"qwen3","quantization_config":{"quant_method":"gptq","bits":4}}}"#;
    let files = [("README.md", README), ("config.json", config)];
    let shell = shell("", &files);
    let (built, stderr) = build(&shell, &[]);
    assert_eq!(stderr, "");
    let expected = serde_json::json!({
        "family": "qwen3",
        "datasetsURL": ["https://huggingface.co/datasets/a/b"],
        "licenses": ["Apache-2.0"]
    });
    assert_eq!(built["descriptor"], expected);
    assert_eq!(built["config"]["precision"], "bfloat16");
    assert_eq!(built["config"]["quantization"], "gptq");
    assert_eq!(
        built["config"]["capabilities"]["languages"],
        serde_json::json!(["en", "zh"])
    );

    let plain = shell.ok(&["modelfile", "generate", "m", "-O", "out"]);
    assert!(
        plain.contains("\nPRECISION bfloat16\n") && !plain.contains("LICENSE Apache"),
        "{plain}"
    );
    let extended = [
        "modelfile",
        "generate",
        "m",
        "-O",
        "out",
        "--overwrite",
        "--extended",
    ];
    let extended = shell.ok(&extended);
    assert!(extended.starts_with("# syntax=modelpack/1\n"), "{extended}");
    assert!(
        extended.contains("LICENSE Apache-2.0\nDATASETURL https://huggingface.co/datasets/a/b\nLANGUAGE en\nLANGUAGE zh\nANNOTATION org.modelpack.base-model=c/d\n"),
        "{extended}"
    );
    let (again, _) = build(&shell, &["-f", "out/Modelfile"]);
    assert_eq!(
        again["descriptor"]["licenses"],
        built["descriptor"]["licenses"]
    );

    shell.write("m/README.md", "---\nlicense: [mit\n---\n");
    let (config, stderr) = build(&shell, &[]);
    assert!(config["descriptor"].get("licenses").is_none());
    assert!(
        stderr.starts_with("warning: the front matter of README.md is not read, line "),
        "{stderr}"
    );
}

/// MA16: The name of the directory leaves nothing out.
#[test]
fn the_name_of_the_directory_leaves_nothing_out() {
    let shell = Shell::new();
    shell.ok(&["ls"]);
    for name in [".hidden", "modelfile", "__pycache__"] {
        shell.write(&format!("{name}/w.bin"), "weights");
        let text = shell.ok(&["modelfile", "generate", name, "-O", "out", "--overwrite"]);
        assert!(
            text.contains(&format!("NAME {name}\n")) && text.contains("MODEL w.bin"),
            "{text}"
        );
    }
    shell.refuses(
        &["modelfile", "generate", ".hidden", "-O", ".hidden/w.bin"],
        1,
        "error: .hidden/w.bin is no directory\nhint: give the directory that gets the Modelfile",
    );
}

/// Runs git in the model without what the owner of this machine has set.
fn git(program: &Path, shell: &Shell, arguments: &[&str]) -> String {
    let ran = std::process::Command::new(program)
        .current_dir(shell.path("m"))
        .env("HOME", shell.path(""))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=n", "-c", "user.email=e@example.com"])
        .args(arguments)
        .output()
        .expect("it starts");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// ME5: The repository says where the model comes from.
#[test]
fn the_repository_says_where_the_model_comes_from() {
    let Some(program) = tool("git") else {
        skip("git");
        return;
    };
    let shell = shell("", &[]);
    let path = program.parent().expect("a directory").display().to_string();
    let build = |variables: &[(&str, &str)], flags: &[&str]| {
        let command = ["build", "m", "-t", REFERENCE, "--no-creation-time", "-q"];
        let mut command = shell.command(&[&command[..], flags].concat());
        let ran = command
            .envs(variables.iter().copied())
            .output()
            .expect("it starts");
        let stderr = String::from_utf8(ran.stderr).expect("text");
        assert!(ran.status.success(), "{stderr}");
        let config = json(&shell.ok(&["inspect", "--config", REFERENCE]));
        (config["descriptor"].clone(), stderr)
    };
    let with_git = [("PATH", path.as_str())];
    // Neither origin nor commit is a failure.
    git(&program, &shell, &["init", "-q"]);
    assert_eq!(
        build(&with_git, &[]),
        (serde_json::json!({}), String::new())
    );
    git(&program, &shell, &["add", "."]);
    git(&program, &shell, &["commit", "-q", "-m", "m"]);
    git(
        &program,
        &shell,
        &[
            "remote",
            "add",
            "origin",
            "https://me:s3cret@example.com/m.git",
        ],
    );
    let head = git(&program, &shell, &["rev-parse", "HEAD"]);
    let clean = serde_json::json!({ "sourceURL": "https://example.com/m.git", "revision": head });
    assert_eq!(build(&with_git, &[]), (clean.clone(), String::new()));

    shell.write("m/w.bin", "other weights");
    let (dirty, _) = build(&with_git, &[]);
    assert_eq!(dirty["revision"], format!("{head}-dirty"));

    // Without git, the files say the same but for what they do not know.
    let (read, stderr) = build(&[], &[]);
    assert_eq!(read, clean);
    assert!(stderr.contains("is unknown: git was not asked"), "{stderr}");

    assert_eq!(build(&with_git, &["--no-source"]).0, serde_json::json!({}));
    let given = build(&with_git, &["--source-url", "https://example.com/other"]).0;
    assert_eq!(
        given,
        serde_json::json!({ "sourceURL": "https://example.com/other" })
    );
    let given = build(&with_git, &["--source-revision", "v7"]).0;
    assert_eq!(given["revision"], "v7");
    assert_eq!(given["sourceURL"], "https://example.com/m.git");
}
