//! Adapters that name their model by digest.

use modelpack::spec::FileRole;
use modelpack::spec::convert::{BASE, Target};
use modelpack::{
    BuildDialect, BuildOptions, Control, ConvertOptions, Digest, ExtraFile, Reference,
    ResolveOptions,
};
use modelpack_testkit::fixtures;

use crate::scene::Scene;

async fn build(
    scene: &Scene,
    rest: &str,
    weights: &str,
    options: &BuildOptions,
) -> Result<(Reference, Digest), modelpack::Error> {
    let bytes = std::fs::read(fixtures().join("weights/valid").join(weights)).expect("it is there");
    let model = scene.model("m", "MODEL *.gguf\n", &[(weights, &bytes)]);
    let reference = scene.reference(rest);
    let built = scene
        .publisher
        .build(&model, &reference, options, &Control::default())
        .await;
    std::fs::remove_dir_all(model).expect("it is there");
    Ok((reference, built?.digest))
}

fn with_adapter(base: Digest) -> BuildOptions {
    let adapter = fixtures().join("weights/valid/lora-adapter.gguf");
    let mut options = BuildOptions::default();
    options.extras = vec![ExtraFile::new(adapter, FileRole::Adapter)];
    options.adapter_base = Some(base);
    options
}

/// What resolving, running and inspecting say of an artifact: nothing, or a sentence with this in it.
async fn check(scene: &Scene, reference: &Reference, expected: Option<&str>) {
    let (options, control) = (ResolveOptions::default(), Control::default());
    let resolved = scene
        .publisher
        .resolve(reference, &options, &control)
        .await
        .expect("it resolves");
    let inspected = scene
        .publisher
        .inspect(reference)
        .await
        .expect("it is there");
    assert_eq!(resolved.warnings, inspected.warnings);
    let ran = scene
        .publisher
        .launch_plan(reference, None, &options, &control)
        .await;
    match expected {
        None => {
            assert!(resolved.warnings.is_empty(), "{:?}", resolved.warnings);
            ran.expect("it runs");
        }
        Some(expected) => {
            assert_eq!(resolved.warnings.len(), 1, "{expected}");
            let said = &resolved.warnings[0];
            assert!(said.contains(expected), "{said}");
            let error = ran.expect_err("it does not run");
            assert_eq!(error.to_string(), format!("{reference}: {said}"));
            assert!(error.hint().expect("a hint").contains("--adapter"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_says_which_model_it_belongs_to_in_both_dialects() {
    let scene = Scene::new().await;
    let control = Control::default();
    let plain = BuildOptions::default();
    let (_, base) = build(&scene, "a/base:v1", "everything-Q4_K_M.gguf", &plain)
        .await
        .expect("it builds");
    let mut options = with_adapter(base);
    for dialect in [BuildDialect::ModelPack, BuildDialect::Docker] {
        options.dialect = dialect;
        let (both, _) = build(&scene, "a/both:v1", "everything-Q4_K_M.gguf", &options)
            .await
            .expect("it builds");
        let inspected = scene.publisher.inspect(&both).await.expect("it is there");
        let named: Vec<&str> = inspected
            .manifest
            .value()
            .layers
            .iter()
            .filter_map(|layer| layer.annotations.get(BASE).map(String::as_str))
            .collect();
        assert_eq!(named, [base.to_string()]);
        check(&scene, &both, None).await;
        // The name of the model travels through the other dialect.
        let to = match dialect {
            BuildDialect::Docker => Target::ModelPack,
            _ => Target::Docker,
        };
        let twin = scene
            .publisher
            .convert(&both, &ConvertOptions::new(to), &control)
            .await
            .expect("it is converted");
        check(&scene, &twin.reference, None).await;
        let text = scene
            .publisher
            .inspect(&twin.reference)
            .await
            .expect("it is there");
        assert!(String::from_utf8_lossy(text.manifest.bytes()).contains(BASE));
        // Beside another model it is of no use.
        let (other, _) = build(&scene, "a/other:v1", "without-file-type.gguf", &options)
            .await
            .expect("it builds");
        check(
            &scene,
            &other,
            Some("whose weights are not those of this artifact"),
        )
        .await;
    }
    // Of a model that is not here nothing is known.
    let (unknown, _) = build(
        &scene,
        "a/unknown:v1",
        "everything-Q4_K_M.gguf",
        &with_adapter(Digest::sha256(b"elsewhere")),
    )
    .await
    .expect("it builds");
    check(&scene, &unknown, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_alone_says_whose_it_is() {
    let scene = Scene::new().await;
    let base = Digest::sha256(b"elsewhere");
    let mut options = BuildOptions::default();
    options.adapter_base = Some(base);
    let (alone, _) = build(&scene, "a/lora:v1", "lora-adapter.gguf", &options)
        .await
        .expect("it builds");
    let expected = format!("belongs to the model {base}, which is not in this artifact");
    check(&scene, &alone, Some(&expected)).await;
    let error = build(&scene, "a/none:v1", "everything-Q4_K_M.gguf", &options)
        .await
        .expect_err("there is no adapter");
    assert!(
        error.to_string().starts_with("there is no adapter"),
        "{error}"
    );
}

/// A projector or an adapter whose name says nothing stands before the model by name.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_header_shows_is_not_taken_for_the_model() {
    let scene = Scene::new().await;
    let control = Control::default();
    let weight = |name: &str| {
        std::fs::read(fixtures().join("weights/valid").join(name)).expect("it is there")
    };
    let files = [
        ("a-vision.gguf", weight("mmproj-F16.gguf")),
        ("b-lora.gguf", weight("lora-adapter.gguf")),
        ("model.gguf", weight("everything-Q4_K_M.gguf")),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, it)| (*name, &it[..])).collect();
    let model = scene.model("m", "MODEL *.gguf\n", &files);
    for dialect in [BuildDialect::ModelPack, BuildDialect::Docker] {
        let mut options = BuildOptions::default();
        options.dialect = dialect;
        let reference = scene.reference("a/b:v1");
        scene
            .publisher
            .build(&model, &reference, &options, &control)
            .await
            .expect("it builds");
        let to = match dialect {
            BuildDialect::Docker => Target::ModelPack,
            _ => Target::Docker,
        };
        let twin = scene
            .publisher
            .convert(&reference, &ConvertOptions::new(to), &control)
            .await
            .expect("it is converted");
        for reference in [&reference, &twin.reference] {
            let plan = scene
                .publisher
                .launch_plan(reference, None, &ResolveOptions::default(), &control)
                .await
                .expect("it loads");
            let line = plan.commands[0].arguments.join(" ");
            let line = line.replace(&format!("{}/", plan.directory.display()), "");
            // Docker's dialect keeps what the header says of the context as well.
            let line = line.trim_end_matches(" --ctx-size 8192");
            assert_eq!(
                line, "--model model.gguf --mmproj a-vision.gguf --lora b-lora.gguf",
                "{reference}"
            );
            let seen = scene
                .publisher
                .inspect(reference)
                .await
                .expect("it is there");
            if seen.manifest.value().is_model() {
                continue;
            }
            // An adapter before the weights is marked, so that nobody takes the first GGUF for the model.
            let count = |wanted: &str| {
                let of_type = seen
                    .layers
                    .iter()
                    .filter(|layer| layer.media_type == wanted);
                of_type.count()
            };
            assert_eq!(
                (
                    count("application/vnd.docker.ai.gguf.v3"),
                    count("application/vnd.docker.ai.mmproj")
                ),
                (1, 1),
                "{reference}"
            );
        }
    }
}

/// What is no model is not run, nor converted for tools that would load it as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_projector_or_an_adapter_alone_is_no_model() {
    let scene = Scene::new().await;
    let control = Control::default();
    for (name, is) in [
        ("mmproj-F16.gguf", "is a projector"),
        ("lora-adapter.gguf", "is an adapter"),
    ] {
        let plain = BuildOptions::default();
        let (reference, _) = build(&scene, "a/alone:v1", name, &plain)
            .await
            .expect("it builds");
        let ran = scene
            .publisher
            .launch_plan(&reference, None, &ResolveOptions::default(), &control)
            .await;
        let options = ConvertOptions::new(Target::Docker);
        let converted = scene
            .publisher
            .convert(&reference, &options, &control)
            .await;
        for error in [
            ran.expect_err("it does not run"),
            converted.expect_err("it is not converted"),
        ] {
            assert!(
                error
                    .to_string()
                    .ends_with(&format!("no model: `{name}` {is}")),
                "{error}"
            );
            assert!(error.hint().is_some());
        }
    }
}

/// The runtime configuration can name the model of its adapters as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_model_that_the_runtime_configuration_names_is_looked_at() {
    let scene = Scene::new().await;
    let weight = |name: &str| {
        std::fs::read(fixtures().join("weights/valid").join(name)).expect("it is there")
    };
    let base = Digest::sha256(b"elsewhere");
    let runtime = format!(r#"{{"base":{{"digest":"{base}"}}}}"#);
    let adapter = weight("lora-adapter.gguf");
    let files: [(&str, &[u8]); 2] = [
        ("lora.gguf", &adapter),
        ("modelpack-runtime.json", runtime.as_bytes()),
    ];
    let model = scene.model("m", "MODEL *.gguf\nCONFIG *.json\n", &files);
    let built = scene.build(&model, "a/b:v1").await.expect("it builds");
    let expected = format!("belongs to the model {base}, which is not in this artifact");
    check(&scene, &built.reference, Some(&expected)).await;
}
