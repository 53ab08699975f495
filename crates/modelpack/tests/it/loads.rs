//! Models that are loaded by engines that nobody here wrote, on request.
//!
//! `MODELPACK_LOADS_PYTHON` is a Python with the packages `gguf`, `safetensors`, `onnx`, `onnxruntime` and `numpy`;
//! `MODELPACK_LOADS_NODE_MODULES` is a directory with `node-llama-cpp`, for the `node` on the `PATH`. Without the
//! first nothing is loaded, without the second nothing by llama.cpp.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelpack::spec::FileRole;
use modelpack::spec::convert::Target;
use modelpack::{
    BuildOptions, Control, ConvertOptions, ExtraFile, PushOptions, Reference, ResolveOptions,
};
use modelpack_testkit::{fixtures, skip};

use crate::scene::Scene;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/loads")
        .join(name)
}

fn run<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[A]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.trim().is_empty(),
        "{said}{failed}"
    );
    said
}

/// The engines, as far as they are here.
struct Engines {
    python: PathBuf,
    node_modules: Option<PathBuf>,
}

impl Engines {
    fn find() -> Option<Self> {
        let path = |name: &str| env::var_os(name).map(PathBuf::from);
        Some(Self {
            python: path("MODELPACK_LOADS_PYTHON")?,
            node_modules: path("MODELPACK_LOADS_NODE_MODULES"),
        })
    }

    /// What they compute from a model.
    fn load(&self, model: &Path) -> Vec<String> {
        let mut said = vec![run(&self.python, &[&script("load.py"), model])];
        if let Some(modules) = &self.node_modules
            && model.extension() == Some(OsStr::new("gguf"))
        {
            said.push(run("node", &[&script("load.mjs"), modules, model]));
        }
        said
    }
}

/// The file of a reference that engines are given, laid out by somebody who has to pull it.
async fn resolved(scene: &Scene, reference: &Reference, file: &str) -> PathBuf {
    let control = Control::default();
    let options = PushOptions::default();
    scene
        .publisher
        .push(reference, &options, &control)
        .await
        .expect("it is pushed");
    let options = ResolveOptions::default();
    let resolved = scene.consumer.resolve(reference, &options, &control).await;
    resolved.expect("it resolves").directory.join(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_compute_the_same_from_the_source_the_artifact_and_its_twin() {
    let Some(engines) = Engines::find() else {
        skip("MODELPACK_LOADS_PYTHON names no Python with the libraries");
        return;
    };
    if engines.node_modules.is_none() {
        skip("MODELPACK_LOADS_NODE_MODULES names no directory with node-llama-cpp (the rest runs)");
    }
    let scene = Scene::new().await;
    let control = Control::default();
    let models = scene.path("models");
    let cases = [
        ("gguf", "model.gguf", true),
        ("sharded", "model-00001-of-00002.gguf", true),
        ("projector", "model.gguf", true),
        ("safetensors", "model.safetensors", true),
        // Docker's dialect has no ONNX.
        ("onnx", "model.onnx", false),
    ];
    for (name, ..) in cases {
        std::fs::create_dir_all(models.join(name)).expect("a directory");
    }
    run(&engines.python, &[&script("make.py"), &models]);
    let plain = models.join("gguf/model.gguf");
    std::fs::copy(plain, models.join("projector/model.gguf")).expect("it is copied");

    let mut computed = Vec::new();
    for (name, file, has_twin) in cases {
        let mut options = BuildOptions::default();
        if name == "projector" {
            let projector = fixtures().join("weights/valid/mmproj-F16.gguf");
            options.extras = vec![ExtraFile::new(projector, FileRole::Projector)];
        }
        let (source, reference) = (models.join(name), scene.reference(&format!("a/{name}:v1")));
        scene
            .publisher
            .build(&source, &reference, &options, &control)
            .await
            .expect("it builds");
        let expected = engines.load(&source.join(file));
        let here = resolved(&scene, &reference, file).await;
        assert_eq!(engines.load(&here), expected, "{name}");
        if has_twin {
            let options = ConvertOptions::new(Target::Docker);
            let twin = scene
                .publisher
                .convert(&reference, &options, &control)
                .await;
            let twin = twin.expect("it is converted").reference;
            let here = resolved(&scene, &twin, file).await;
            assert_eq!(engines.load(&here), expected, "the twin of {name}");
        }
        computed.push(expected);
    }
    // The same weights in one file, in two and beside a projector: llama.cpp says the same tokens.
    if engines.node_modules.is_some() {
        let tokens: Vec<&String> = computed[..3].iter().map(|said| &said[1]).collect();
        assert_eq!(tokens[0], tokens[1]);
        assert_eq!(tokens[0], tokens[2]);
        assert_eq!(tokens[0].matches(',').count(), 7, "{}", tokens[0]);
    }
}
