//! Models that are given to programs of other kinds.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};

use modelpack::spec::FileRole;
use modelpack::{
    BuildDialect, BuildOptions, Control, ExtraFile, PushOptions, Reference, ResolveOptions,
};
use modelpack_testkit::{fixtures, skip, tool};

use crate::scene::{Scene, tree};

fn weight(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("weights/valid").join(name)).expect("it is there")
}

async fn build(
    scene: &Scene,
    rest: &str,
    files: &[(&str, &[u8])],
    options: &BuildOptions,
) -> Reference {
    let model = scene.model("m", "MODEL *.*\n", files);
    let reference = scene.reference(rest);
    let control = Control::default();
    scene
        .publisher
        .build(&model, &reference, options, &control)
        .await
        .expect("it builds");
    std::fs::remove_dir_all(model).expect("it is there");
    reference
}

fn docker() -> BuildOptions {
    let mut options = BuildOptions::default();
    options.dialect = BuildDialect::Docker;
    options
}

fn models(scene: &Scene) -> serde_json::Value {
    let text = std::fs::read(scene.path("dmr/models.json")).expect("an index");
    serde_json::from_slice(&text).expect("it is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_listed_in_dockers_store_beside_those_that_were_there() {
    let scene = Scene::new().await;
    let control = Control::default();
    let gguf = weight("everything-Q4_K_M.gguf");
    let reference = build(&scene, "a/b:v1", &[("model.gguf", &gguf)], &docker()).await;
    let dmr = scene.path("dmr");
    std::fs::create_dir(&dmr).expect("a directory");
    let other = format!(
        r#"{{"models":[{{"id":"sha256:{}","tags":["{reference}","docker.io/ai/x:latest"],"files":[],"note":1}}],"more":true}}"#,
        "0".repeat(64)
    );
    std::fs::write(dmr.join("models.json"), other).expect("a file");

    let report = scene
        .publisher
        .export_to_dmr(&reference, &dmr, &control)
        .await
        .expect("it is exported");
    assert_eq!(report.copied, gguf.len() as u64);
    let index = models(&scene);
    assert_eq!(index["more"], true);
    // The name has moved, and nothing else of the other model is lost.
    assert_eq!(
        index["models"][0]["tags"],
        serde_json::json!(["docker.io/ai/x:latest"])
    );
    assert_eq!(index["models"][0]["note"], 1);
    let entry = &index["models"][1];
    assert_eq!(entry["id"], report.id.to_string());
    assert_eq!(entry["tags"], serde_json::json!([reference.to_string()]));
    assert_eq!(entry["files"].as_array().map(Vec::len), Some(2));
    let layout = std::fs::read_to_string(dmr.join("layout.json")).expect("a layout");
    assert_eq!(layout, "{\n  \"version\": \"1.0.0\"\n}");
    // Every file has the name of its bytes, and none is a link into our store.
    for (name, bytes) in tree(&dmr)
        .iter()
        .filter(|(name, _)| name.contains("sha256/"))
    {
        let digest = modelpack::Digest::sha256(bytes);
        assert!(name.ends_with(&digest.hex().to_string()), "{name}");
        assert_eq!(
            std::fs::metadata(dmr.join(name))
                .expect("it is there")
                .nlink(),
            1,
            "{name}"
        );
    }

    // A blob that is wrong is replaced, one that is right is left; no entry stands twice.
    let digest = modelpack::Digest::sha256(&gguf);
    let blob = dmr.join("blobs/sha256").join(digest.hex());
    std::fs::write(&blob, vec![0; gguf.len()]).expect("it can be written");
    let again = scene
        .publisher
        .export_to_dmr(&reference, &dmr, &control)
        .await
        .expect("it is exported");
    assert_eq!(again.copied, gguf.len() as u64);
    assert_eq!(std::fs::read(&blob).expect("it is there"), gguf);
    let third = scene
        .publisher
        .export_to_dmr(&reference, &dmr, &control)
        .await
        .expect("it is exported");
    assert_eq!(third.copied, 0);
    assert_eq!(models(&scene), index);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_not_understood_is_left_alone() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let reference = build(
        &scene,
        "a/b:v1",
        &[("model.gguf", &gguf)],
        &BuildOptions::default(),
    )
    .await;
    let dmr = scene.path("dmr");
    std::fs::create_dir(&dmr).expect("a directory");
    std::fs::write(dmr.join("models.json"), b"{\"models\":7}").expect("a file");
    let before = tree(&dmr);
    let error = scene
        .publisher
        .export_to_dmr(&reference, &dmr, &Control::default())
        .await;
    assert!(
        error
            .expect_err("it is refused")
            .to_string()
            .contains("is no index of models")
    );
    assert_eq!(tree(&dmr), before);

    // A reference without a tag brings no name along, and takes none away.
    let dmr = scene.path("other");
    let inspected = scene.publisher.inspect(&reference).await;
    let mut bare = reference.with_digest(inspected.expect("it is there").digest);
    bare.tag = None;
    for (reference, tags) in [
        (&bare, serde_json::json!(null)),
        (&reference, serde_json::json!([reference.to_string()])),
        (&bare, serde_json::json!([reference.to_string()])),
    ] {
        scene
            .publisher
            .export_to_dmr(reference, &dmr, &Control::default())
            .await
            .expect("it is exported");
        let text = std::fs::read(dmr.join("models.json")).expect("it is there");
        let index: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        assert_eq!(index["models"].as_array().map(Vec::len), Some(1));
        assert_eq!(index["models"][0]["tags"], tags, "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_loaded_with_everything_that_belongs_to_it() {
    let scene = Scene::new().await;
    let (one, two) = (
        weight("sharded-00001-of-00002.gguf"),
        weight("sharded-00002-of-00002.gguf"),
    );
    let template = scene.path("t.jinja");
    std::fs::write(&template, b"{{ x }}").expect("a file");
    let weights = fixtures().join("weights/valid");
    let mut options = docker();
    options.context_size = Some(4096);
    options.extras = vec![
        ExtraFile::new(&template, FileRole::ChatTemplate),
        ExtraFile::new(weights.join("mmproj-F16.gguf"), FileRole::Projector),
        ExtraFile::new(weights.join("lora-adapter.gguf"), FileRole::Adapter),
        ExtraFile::new(weights.join("without-file-type.gguf"), FileRole::DraftModel),
    ];
    let files: [(&str, &[u8]); 2] = [
        ("s-00002-of-00002.gguf", &two),
        ("s-00001-of-00002.gguf", &one),
    ];
    let control = Control::default();
    for dialect in [BuildDialect::ModelPack, BuildDialect::Docker] {
        options.dialect = dialect;
        let reference = build(&scene, "a/b:v1", &files, &options).await;
        let plan = scene
            .publisher
            .launch_plan(&reference, None, &ResolveOptions::default(), &control)
            .await
            .expect("it loads");
        let programs: Vec<&str> = plan
            .commands
            .iter()
            .map(|command| command.program.as_str())
            .collect();
        assert_eq!(programs, ["llama-server", "llama-cli"]);
        let directory = format!("{}/", plan.directory.display());
        let arguments: Vec<String> = plan.commands[0]
            .arguments
            .iter()
            .map(|word| word.replace(&directory, ""))
            .collect();
        assert_eq!(
            arguments.join(" "),
            "--model s-00001-of-00002.gguf --mmproj mmproj-F16.gguf \
            --chat-template-file chat_template.jinja --lora lora-adapter.gguf \
            --model-draft without-file-type.gguf --ctx-size 4096"
        );
        assert!(plan.directory.join("s-00001-of-00002.gguf").is_file());
        let own = scene
            .publisher
            .launch_plan(
                &reference,
                Some("/opt/llama-cli"),
                &ResolveOptions::default(),
                &control,
            )
            .await
            .expect("it loads");
        assert_eq!(
            (own.commands.len(), own.commands[0].program.as_str()),
            (1, "/opt/llama-cli")
        );
        let error = scene
            .publisher
            .launch_plan(
                &reference,
                Some("vllm"),
                &ResolveOptions::default(),
                &control,
            )
            .await
            .expect_err("it does not");
        assert!(
            error
                .to_string()
                .ends_with("is gguf, which `vllm` does not load"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_no_engine_loads_is_said_to_be_one() {
    let scene = Scene::new().await;
    let reference = build(
        &scene,
        "a/b:v1",
        &[("x.bin", b"hello")],
        &BuildOptions::default(),
    )
    .await;
    let control = Control::default();
    let error = scene
        .publisher
        .launch_plan(&reference, None, &ResolveOptions::default(), &control)
        .await
        .expect_err("nothing does");
    assert!(
        error
            .to_string()
            .ends_with("is unknown, which no engine known here loads"),
        "{error}"
    );
    assert!(error.hint().expect("a hint").contains("modelpack resolve"));
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_has_the_files_and_no_program() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let files: [(&str, &[u8]); 2] = [("model.gguf", &gguf), ("d/x.json", b"{}")];
    let model = scene.model("m", "MODEL *.gguf\nCONFIG d/*\n", &files);
    scene.build(&model, "a/b:v1").await.expect("it builds");
    let (source, target, control) = (
        scene.reference("a/b:v1"),
        scene.reference("a/b:image"),
        Control::default(),
    );
    let image = scene
        .publisher
        .export_image(&source, &target, &control)
        .await
        .expect("it is made");
    let again = scene
        .publisher
        .export_image(&source, &scene.reference("a/b:again"), &control)
        .await
        .expect("it is made");
    assert_eq!((image.layers, image.digest), (2, again.digest));
    let listed = scene.publisher.list().await.expect("it lists");
    assert!(
        listed
            .iter()
            .all(|entry| entry.damage.is_none() && entry.size > 0),
        "{listed:?}"
    );
    // It is no model, and says what it is and what it was made from.
    let error = scene
        .publisher
        .inspect(&target)
        .await
        .expect_err("it is no model");
    assert!(
        error.to_string().ends_with("but a container image"),
        "{error}"
    );
    let model = scene.publisher.inspect(&source).await.expect("it is there");
    let hint = error.hint().expect("a hint");
    assert!(hint.contains(&model.digest.to_string()), "{hint}");
    // It goes to a registry like a model.
    let pushed = scene
        .publisher
        .push(&target, &PushOptions::default(), &control)
        .await
        .expect("it is pushed");
    assert_eq!((pushed.digest, pushed.blobs.len()), (image.digest, 3));
    let planned = scene
        .publisher
        .plan_push(&target, &control)
        .await
        .expect("it is planned");
    assert_eq!((planned.missing, planned.current), (0, Some(image.digest)));

    let store = scene.publisher.store();
    let bytes = store
        .read_blob(&image.digest, 1 << 20)
        .expect("it is there");
    let manifest: serde_json::Value = serde_json::from_slice(&bytes).expect("it is JSON");
    let digest = manifest["config"]["digest"]
        .as_str()
        .expect("a digest")
        .parse()
        .expect("a digest");
    let config: serde_json::Value =
        serde_json::from_slice(&store.read_blob(&digest, 1 << 20).expect("it is there"))
            .expect("it is JSON");
    let ids = config["rootfs"]["diff_ids"]
        .as_array()
        .expect("diff ids")
        .clone();
    let layers: Vec<_> = manifest["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| layer["digest"].clone())
        .collect();
    assert_eq!(ids, layers);
    for (layer, path) in layers.iter().zip(["models/d/x.json", "models/model.gguf"]) {
        let digest: modelpack::Digest =
            layer.as_str().expect("a digest").parse().expect("a digest");
        let tar = store.read_blob(&digest, 1 << 20).expect("it is there");
        assert!(tar.starts_with(path.as_bytes()), "{path}");
    }
    if tool("skopeo").is_none() {
        skip("skopeo is not installed");
        return;
    }
    let from = format!("oci:{}:{target}", store.root().display());
    let seen = run("skopeo", &["inspect", "--config", &from]);
    assert!(
        seen.status.success(),
        "{}",
        String::from_utf8_lossy(&seen.stderr)
    );
    let there = format!("docker://{target}");
    let seen = run(
        "skopeo",
        &["inspect", "--tls-verify=false", "--config", &there],
    );
    assert!(
        seen.status.success(),
        "{}",
        String::from_utf8_lossy(&seen.stderr)
    );
    let copied = run(
        "skopeo",
        &[
            "copy",
            "--dest-tls-verify=false",
            &from,
            &format!("docker://{target}"),
        ],
    );
    assert!(
        copied.status.success(),
        "{}",
        String::from_utf8_lossy(&copied.stderr)
    );
    let remote = run(
        "skopeo",
        &[
            "inspect",
            "--tls-verify=false",
            &format!("docker://{target}"),
        ],
    );
    assert!(
        remote.status.success(),
        "{}",
        String::from_utf8_lossy(&remote.stderr)
    );
}

/// A model cannot be taken for a container image by mistake.
/// A program failed because of what it was given, not for want of a network or a right.
fn refuses(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{output:?}");
    assert!(words.iter().any(|word| said.contains(word)), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_not_a_container() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let control = Control::default();
    for (rest, options) in [
        ("a/b:pack", BuildOptions::default()),
        ("a/b:docker", docker()),
    ] {
        let reference = build(&scene, rest, &[("model.gguf", &gguf)], &options).await;
        scene
            .publisher
            .push(&reference, &PushOptions::default(), &control)
            .await
            .expect("it is pushed");
        let inspected = scene
            .publisher
            .inspect(&reference)
            .await
            .expect("it is there");
        let manifest = String::from_utf8_lossy(inspected.manifest.bytes()).into_owned();
        assert!(
            !manifest.contains("image.config.v1") && !manifest.contains("image.layer.v1"),
            "{manifest}"
        );
        let url = format!("docker://{reference}");
        if tool("skopeo").is_some() {
            let seen = run("skopeo", &["inspect", "--tls-verify=false", &url]);
            refuses(
                &seen,
                &[
                    "unsupported",
                    "Unsupported",
                    "invalid",
                    "mediaType",
                    "media type",
                ],
            );
        } else {
            skip("skopeo is not installed");
        }
        if tool("podman").is_some() {
            let ran = run(
                "podman",
                &["run", "--rm", "--tls-verify=false", &reference.to_string()],
            );
            refuses(
                &ran,
                &[
                    "unsupported",
                    "Unsupported",
                    "invalid",
                    "mediaType",
                    "media type",
                ],
            );
        } else {
            skip("podman is not installed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn default_parameters_travel_in_both_dialects() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let runtime = br#"{"contextSize":2048,"system":"Be brief.","parameters":{"temperature":0.7,"stop":["</s>"]},"chatTemplate":"t.jinja"}"#;
    let files: [(&str, &[u8]); 3] = [
        ("model.gguf", &gguf),
        ("t.jinja", b"x"),
        ("modelpack-runtime.json", runtime),
    ];
    let modelfile = "MODEL *.gguf\nCONFIG *.jinja\nCONFIG *.json\n";
    let model = scene.model("m", modelfile, &files);
    let control = Control::default();
    for options in [BuildOptions::default(), docker()] {
        let reference = scene.reference("a/b:v1");
        scene
            .publisher
            .build(&model, &reference, &options, &control)
            .await
            .expect("it builds");
        let plan = scene
            .publisher
            .launch_plan(
                &reference,
                Some("llama-cli"),
                &ResolveOptions::default(),
                &control,
            )
            .await
            .expect("it loads");
        let arguments = plan.commands[0].arguments.join(" ");
        assert!(arguments.ends_with("/t.jinja --ctx-size 2048 --temp 0.7 --system-prompt Be brief. --reverse-prompt </s>"), "{arguments}");
        // What is asked for at the build goes before what the file says.
        let mut options = options;
        options.context_size = Some(99);
        let other = scene.reference("a/c:v1");
        scene
            .publisher
            .build(&model, &other, &options, &control)
            .await
            .expect("it builds");
        let plan = scene
            .publisher
            .launch_plan(&other, None, &ResolveOptions::default(), &control)
            .await
            .expect("it loads");
        let arguments = plan.commands[0].arguments.join(" ");
        assert!(arguments.contains(" --ctx-size 99 "), "{arguments}");
    }
    let docker = scene
        .publisher
        .inspect(&scene.reference("a/b:v1"))
        .await
        .expect("it is there");
    assert!(String::from_utf8_lossy(docker.config.bytes()).contains(r#""context_size":2048"#));
    let check = async |text: &str, expected: &str| {
        std::fs::write(model.join("modelpack-runtime.json"), text).expect("a file");
        let error = scene
            .build(&model, "a/b:v2")
            .await
            .expect_err("it is refused")
            .to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("{", "invalid runtime configuration").await;
    check(r#"{"contextSize":4294967301}"#, "contextSize is 4294967301").await;
    check(
        r#"{"projector":"p.gguf"}"#,
        "names `p.gguf`, which is no file of the model",
    )
    .await;
}
