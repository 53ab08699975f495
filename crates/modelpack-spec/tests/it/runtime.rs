//! How a model is run unless somebody says otherwise.

use modelpack_spec::convert::{ConvertOptions, Target, convert};
use modelpack_spec::{
    Descriptor, Digest, Document, Encoding, FileRole, Kind, LayerType, Manifest, Model, ModelFs,
    ModelView, RuntimeConfig, annotations, rules,
};

fn read(text: &str) -> Result<Document<RuntimeConfig>, modelpack_spec::Error> {
    RuntimeConfig::read(text.as_bytes().to_vec().into())
}

#[test]
fn everything_is_read_and_what_is_unknown_is_kept() {
    let text = r#"{"contextSize":2147483647,"system":"x","parameters":{"stop":["a","b"],"temperature":0.7},"chatTemplate":"t.jinja","projector":"p.gguf","adapters":["a.gguf"],"draftModel":"d.gguf","base":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","reference":"r.io/a/b:c"},"new":1}"#;
    let runtime = read(text).expect("it is valid");
    assert_eq!(runtime.value().adapters[0].as_str(), "a.gguf");
    assert_eq!(
        Document::write(runtime.into_value()).bytes().as_ref(),
        text.as_bytes()
    );
}

#[test]
fn what_no_engine_takes_is_refused() {
    let check = |text: &str, expected: &str| {
        let error = read(text).expect_err("it is refused").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        r#"{"contextSize":2147483648}"#,
        "contextSize is 2147483648, expected a number from 1 to 2147483647",
    );
    check(r#"{"contextSize":0}"#, "contextSize is 0");
    check(
        r#"{"parameters":{"stop":"</s>"}}"#,
        "parameters.stop is no array of texts",
    );
    check(r#"{"adapters":["../x.gguf"]}"#, "unsafe path `../x.gguf`");
    check(r#"{"base":{"digest":"latest"}}"#, "invalid digest `latest`");
    check(r#"{"system":"a","system":"b"}"#, "stands twice");
}

#[test]
fn it_is_a_file_of_either_dialect() {
    let runtime = read(r#"{"contextSize":4096}"#).expect("it is valid");
    let media_type = LayerType::new(Kind::WeightConfig, Encoding::Raw).into();
    let layer = RuntimeConfig::layer(&runtime, media_type);
    let weight = LayerType::new(Kind::Weight, Encoding::Raw).into();
    let mut weight = Descriptor::new(weight, Digest::sha256(b"w"), 1);
    weight
        .annotations
        .insert(annotations::FILEPATH.into(), "w.gguf".into());
    let layers = vec![layer, weight];
    let mut model = Model::default();
    model.modelfs = ModelFs::new(layers.iter().map(|layer| layer.digest).collect());
    let config = Document::write(model);
    let manifest = Document::write(Manifest::model(config.descriptor(), layers));
    assert!(rules::check_artifact(manifest.bytes(), config.bytes()).is_empty());
    let docker = convert(
        &manifest,
        config.bytes(),
        Target::Docker,
        &ConvertOptions::default(),
    )
    .expect("it converts");
    for (manifest, config) in [
        (&manifest, config.bytes()),
        (&docker.manifest, &docker.config),
    ] {
        let view = ModelView::read(manifest.value(), config).expect("it is a model");
        assert_eq!(view.files[0].role, FileRole::Runtime);
        assert!(RuntimeConfig::is_layer(&view.files[0].layer));
        assert_eq!(
            view.files[0].path.as_ref().map(|path| path.as_str()),
            Some("modelpack-runtime.json")
        );
    }
}
