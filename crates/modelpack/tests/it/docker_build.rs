//! Models that are built in Docker's dialect, and files that are added to a model.

use std::path::{Path, PathBuf};

use modelpack::spec::FileRole;
use modelpack::{BuildDialect, BuildOptions, BuildReport, Control, CreationTime, Error, ExtraFile};
use modelpack_testkit::{fixtures, skip};

use crate::scene::Scene;

fn fixture(name: &str) -> PathBuf {
    fixtures().join("weights/valid").join(name)
}

fn weight(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).expect("it is there")
}

fn docker() -> BuildOptions {
    let mut options = BuildOptions::default();
    options.dialect = BuildDialect::Docker;
    options
}

async fn build(scene: &Scene, model: &Path, options: &BuildOptions) -> Result<BuildReport, Error> {
    let reference = scene.reference("a/b:v1");
    scene
        .publisher
        .build(model, &reference, options, &Control::default())
        .await
}

async fn config(scene: &Scene) -> serde_json::Value {
    let report = scene
        .publisher
        .inspect(&scene.reference("a/b:v1"))
        .await
        .expect("it is there");
    serde_json::from_slice(report.config.bytes()).expect("it is JSON")
}

fn types(report: &BuildReport) -> Vec<(&str, &str)> {
    report
        .layers
        .iter()
        .map(|layer| {
            let kind = layer
                .media_type
                .strip_prefix("application/vnd.")
                .unwrap_or(&layer.media_type);
            (layer.path.as_str(), kind)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gguf_model_with_everything_beside_it() {
    let scene = Scene::new().await;
    let model = scene.model(
        "m",
        "MODEL *.gguf\nDOC README.md\n",
        &[
            ("model.gguf", &weight("everything-Q4_K_M.gguf")),
            ("README.md", b"# hi"),
        ],
    );
    let beside = scene.path("beside");
    std::fs::create_dir(&beside).expect("a directory");
    for (name, content) in [("LICENSE", b"free".as_slice()), ("t.jinja", b"{{ x }}")] {
        std::fs::write(beside.join(name), content).expect("a file");
    }
    let mut options = docker();
    options.extras = vec![
        ExtraFile::new(beside.join("LICENSE"), FileRole::License),
        ExtraFile::new(beside.join("t.jinja"), FileRole::ChatTemplate),
        ExtraFile::new(fixture("mmproj-F16.gguf"), FileRole::Projector),
        ExtraFile::new(fixture("lora-adapter.gguf"), FileRole::Adapter),
    ];
    let built = build(&scene, &model, &options).await.expect("it builds");
    assert_eq!(
        types(&built)
            .iter()
            .map(|(path, _)| *path)
            .collect::<Vec<_>>(),
        [
            "model.gguf",
            "LICENSE",
            "chat_template.jinja",
            "mmproj-F16.gguf",
            "lora-adapter.gguf",
            "README.md",
        ]
    );
    let inspected = scene
        .publisher
        .inspect(&built.reference)
        .await
        .expect("it is there");
    let kinds: Vec<&str> = inspected
        .layers
        .iter()
        .map(|layer| layer.media_type.as_str())
        .collect();
    let kinds: Vec<&str> = kinds
        .iter()
        .filter_map(|kind| kind.strip_prefix("application/vnd.docker.ai."))
        .collect();
    assert_eq!(
        kinds,
        [
            "gguf.v3",
            "license",
            "chat.template.jinja",
            "mmproj",
            "gguf.v3.lora",
            "model.file"
        ]
    );
    assert!(inspected.manifest.value().annotations.is_empty());

    let config = config(&scene).await;
    let said = &config["config"];
    assert_eq!(said["format"], "gguf");
    assert_eq!(said["quantization"], "MOSTLY_Q4_K_M");
    assert_eq!(
        (&said["parameters"], &said["architecture"]),
        (&"1.28K".into(), &"llama".into())
    );
    assert_eq!(
        (&said["context_size"], &said["size"]),
        (&8192.into(), &"1.56KiB".into())
    );
    let header = &said["gguf"];
    assert_eq!(header["general.languages"], "en, de");
    assert_eq!(header["x.small"], "0.000010");
    assert_eq!(
        (&header["x.yes"], &header["x.negative"]),
        (&"true".into(), &"-5".into())
    );
    assert!(
        header["x.fifty"]
            .as_str()
            .expect("a text")
            .ends_with("48, 49")
    );
    assert!(header.get("x.sixty_five").is_none());
    assert_eq!(
        config["rootfs"]["diff_ids"].as_array().map(Vec::len),
        Some(6)
    );

    // What is asked for wins over what the file says.
    options.context_size = Some(4096);
    build(&scene, &model, &options).await.expect("it builds");
    assert_eq!(self::config(&scene).await["config"]["context_size"], 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_safetensors_is_summed() {
    let scene = Scene::new().await;
    let names = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (*name, weight(name))).collect();
    let mut files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    files.extend([
        ("config.json", b"{}".as_slice()),
        ("a/tokenizer.json", b"[]"),
    ]);
    let model = scene.model(
        "m",
        "MODEL *.safetensors\nCONFIG **/*.json\nCONFIG *.json\n",
        &files,
    );
    let built = build(&scene, &model, &docker()).await.expect("it builds");
    assert_eq!(
        types(&built)
            .iter()
            .map(|(path, _)| *path)
            .collect::<Vec<_>>(),
        ["a/tokenizer.json", "config.json", names[0], names[1],]
    );
    let said = &config(&scene).await["config"];
    // All shards count, not only the first.
    assert_eq!(
        (&said["parameters"], &said["quantization"]),
        (&"132.00".into(), &"BF16".into())
    );
    assert_eq!(said["safetensors"]["tensor_count"], "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_model_for_docker_is_refused_and_nothing_is_named() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let check = async |files: &[(&str, &[u8])], options: BuildOptions, expected: &str| {
        let _ = std::fs::remove_dir_all(scene.path("m"));
        let model = scene.model("m", "MODEL *.*\n", files);
        let error = build(&scene, &model, &options)
            .await
            .expect_err(expected)
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert!(scene.publisher.list().await.expect("it lists").is_empty());
    };
    let projector = weight("mmproj-F16.gguf");
    check(
        &[("model.gguf", &projector)],
        docker(),
        "`model.gguf` is a projector and no model",
    )
    .await;
    check(
        &[("model.gguf", b"hello")],
        docker(),
        "`model.gguf` is no gguf file",
    )
    .await;
    check(
        &[("model.gguf", &gguf[..1000])],
        docker(),
        "the file ends inside its gguf header",
    )
    .await;
    check(
        &[("model.onnx", &weight("inline.onnx"))],
        docker(),
        "`model.onnx` is onnx",
    )
    .await;
    check(
        &[("a.gguf", &gguf), ("b.gguf", &gguf)],
        docker(),
        "`a.gguf` and `b.gguf` are two models",
    )
    .await;
    let shard = weight("sharded-00001-of-00002.gguf");
    check(
        &[("s-00001-of-00002.gguf", &shard)],
        docker(),
        "`s-00002-of-00002.gguf`",
    )
    .await;
    for size in [0, -2, 1 << 31, 4_294_967_301] {
        let mut options = BuildOptions::default();
        options.context_size = Some(size);
        check(
            &[("a.gguf", &gguf)],
            options,
            "it has to be a number from 1 to 2147483647",
        )
        .await;
    }
    let with = |extras: Vec<ExtraFile>| {
        let mut options = BuildOptions::default();
        options.extras = extras;
        options
    };
    let template = scene.path("t.jinja");
    std::fs::write(&template, b"x").expect("a file");
    let twice = with(vec![ExtraFile::new(&template, FileRole::ChatTemplate); 2]);
    check(
        &[("a.gguf", &gguf)],
        twice,
        "the model has a file `chat_template.jinja` already",
    )
    .await;
    let model = with(vec![ExtraFile::new(
        fixture("everything-Q4_K_M.gguf"),
        FileRole::Projector,
    )]);
    check(
        &[("a.gguf", &gguf)],
        model,
        "cannot be the projector of a model: it is a model",
    )
    .await;
    let gone = with(vec![ExtraFile::new(scene.path("gone"), FileRole::License)]);
    check(&[("a.gguf", &gguf)], gone, "cannot read").await;
}

/// Configs and manifests that Docker's own code wrote for the same files, where somebody has them. Theirs
/// differ in two points on purpose: a GGUF file that names no architecture is not called `llama` here, and
/// nothing is put where the header ends on a border already.
#[tokio::test(flavor = "multi_thread")]
async fn goldens_of_docker_are_the_same() {
    let Some(goldens) = std::env::var_os("MODELPACK_DOCKER_GOLDENS").map(PathBuf::from) else {
        skip("MODELPACK_DOCKER_GOLDENS names no directory with documents of Docker's tools");
        return;
    };
    let inputs = goldens.join("../inputs/upstream-assets");
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_767_323_045);
    for (golden, files, is_full) in [
        ("gguf-single", vec!["dummy.gguf"], false),
        (
            "gguf-sharded",
            vec!["dummy-00001-of-00002.gguf", "dummy-00002-of-00002.gguf"],
            false,
        ),
        ("gguf-full", vec!["dummy.gguf"], true),
    ] {
        let scene = Scene::new().await;
        let model = scene.model("m", "MODEL *.gguf\n", &[]);
        let copy = |name: &str, directory: &Path| {
            let target = directory.join(name);
            std::fs::write(
                &target,
                std::fs::read(inputs.join(name)).expect("it is there"),
            )
            .expect("it is copied");
            let file = std::fs::File::options()
                .write(true)
                .open(&target)
                .expect("it is there");
            file.set_modified(time).expect("its time is set");
            target
        };
        for name in files {
            copy(name, &model);
        }
        let mut options = docker();
        options.preserve_metadata = true;
        options.creation_time =
            CreationTime::Exactly("2026-01-02T03:04:05Z".parse().expect("a time"));
        if is_full {
            let beside = scene.path("beside");
            std::fs::create_dir(&beside).expect("a directory");
            options.context_size = Some(8192);
            options.extras = vec![
                ExtraFile::new(copy("license.txt", &beside), FileRole::License),
                ExtraFile::new(copy("template.jinja", &beside), FileRole::ChatTemplate),
                ExtraFile::new(copy("dummy.mmproj", &beside), FileRole::Projector),
            ];
        }
        let built = build(&scene, &model, &options).await.expect("it builds");
        let found = scene
            .publisher
            .inspect(&built.reference)
            .await
            .expect("it is there");
        let theirs =
            std::fs::read_to_string(goldens.join(golden).join("config.json")).expect("it is there");
        let ours = String::from_utf8(found.config.bytes().to_vec()).expect("it is text");
        let theirs = theirs.replace(r#""architecture":"llama","#, "");
        assert_eq!(ours, theirs, "{golden}");
        let theirs = std::fs::read_to_string(goldens.join(golden).join("manifest.json"))
            .expect("it is there");
        let ours = String::from_utf8(found.manifest.bytes().to_vec()).expect("it is text");
        let layers = |text: &str| {
            text.split_once(r#""layers":"#)
                .map(|(_, layers)| layers.to_owned())
        };
        // A template and a projector are called by what they are here.
        let ours = ours
            .replace("chat_template.jinja", "template.jinja")
            .replace("mmproj-dummy.mmproj", "dummy.mmproj");
        assert_eq!(layers(&ours), layers(&theirs), "{golden}");
    }
}
