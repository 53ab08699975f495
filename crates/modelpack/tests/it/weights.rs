//! What the headers of weight files add to an artifact.

use modelpack::{BuildReport, GenerateOptions, InspectReport};
use modelpack_testkit::fixtures;

use crate::scene::Scene;

fn weight(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("weights/valid").join(name)).expect("it is there")
}

async fn build(
    scene: &Scene,
    modelfile: &str,
    files: &[(&str, &[u8])],
) -> (BuildReport, InspectReport) {
    let model = scene.model("m", modelfile, files);
    let built = scene.build(&model, "a/b:v1").await.expect("it builds");
    let inspected = scene.publisher.inspect(&built.reference).await;
    (built, inspected.expect("it is there"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_weights_say_what_the_modelfile_does_not() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let (built, found) = build(&scene, "NAME x\nMODEL *.gguf\n", &[("x.gguf", &gguf)]).await;
    assert_eq!(built.warnings, [""; 0]);
    assert_eq!(
        [
            found.format,
            found.architecture,
            found.family,
            found.param_size
        ],
        ["gguf", "llama", "llama", "1.3k"]
    );
    assert_eq!(
        (found.quantization.as_str(), found.precision.as_str()),
        ("Q4_K_M", "")
    );
    // The Modelfile in the manifest stays what it was.
    let recipe = &found.manifest.value().annotations["org.cncf.modctl.modelfile"];
    assert!(!recipe.contains("FORMAT"), "{recipe}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_summed_and_the_modelfile_wins() {
    let scene = Scene::new().await;
    let (one, two) = (
        weight("model-00001-of-00002.safetensors"),
        weight("model-00002-of-00002.safetensors"),
    );
    let index = weight("model.safetensors.index.json");
    let files: [(&str, &[u8]); 3] = [
        ("model-00001-of-00002.safetensors", &one),
        ("model-00002-of-00002.safetensors", &two),
        ("model.safetensors.index.json", &index),
    ];
    let modelfile = "PRECISION float32\nMODEL *.safetensors\nCONFIG *.json\n";
    let (built, found) = build(&scene, modelfile, &files).await;
    assert_eq!(
        built.warnings,
        ["the Modelfile says PRECISION float32, but the weights say bfloat16"]
    );
    assert_eq!(
        [found.format, found.param_size, found.precision],
        ["safetensors", "0.1k", "float32"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_is_not_the_model() {
    let scene = Scene::new().await;
    let (model, projector) = (weight("without-file-type.gguf"), weight("mmproj-F16.gguf"));
    let files: [(&str, &[u8]); 2] = [("model.gguf", &model), ("mmproj.gguf", &projector)];
    let (_, found) = build(&scene, "MODEL *.gguf\n", &files).await;
    assert_eq!(
        [found.architecture, found.quantization, found.param_size],
        ["qwen2", "Q8_0", "0.3k"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_what_they_say_are_told_of() {
    let scene = Scene::new().await;
    let gguf = weight("sharded-00001-of-00002.gguf");
    let onnx = weight("inline.onnx");
    let cut = &weight("everything-Q4_K_M.gguf")[..1000];
    let check = async |files: &[(&str, &[u8])], expected: &[&str]| {
        let (built, _) = build(&scene, "MODEL *.*\n", files).await;
        assert_eq!(built.warnings, expected);
        for (path, _) in files {
            std::fs::remove_file(scene.path("m").join(path)).expect("it is there");
        }
    };
    check(
        &[("x.gguf", b"hello")],
        &["`x.gguf` is no gguf file, whatever its name says"],
    )
    .await;
    check(
        &[("x.gguf", &onnx)],
        &["`x.gguf` is named like a gguf file, but it is onnx"],
    )
    .await;
    check(
        &[("x.gguf", cut)],
        &["`x.gguf`: the file ends inside its gguf header"],
    )
    .await;
    check(
        &[("s-00001-of-00002.gguf", &gguf)],
        &["1 of 2 files of `s` are missing: `s-00002-of-00002.gguf`"],
    )
    .await;
    check(&[("x.bin", b"hello")], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_modelfile_says_it_too() {
    let scene = Scene::new().await;
    let gguf = weight("everything-Q4_K_M.gguf");
    let model = scene.model("m", "", &[("x-Q4_K_M.gguf", &gguf)]);
    std::fs::remove_file(model.join("Modelfile")).expect("it is there");
    let report = scene
        .publisher
        .generate(&model, &GenerateOptions::default())
        .await
        .expect("it is a model");
    for line in [
        "ARCH llama",
        "FAMILY llama",
        "FORMAT gguf",
        "PARAMSIZE 1.3k",
        "QUANTIZATION Q4_K_M",
    ] {
        assert!(
            report.text.lines().any(|found| found == line),
            "{line} in {}",
            report.text
        );
    }
    assert_eq!(report.warnings, [""; 0]);
}
