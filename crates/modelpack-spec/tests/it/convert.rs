//! From one dialect to the other and back.

use bytes::Bytes;
use modelpack_spec::convert::{
    CONTEXT_SIZE, ConvertOptions, Converted, DockerFacts, ROLE, SOURCE, Target, convert, to_family,
};
use modelpack_spec::docker::{DockerConfig, Layer, RootFs, Version, manifest_document};
use modelpack_spec::{
    Descriptor, Digest, Document, Encoding, Error, Family, Kind, LayerType, Manifest, MediaType,
    Model, ModelFs, annotations, rules,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

type Artifact = (Document<Manifest>, Bytes);

fn layer(media_type: MediaType, path: Option<&str>, number: usize) -> Descriptor {
    let digest = Digest::sha256(&number.to_le_bytes());
    let mut layer = Descriptor::new(media_type, digest, 1000 + number as u64);
    if let Some(path) = path {
        layer
            .annotations
            .insert(annotations::FILEPATH.into(), path.into());
    }
    layer
}

fn raw(kind: Kind, path: &str, number: usize) -> Descriptor {
    layer(
        LayerType::new(kind, Encoding::Raw).into(),
        Some(path),
        number,
    )
}

fn modelpack(model: Model, layers: Vec<Descriptor>, annotations: &[(&str, &str)]) -> Artifact {
    let mut model = model;
    model.modelfs = ModelFs::new(layers.iter().map(|layer| layer.digest).collect());
    let config = Document::write(model);
    let mut manifest = Manifest::model(config.descriptor(), layers);
    for (key, value) in annotations {
        manifest.annotations.insert((*key).into(), (*value).into());
    }
    (Document::write(manifest), config.bytes().clone())
}

fn gguf() -> Artifact {
    let mut model = Model::default();
    model.descriptor.name = Some("tiny".into());
    model.descriptor.family = Some("llama".into());
    model.descriptor.licenses = vec!["Apache-2.0".into()];
    model.descriptor.created_at = Some("2026-01-02T03:04:05+01:00".parse().expect("a time"));
    model.config.architecture = Some("transformer".into());
    model.config.format = Some("GGUF".into());
    model.config.param_size = Some("8b".into());
    model.config.quantization = Some("Q4_K_M".into());
    let layers = vec![
        raw(Kind::WeightConfig, "chat_template.jinja", 0),
        raw(Kind::WeightConfig, "tokenizer.json", 1),
        raw(Kind::Weight, "mmproj-F16.gguf", 2),
        raw(Kind::Weight, "tiny.gguf", 3),
        raw(Kind::Doc, "LICENSE", 4),
        raw(Kind::Doc, "README.md", 5),
        raw(Kind::Code, "run.py", 6),
    ];
    modelpack(
        model,
        layers,
        &[
            ("org.cncf.modctl.modelfile", "NAME tiny"),
            (CONTEXT_SIZE, "4096"),
        ],
    )
}

fn to(target: Target, artifact: &Artifact) -> Result<Converted, Error> {
    convert(&artifact.0, &artifact.1, target, &ConvertOptions::default())
}

fn pair(converted: Converted) -> Artifact {
    (converted.manifest, converted.config)
}

fn same_layers(one: &Manifest, other: &Manifest) -> bool {
    let places = |manifest: &Manifest| -> Vec<(Digest, u64)> {
        manifest
            .layers
            .iter()
            .map(|layer| (layer.digest, layer.size))
            .collect()
    };
    places(one) == places(other)
}

#[test]
fn a_gguf_model_for_docker() {
    let artifact = gguf();
    let converted = to(Target::Docker, &artifact).expect("it converts");
    let manifest = converted.manifest.value();
    assert_eq!(
        (&manifest.artifact_type, converted.unchanged),
        (&None, false)
    );
    assert_eq!(
        manifest.config.media_type,
        MediaType::DockerModelConfig(Version::V01)
    );
    let types: Vec<&MediaType> = manifest
        .layers
        .iter()
        .map(|layer| &layer.media_type)
        .collect();
    let expected = [
        Layer::ChatTemplate,
        Layer::File,
        Layer::Projector,
        Layer::Gguf,
        Layer::License,
        Layer::File,
        Layer::File,
    ];
    assert_eq!(types, expected.map(MediaType::DockerModelLayer).each_ref());
    let config = DockerConfig::read(converted.config.clone()).expect("it is a config");
    let config = &config.value().config;
    assert_eq!(config.architecture.as_deref(), Some("llama"));
    assert_eq!(config.quantization.as_deref(), Some("MOSTLY_Q4_K_M"));
    assert_eq!(
        (config.parameters.as_deref(), config.context_size),
        (Some("8B"), Some(4096))
    );
    let broken = rules::docker::check_artifact(converted.manifest.bytes(), &converted.config);
    assert_eq!(
        broken.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [""; 0]
    );
    let back = to(Target::ModelPack, &pair(converted)).expect("it converts");
    assert_eq!(pair(back), artifact);
}

#[test]
fn facts_of_the_weights_are_said_and_forgotten() {
    let artifact = gguf();
    let mut options = ConvertOptions::default();
    options.facts = DockerFacts::default();
    options.facts.parameters = Some("8.02B".into());
    options.facts.size = Some("4.58GiB".into());
    options
        .facts
        .gguf
        .insert("general.name".into(), "<Tiny> & co".into());
    let converted =
        convert(&artifact.0, &artifact.1, Target::Docker, &options).expect("it converts");
    let text = String::from_utf8(converted.config.to_vec()).expect("it is text");
    assert!(
        text.contains(r#""general.name":"\u003cTiny\u003e \u0026 co""#),
        "{text}"
    );
    assert!(text.contains(r#""parameters":"8.02B""#), "{text}");
    let back = to(Target::ModelPack, &pair(converted)).expect("it converts");
    assert_eq!(pair(back), artifact);
}

#[test]
fn what_was_changed_since_is_not_undone() {
    let docker = to(Target::Docker, &gguf()).expect("it converts");
    let mut manifest = docker.manifest.value().clone();
    let mut config = DockerConfig::read(docker.config)
        .expect("it is a config")
        .into_value();
    config.config.context_size = Some(77);
    let config = config.to_document().expect("it is small").bytes().clone();
    manifest.config.digest = Digest::sha256(&config);
    manifest.config.size = config.len() as u64;
    let changed = (manifest_document(&manifest).expect("it is small"), config);
    let back = to(Target::ModelPack, &changed).expect("it converts");
    assert_eq!(back.manifest.value().annotations[CONTEXT_SIZE], "77");
    assert!(!String::from_utf8_lossy(&back.config).contains("Apache-2.0"));
}

/// The annotation comes with the artifact, so anybody can write it.
#[test]
fn a_source_that_lies_is_not_believed() {
    let docker = to(Target::Docker, &gguf()).expect("it converts");
    let honest = to(Target::ModelPack, &pair(docker.clone())).expect("it converts");
    let evil_layer = Digest::sha256(b"evil");
    let lie = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut manifest = docker.manifest.value().clone();
        let mut source: serde_json::Value =
            serde_json::from_str(&manifest.annotations[SOURCE]).expect("it is JSON");
        change(&mut source);
        manifest
            .annotations
            .insert(SOURCE.into(), source.to_string());
        let artifact = (
            manifest_document(&manifest).expect("it is small"),
            docker.config.clone(),
        );
        to(Target::ModelPack, &artifact)
            .expect("it converts")
            .manifest
    };
    let text = String::from_utf8(honest.manifest.bytes().to_vec()).expect("it is text");
    let others = text.replace(
        &honest.manifest.value().layers[3].digest.to_string(),
        &evil_layer.to_string(),
    );
    let fewer = {
        let mut manifest = honest.manifest.value().clone();
        manifest.layers.pop();
        String::from_utf8(Document::write(manifest).bytes().to_vec()).expect("it is text")
    };
    let image = text.replace("vnd.cncf.model.config.v1", "vnd.oci.image.config.v1");
    for manifest in [others, fewer, image, "{}".to_owned(), "no JSON".to_owned()] {
        let given = lie(&|source| source["manifest"] = serde_json::json!({ "text": manifest }));
        assert!(
            same_layers(given.value(), docker.manifest.value()),
            "{manifest}"
        );
        assert_ne!(given.bytes().as_ref(), manifest.as_bytes());
        assert!(given.value().is_model());
    }
    let given = lie(&|source| source["config"] = serde_json::json!({ "text": "{\"modelfs\":{}}" }));
    assert_ne!(
        given.value().config.digest,
        honest.manifest.value().config.digest
    );
}

#[test]
fn what_docker_cannot_hold_is_refused() {
    let check = |layers: Vec<Descriptor>, annotations: &[(&str, &str)], expected: &str| {
        let error = to(
            Target::Docker,
            &modelpack(Model::default(), layers, annotations),
        )
        .expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{error}");
    };
    let tar = layer(
        LayerType::new(Kind::Weight, Encoding::TarZstd).into(),
        Some("w.gguf"),
        0,
    );
    check(
        vec![tar],
        &[],
        "it is an archive of type `application/vnd.cncf.model.weight.v1.tar+zstd`",
    );
    check(
        vec![raw(Kind::Weight, "../w.gguf", 0)],
        &[],
        "unsafe path `../w.gguf`",
    );
    check(
        vec![
            raw(Kind::Weight, "w.gguf", 0),
            raw(Kind::Weight, "W.gguf", 1),
        ],
        &[],
        "path `W.gguf` collides with `w.gguf`",
    );
    for size in ["0", "-2", "2147483648", "4294967301", "many", ""] {
        check(
            vec![raw(Kind::Weight, "w.gguf", 0)],
            &[(CONTEXT_SIZE, size)],
            "it has to be a number from 1 to 2147483647",
        );
    }
}

#[test]
fn other_artifacts_are_called_by_their_names() {
    let config = Bytes::from_static(b"{}");
    let manifest = |media_type: MediaType| {
        let config = Descriptor::new(media_type, Digest::sha256(&config), 2);
        let mut manifest = Manifest::model(config, Vec::new());
        manifest.artifact_type = None;
        Document::write(manifest)
    };
    let check = |media_type: &str, expected: &str| {
        let artifact = (manifest(media_type.into()), config.clone());
        let error = to(Target::Docker, &artifact).expect_err("it is no model");
        assert_eq!(error.to_string(), expected);
    };
    check(
        "application/vnd.oci.image.config.v1+json",
        "it is no model artifact but a container image",
    );
    check(
        "application/vnd.cncf.helm.config.v1+json",
        "it is no model artifact but a Helm chart",
    );
    check(
        "application/x-any",
        "it is no model artifact but an artifact of type `application/x-any`",
    );
    let wrong = (gguf().0, config.clone());
    assert!(
        to(Target::Docker, &wrong)
            .expect_err("the config is another")
            .is_integrity()
    );
}

#[test]
fn roles_survive() {
    let mut adapter = raw(Kind::Weight, "lora.gguf", 1);
    adapter.annotations.insert(ROLE.into(), "adapter".into());
    let artifact = modelpack(
        Model::default(),
        vec![raw(Kind::Weight, "w.gguf", 0), adapter],
        &[],
    );
    let docker = to(Target::Docker, &artifact).expect("it converts");
    assert_eq!(
        docker.manifest.value().layers[1].media_type,
        MediaType::DockerModelLayer(Layer::Adapter)
    );
    assert_eq!(
        pair(to(Target::ModelPack, &pair(docker)).expect("it converts")),
        artifact
    );
}

#[test]
fn old_names_are_written_and_read() {
    let (manifest, _) = gguf();
    let old = to_family(&manifest, Family::Cnai);
    let text = String::from_utf8(old.bytes().to_vec()).expect("it is text");
    assert!(!text.contains("application/vnd.cncf."), "{text}");
    assert_eq!(
        old.value().layers[3].annotations[annotations::LEGACY_FILEPATH],
        "tiny.gguf"
    );
    assert_eq!(old.value().config.digest, manifest.value().config.digest);
    assert_eq!(to_family(&old, Family::Cncf), manifest);
    assert_eq!(to_family(&manifest, Family::Cncf), manifest);
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof!["[A-Za-z0-9_.]{1,8}", any::<String>()])
}

/// Files of a model by what they are; the number makes each name another.
fn path(number: usize, kind: usize) -> String {
    const NAMES: [&str; 10] = [
        "model.gguf",
        "model.safetensors",
        "mmproj.gguf",
        "chat_template.jinja",
        "other.jinja",
        "LICENSE",
        "README.md",
        "run.py",
        "data.csv",
        "x",
    ];
    format!("d{number}/{}", NAMES[kind % NAMES.len()])
}

fn any_modelpack() -> impl Strategy<Value = Artifact> {
    let layers = vec(
        (0_usize..5, 0_usize..10, any::<bool>(), any::<bool>()),
        1..6,
    );
    let names = (text(), text(), text(), text(), text(), text());
    let free = btree_map("x-[a-z]{1,5}", any::<String>(), 0..3);
    (
        layers,
        names,
        free,
        any::<bool>(),
        proptest::option::of(-1_i64..i64::from(i32::MAX)),
    )
        .prop_map(
            |(
                layers,
                (name, family, architecture, format, size, quantization),
                free,
                pretty,
                context,
            )| {
                let layers: Vec<Descriptor> = layers
                    .into_iter()
                    .enumerate()
                    .map(|(number, (kind, name, old, more))| {
                        let mut layer = raw(Kind::ALL[kind], &path(number, name), number);
                        if old && let Some(path) = layer.annotations.remove(annotations::FILEPATH) {
                            layer
                                .annotations
                                .insert(annotations::LEGACY_FILEPATH.into(), path);
                        }
                        if more {
                            layer.annotations.insert("x-more".into(), "<&>".into());
                        }
                        layer
                    })
                    .collect();
                let mut model = Model::default();
                model.descriptor.name = name;
                model.descriptor.family = family;
                model.config.architecture = architecture;
                model.config.format = format;
                model.config.param_size = size;
                model.config.quantization = quantization;
                model.config.extra = free
                    .iter()
                    .map(|(key, text)| (key.clone(), text.clone().into()))
                    .collect();
                let context = context
                    .filter(|size| *size != 0)
                    .map(|size| size.to_string());
                let mut said: Vec<(&str, &str)> = free
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()))
                    .collect();
                said.extend(context.as_deref().map(|size| (CONTEXT_SIZE, size)));
                let (manifest, config) = modelpack(model, layers, &said);
                if !pretty {
                    return (manifest, config);
                }
                // Another writer has other spaces.
                let spaced = |bytes: &Bytes| {
                    let value: serde_json::Value =
                        serde_json::from_slice(bytes).expect("it is JSON");
                    Bytes::from(serde_json::to_vec_pretty(&value).expect("it is JSON"))
                };
                let config = spaced(&config);
                let mut changed = manifest.into_value();
                changed.config.digest = Digest::sha256(&config);
                changed.config.size = config.len() as u64;
                let manifest = Document::write(changed);
                (
                    Document::parse(spaced(manifest.bytes())).expect("it is a manifest"),
                    config,
                )
            },
        )
}

