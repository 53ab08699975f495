//! `modctl` itself, when it is installed: what one builds the other pulls.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelpack_testkit::{skip, tool};
use serde_json::Value;

use crate::shell::{Served, Shell, json, tree};

/// Both programs, a registry and a model.
struct Scene {
    shell: Shell,
    served: Served,
    program: PathBuf,
}

impl Scene {
    /// Nothing without a `modctl` that is not a link to us.
    fn new() -> Option<Self> {
        let Some(program) = tool("modctl") else {
            skip("modctl is not installed");
            return None;
        };
        let shell = Shell::new();
        let served = Served::start(&shell, "registry");
        modelpack_testkit::copy_model("tiny-safetensors", &shell.path("model"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(shell.path("model/code/predict.py"), mode).expect("a mode");
        let scene = Self {
            shell,
            served,
            program,
        };
        // The page about a verb that it does not have, which then is the page about all of them.
        let help = scene.modctl_ok(&["resolve", "--help"]);
        if help.contains("modctl resolve") {
            skip("the modctl of this machine is modelpack");
            return None;
        }
        Some(scene)
    }

    fn modctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let home = self.shell.path("");
        command.env_clear().env("HOME", &home).current_dir(&home);
        command.env("DOCKER_CONFIG", home.join("docker"));
        command.env("TMPDIR", &home).env("PATH", "/usr/bin:/bin");
        command.args(arguments);
        let of = |name: &str| home.join(name).display().to_string();
        command.args(["--storage-dir", &of("theirs"), "--log-dir", &of("logs")]);
        command.arg("--no-progress");
        command
    }

    fn modctl_ok(&self, arguments: &[&str]) -> String {
        let output = self.modctl(arguments).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?} {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.served.host)
    }

    /// The files of the model, with their modes; without the data set, which modctl does not build.
    fn model(&self, has_data: bool) -> BTreeMap<String, (Vec<u8>, u32)> {
        let mut files = files(&self.shell.path("model"));
        files.retain(|path, _| path != "Modelfile" && (has_data || !path.starts_with("data/")));
        files
    }

    fn config(&self, reference: &str) -> Value {
        let inspect = ["inspect", reference, "--remote", "--plain-http", "--config"];
        json(&self.shell.ok(&inspect))
    }
}

fn files(directory: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let files = tree(directory).into_iter();
    let with_mode = files.map(|(path, content)| {
        let metadata = directory.join(&path).metadata().expect("it is there");
        (path, (content, metadata.permissions().mode() & 0o7777))
    });
    with_mode.collect()
}

/// ME10: Trees, modes and documents, raw and tar, with the media types of today and of before.
#[test]
fn what_one_builds_the_other_pulls() {
    let Some(scene) = Scene::new() else { return };
    let shell = &scene.shell;
    println!("{}", scene.modctl_ok(&["version"]));
    for (name, raw) in [("raw", "--raw=true"), ("tar", "--raw=false")] {
        for (family, flags) in [("cncf", &[][..]), ("cnai", &["--legacy-types"])] {
            let ours = scene.reference(&format!("ours/{name}:{family}"));
            let target = ["build", "model", "-t", &ours, "--output-remote"];
            let build = [&target[..], &["--plain-http", raw], flags].concat();
            shell.ok(&build);
            let out = shell.path(&format!("{name}-{family}"));
            let to = out.display().to_string();
            scene.modctl_ok(&["pull", &ours, "--plain-http", "--extract-dir", &to]);
            assert_eq!(files(&out), scene.model(true), "{ours}");
            // It reads our documents as we do.
            let inspect = ["inspect", &ours, "--remote", "--plain-http"];
            let (theirs, own) = (scene.modctl_ok(&inspect), shell.ok(&inspect));
            let (theirs, own) = (json(&theirs), json(&own));
            for (key, value) in theirs.as_object().expect("an object") {
                // A time in another spelling is the same time.
                if key != "CreatedAt" {
                    assert_eq!(own.get(key), Some(value), "{ours} {key}");
                }
            }
        }

        let theirs = scene.reference(&format!("theirs/{name}:v1"));
        let build = [
            "build",
            "model",
            "-t",
            &theirs,
            "-f",
            "model/Modelfile",
            raw,
        ];
        scene.modctl_ok(&build);
        scene.modctl_ok(&["push", &theirs, "--plain-http"]);
        let out = shell.path(&format!("{name}-theirs"));
        let to = out.display().to_string();
        shell.ok(&["pull", &theirs, "--plain-http"]);
        shell.ok(&["extract", &theirs, &to]);
        assert_eq!(files(&out), scene.model(false), "{theirs}");

        // Whatever it says in a config we say in the same words.
        let ours = scene.config(&scene.reference(&format!("ours/{name}:cncf")));
        let config = scene.config(&theirs);
        assert_eq!(config["config"]["capabilities"], Value::Null);
        for part in ["descriptor", "config"] {
            for (key, value) in config[part].as_object().expect("an object") {
                if key != "createdAt" {
                    assert_eq!(ours[part].get(key), Some(value), "{part}.{key}");
                }
            }
        }
        if name == "raw" {
            // The same files in the same order have the same digests.
            let diff_ids = |config: &Value| config["modelfs"]["diffIds"].as_array().cloned();
            let (ours, theirs) = (diff_ids(&ours), diff_ids(&config));
            let mut ours = ours.expect("a list");
            ours.retain(|id| theirs.as_ref().is_some_and(|all| all.contains(id)));
            assert_eq!(Some(ours), theirs);
        }
    }
}
