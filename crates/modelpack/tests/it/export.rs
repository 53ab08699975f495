//! Models that are given to programs of other kinds.

use std::os::unix::fs::MetadataExt;

use modelpack::spec::FileRole;
use modelpack::{BuildDialect, BuildOptions, Control, ExtraFile, Reference, ResolveOptions};
use modelpack_testkit::fixtures;

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
    let blob = dmr.join("blobs/sha256").join(digest.hex().to_string());
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
    assert_eq!(
        std::fs::read(dmr.join("models.json")).expect("it is there"),
        b"{\"models\":7}"
    );
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