fn any_docker() -> impl Strategy<Value = Artifact> {
    let layers = vec((0_usize..11, proptest::option::of(0_usize..10)), 1..6);
    let free = btree_map("x[a-z]{1,5}", any::<String>(), 0..3);
    (
        layers,
        (text(), text(), text(), text()),
        free,
        proptest::option::of(any::<i64>()),
        any::<bool>(),
    )
        .prop_map(
            |(layers, (format, quantization, parameters, architecture), free, context, second)| {
                let layers: Vec<Descriptor> = layers
                    .into_iter()
                    .enumerate()
                    .map(|(number, (kind, name))| {
                        let path = name.map(|name| path(number, name));
                        layer(
                            MediaType::DockerModelLayer(Layer::ALL[kind]),
                            path.as_deref(),
                            number,
                        )
                    })
                    .collect();
                let mut config = DockerConfig::default();
                config.config.format = format;
                config.config.quantization = quantization;
                config.config.parameters = parameters;
                config.config.architecture = architecture;
                config.config.context_size = context;
                config.config.gguf = free
                    .into_iter()
                    .map(|(key, text)| (key, text.into()))
                    .collect();
                config.rootfs = Some(RootFs::new(
                    layers.iter().map(|layer| layer.digest).collect(),
                ));
                let config = config.to_document().expect("it is small").bytes().clone();
                let version = if second { Version::V02 } else { Version::V01 };
                let descriptor = Descriptor::new(
                    MediaType::DockerModelConfig(version),
                    Digest::sha256(&config),
                    config.len() as u64,
                );
                let mut manifest = Manifest::model(descriptor, layers);
                manifest.artifact_type = None;
                (manifest_document(&manifest).expect("it is small"), config)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn modelpack_there_and_back_is_the_same(artifact in any_modelpack()) {
        let there = to(Target::Docker, &artifact).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert!(same_layers(there.manifest.value(), artifact.0.value()));
        let again = to(Target::Docker, &pair(there.clone())).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert!(again.unchanged);
        let back = to(Target::ModelPack, &pair(there)).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(pair(back), artifact);
    }

    #[test]
    fn docker_there_and_back_is_the_same(artifact in any_docker()) {
        let there = to(Target::ModelPack, &artifact).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert!(same_layers(there.manifest.value(), artifact.0.value()));
        let broken = rules::check_artifact(there.manifest.bytes(), &there.config);
        let broken: Vec<String> = broken.iter().filter(|one| one.rule.level == rules::Level::Must).map(ToString::to_string).collect();
        prop_assert_eq!(broken, Vec::<String>::new());
        let back = to(Target::Docker, &pair(there)).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(pair(back), artifact);
    }

    #[test]
    fn any_annotation_is_survived(source in any::<String>()) {
        let (manifest, config) = gguf();
        let mut changed = manifest.into_value();
        changed.annotations.insert(SOURCE.into(), source);
        let artifact = (Document::write(changed), config);
        let there = to(Target::Docker, &artifact).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert!(same_layers(there.manifest.value(), artifact.0.value()));
    }
}
