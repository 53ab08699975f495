//! `fetch`, `attach`, `upload` and `prune`, as a user sees them.

use crate::shell::{Ran, Served, Shell, json, tree};

/// A registry with one model in it.
struct Scene {
    shell: Shell,
    served: Served,
    reference: String,
}

impl Scene {
    fn new() -> Self {
        let shell = Shell::new();
        let served = Served::start(&shell, "registry");
        let reference = format!("{}/me/tiny:v1", served.host);
        shell.build(&reference);
        shell.ok(&["push", &reference, "--plain-http", "-q"]);
        Self {
            shell,
            served,
            reference,
        }
    }

    /// A name in the registry.
    fn named(&self, rest: &str) -> String {
        format!("{}/{rest}", self.served.host)
    }

    /// Runs a command, with `REF` for the model and `HOST` for the registry in arguments and output.
    fn run(&self, arguments: &[&str]) -> Ran {
        let given = |text: &&str| {
            let text = text.replace("REF", &self.reference);
            text.replace("HOST", &self.served.host)
        };
        let given: Vec<String> = arguments.iter().map(given).collect();
        let mut given: Vec<&str> = given.iter().map(String::as_str).collect();
        given.push("--no-progress");
        let ran = self.shell.run(&given);
        let shown = |text: String| {
            text.replace(&self.reference, "REF")
                .replace(&self.served.host, "HOST")
                .replace(&self.shell.path("").display().to_string(), "HOME/")
        };
        Ran {
            code: ran.code,
            stdout: shown(ran.stdout),
            stderr: shown(ran.stderr),
        }
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
        let ran = self.run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (code, stdout, stderr),
            "{arguments:?}"
        );
    }

    #[track_caller]
    fn says(&self, arguments: &[&str], code: i32, says: &str) {
        let ran = self.run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (code, ""),
            "{arguments:?} {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn fetch_takes_single_files() {
    let scene = Scene::new();
    let fetch = ["fetch", "REF", "--plain-http", "--output", "out"];
    let with = |more: &[&'static str]| [&fetch[..], more].concat();
    scene.check(
        &with(&["--patterns", "*.json,**/*.md", "--patterns", "config.json"]),
        0,
        "Successfully fetched model artifact: REF\n",
        "",
    );
    let got: Vec<_> = tree(&scene.shell.path("out")).into_keys().collect();
    assert!(
        got.contains(&"config.json".to_owned())
            && !got.iter().any(|name| name.ends_with(".safetensors")),
        "{got:?}"
    );
    let ran = scene.run(&with(&["--patterns", "config.json", "--json"]));
    assert_eq!(json(&ran.stdout)["files"][0]["outcome"], "exists");
    scene.check(
        &with(&["--patterns", "confg.json"]),
        3,
        "",
        "error: REF has no file that matches `confg.json`\nhint: there are `config.json`, `tokenizer_config.json`, `generation_config.json`\n",
    );
    scene.says(&with(&[]), 2, "--patterns <GLOB>");
    scene.says(
        &with(&["--patterns", "a[", "-q"]),
        2,
        "invalid pattern `a[`",
    );
    scene.says(&["fetch", "REF", "--patterns", "*"], 2, "--output <DIR>");
    scene.says(
        &[
            "fetch",
            "HOST/no/thing:v1",
            "--plain-http",
            "--output",
            "x",
            "--patterns",
            "*",
        ],
        3,
        "not found",
    );
    assert!(!scene.shell.path("x").exists());
}

#[test]
fn fetch_takes_single_tensors() {
    let scene = Scene::new();
    let table = scene.run(&["inspect", "REF", "--tensors", "--json"]);
    let table = json(&table.stdout);
    let tensor = &table["files"][0]["tensors"][0];
    let name = tensor["name"].as_str().expect("a name").to_owned();
    let size = usize::try_from(tensor["size"].as_u64().expect("a size")).expect("small");
    let fetch = [
        "fetch",
        "REF",
        "--plain-http",
        "--tensor",
        name.as_str(),
        "--output",
    ];
    let mut command = scene.shell.command(&[]);
    // Piped on: the bytes and nothing else, from a store that has the layer and from one that has not.
    for (store, word) in [("store", "verified:"), ("other", "unverified:")] {
        let arguments = fetch.map(|text| text.replace("REF", &scene.reference));
        command = scene.shell.command(&[]);
        command.args(&arguments).arg("-");
        command.env("MODELPACK_STORAGE_DIR", scene.shell.path(store));
        let output = command.output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(0), size),
            "{stderr}"
        );
        assert!(stderr.starts_with(word), "{stderr}");
    }
    drop(command);
    let ran = scene.run(&[&fetch[..], &["out", "--json"]].concat());
    let report = json(&ran.stdout);
    assert_eq!(report["isVerified"], true);
    assert_eq!(report["tensors"][0]["name"], name);
    let file = std::fs::metadata(scene.shell.path("out").join(&name)).expect("a file");
    assert_eq!(file.len(), size as u64);
    let ran = scene.run(&[&fetch[..], &["out"]].concat());
    assert!(
        ran.stdout.starts_with(&format!("HOME/out/{name}  "))
            && ran.stdout.ends_with("  verified\n"),
        "{}",
        ran.stdout
    );
    scene.says(
        &[&fetch[..], &["-", "--json"]].concat(),
        2,
        "both want stdout",
    );
    scene.says(
        &[&fetch[..], &["-", "--tensor", "x"]].concat(),
        2,
        "could not be told apart",
    );
    scene.says(
        &[
            "fetch",
            "REF",
            "--plain-http",
            "--patterns",
            "*",
            "--output",
            "-",
        ],
        2,
        "is for a single --tensor",
    );
    scene.says(
        &[
            "fetch",
            "REF",
            "--plain-http",
            "--tensor",
            "none",
            "--output",
            "x",
        ],
        3,
        "has no tensor `none`",
    );
}

