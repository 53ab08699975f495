//! The whole loop over a registry that nobody here wrote.

use modelpack::{BuildOptions, Control, PullOptions, PushOptions, Reference, ResolveOptions};
use modelpack_testkit::DockerRegistry;

use crate::scene::{Scene, tree};

/// ME10: Debians registry takes a model and gives it back.
#[tokio::test(flavor = "multi_thread")]
async fn debians_registry_takes_a_model_and_gives_it_back() {
    let Some(registry) = DockerRegistry::start() else {
        return;
    };
    let scene = Scene::new().await;
    let control = Control::default();
    let model = scene.path("model");
    modelpack_testkit::copy_model("tiny-safetensors", &model);
    let reference: Reference = format!("{}/tiny/model:v1", registry.host())
        .parse()
        .unwrap();
    let built = scene
        .publisher
        .build(&model, &reference, &BuildOptions::default(), &control)
        .await
        .unwrap();
    scene
        .publisher
        .push(&reference, &PushOptions::default(), &control)
        .await
        .unwrap();
    let again = scene
        .publisher
        .push(&reference, &PushOptions::default(), &control)
        .await
        .unwrap();
    assert_eq!(again.transferred, 0);
    let pinned = reference.with_digest(built.digest);
    scene
        .consumer
        .pull(&pinned, &PullOptions::default(), &control)
        .await
        .unwrap();
    let resolved = scene
        .consumer
        .resolve(&pinned, &ResolveOptions::default(), &control)
        .await
        .unwrap();
    std::fs::remove_file(model.join("Modelfile")).unwrap();
    assert_eq!(tree(&resolved.directory), tree(&model));
    assert_eq!(
        scene
            .consumer
            .list_remote(&reference, &control)
            .await
            .unwrap()
            .tags,
        ["v1"]
    );

    let missing: Reference = format!("{}/tiny/model:none", registry.host())
        .parse()
        .unwrap();
    let error = scene
        .consumer
        .pull(&missing, &PullOptions::default(), &control)
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}