#[test]
fn attach_adds_and_replaces() {
    let scene = Scene::new();
    scene.shell.write("notes/new.md", "# new");
    let attach = [
        "attach",
        "notes/new.md",
        "-s",
        "REF",
        "-t",
        "HOST/me/tiny:v2",
    ];
    let with = |more: &[&'static str]| [&attach[..], more].concat();
    let done = "Successfully attached model artifact: HOST/me/tiny:v2\n";
    scene.check(&attach, 0, done, "");
    let there = |reference: &str| scene.run(&["inspect", reference]).stdout;
    assert!(there("HOST/me/tiny:v2").contains("\"Filepath\": \"notes/new.md\""));
    assert!(!there("REF").contains("notes/new.md"));
    let again = [
        "attach",
        "./notes/new.md",
        "-s",
        "HOST/me/tiny:v2",
        "-t",
        "HOST/me/tiny:v3",
    ];
    let ran = scene.run(&[&again[..], &["--json"]].concat());
    assert_eq!(json(&ran.stdout)["change"], "unchanged");
    scene.shell.write("notes/new.md", "# newer");
    scene.check(
        &again,
        1,
        "",
        "error: HOST/me/tiny:v2 has a file `notes/new.md` already\nhint: `--force` replaces it\n",
    );
    let ran = scene.run(&[&again[..], &["--force", "-q"]].concat());
    assert!(ran.stdout.starts_with("sha256:") && ran.stderr.is_empty());
    scene.check(&with(&["-d", "docs/en"]), 0, done, "");
    assert!(there("HOST/me/tiny:v2").contains("\"docs/en/new.md\""));

    scene.says(
        &["attach", "../x", "-s", "REF", "-t", "REF"],
        1,
        "has no `..`",
    );
    scene.says(&with(&["-d", "../x"]), 1, "has no `..`");
    scene.says(
        &["attach", "none", "-s", "REF", "-t", "REF"],
        3,
        "cannot read none",
    );
    scene.says(
        &["attach", "notes", "-s", "REF", "-t", "REF"],
        1,
        "notes is no file",
    );
    scene.says(
        &["attach", "notes/new.md", "-s", "REF"],
        2,
        "--target <REF>",
    );
    scene.says(&with(&["--config", "-d", "x"]), 2, "cannot be used with");
    scene.says(
        &with(&["--config"]),
        1,
        "the new config breaks the specification",
    );
}

#[test]
fn attach_works_in_the_registry_alone() {
    let scene = Scene::new();
    scene.shell.write("new.md", "# new");
    let before = scene.shell.state("store");
    let attach = [
        "attach",
        "new.md",
        "-s",
        "REF",
        "-t",
        "HOST/other/tiny:v2",
        "--output-remote",
        "--plain-http",
    ];
    let ran = scene.run(&[&attach[..], &["--json"]].concat());
    let report = json(&ran.stdout);
    assert_eq!(
        (ran.code, report["change"].as_str()),
        (0, Some("added")),
        "{}",
        ran.stderr
    );
    assert!(
        report["transferred"].as_u64().expect("a number") < 5000,
        "{report}"
    );
    scene.check(
        &attach,
        0,
        "Successfully attached model artifact: HOST/other/tiny:v2\n",
        "",
    );
    assert_eq!(scene.shell.state("store"), before);
    scene.shell.ok(&[
        "pull",
        &scene.named("other/tiny:v2"),
        "--plain-http",
        "--extract-dir",
        "out",
    ]);
    assert!(scene.shell.path("out/new.md").exists());
    let none = [
        "attach",
        "new.md",
        "-s",
        "HOST/no/thing:v1",
        "-t",
        "HOST/a/b:v1",
        "--output-remote",
        "--plain-http",
    ];
    scene.says(&none, 3, "not found");
}

#[test]
fn upload_sends_one_file() {
    let scene = Scene::new();
    scene.shell.write("big.bin", [7; 4000]);
    let upload = ["upload", "big.bin", "--plain-http"];
    let with = |more: &[&'static str]| [&upload[..], more].concat();
    scene.check(
        &with(&["--repo", "HOST/me/new"]),
        0,
        "Successfully uploaded big.bin to model artifact repository: HOST/me/new\n",
        "",
    );
    let ran = scene.run(&with(&["--repository", "HOST/me/new", "--json"]));
    assert_eq!(json(&ran.stdout)["outcome"], "exists");
    scene.says(&upload, 2, "--repo <REPO>");
    scene.says(
        &with(&["--repo", "HOST/me/new:v1"]),
        2,
        "hint: write HOST/me/new\n",
    );
    scene.says(
        &["upload", "none", "--repo", "HOST/me/new", "--plain-http"],
        3,
        "cannot read none",
    );
}

#[test]
fn prune_can_keep_what_has_no_name() {
    let scene = Scene::new();
    scene.shell.ok(&["rm", &scene.reference]);
    scene.check(&["prune", "--remove-untagged=false"], 0, "freed 0 B\n", "");
    let again = scene.run(&["pull", "REF", "--plain-http", "--json"]);
    assert_eq!(json(&again.stdout)["transferred"], 0);
    scene.shell.ok(&["rm", &scene.reference]);
    let ran = scene.run(&["prune", "--remove-untagged"]);
    assert!(
        ran.code == 0 && !ran.stdout.contains("freed 0 B"),
        "{}",
        ran.stdout
    );
    scene.says(
        &["prune", "--remove-untagged=perhaps"],
        2,
        "invalid value 'perhaps'",
    );
}
