//! Models that are taken out of the store of Docker Model Runner.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use modelpack::spec::convert::Target;
use modelpack::{
    BuildDialect, BuildOptions, Control, ConvertOptions, Digest, PushOptions, Reference,
    ResolveOptions,
};
use modelpack_testkit::fixtures;

use crate::scene::{Scene, tree};

/// A model in a store of Docker Model Runner, as it was put there, and nowhere else.
async fn exported(scene: &Scene, dialect: BuildDialect) -> (PathBuf, Reference, Digest) {
    let gguf = fixtures().join("weights/valid/everything-Q4_K_M.gguf");
    let gguf = std::fs::read(gguf).expect("it is there");
    let files: [(&str, &[u8]); 2] = [("model.gguf", &gguf), ("t.jinja", b"{{ x }}")];
    let model = scene.model("m", "MODEL *.gguf\nCONFIG *.jinja\n", &files);
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    let mut options = BuildOptions::default();
    options.dialect = dialect;
    let built = scene
        .publisher
        .build(&model, &reference, &options, &control)
        .await
        .expect("it builds");
    let dmr = scene.path("dmr");
    scene
        .publisher
        .export_to_dmr(&reference, &dmr, &control)
        .await
        .expect("it is exported");
    (dmr, reference, built.digest)
}

fn blob(dmr: &Path, digest: &Digest) -> PathBuf {
    dmr.join("blobs/sha256").join(digest.hex())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_comes_out_as_it_was_put_in_and_is_like_any_other() {
    for dialect in [BuildDialect::ModelPack, BuildDialect::Docker] {
        let scene = Scene::new().await;
        let control = Control::default();
        let (dmr, reference, digest) = exported(&scene, dialect).await;
        let before = tree(&dmr);
        let listed = scene.consumer.list_dmr(&dmr).await.expect("it lists");
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, digest.to_string());
        assert_eq!(listed[0].tags, [reference.to_string()]);
        assert!(listed[0].size.is_some_and(|size| size > 0), "{listed:?}");

        let report = scene
            .consumer
            .import_from_dmr(&dmr, &reference.to_string(), None, &control)
            .await
            .expect("it is imported");
        assert_eq!((report.digest, &report.reference), (digest, &reference));
        let inspected = scene
            .publisher
            .inspect(&reference)
            .await
            .expect("it is there");
        let imported = scene
            .consumer
            .inspect(&reference)
            .await
            .expect("it is there");
        assert_eq!(imported.manifest.bytes(), inspected.manifest.bytes());
        assert_eq!(imported.config.bytes(), inspected.config.bytes());
        // That program writes through links: no blob of ours is one.
        for layer in &imported.layers {
            let ours = scene.consumer.store().blob_path(&layer.digest);
            let metadata = std::fs::metadata(ours).expect("it is there");
            assert_eq!(metadata.nlink(), 1);
        }
        assert_eq!(tree(&dmr), before, "nothing changes there");

        // The identifier finds it too, and another name can be given; nothing is read twice.
        let other = scene.reference("c/d:v2");
        let again = scene
            .consumer
            .import_from_dmr(&dmr, listed[0].short_id(), Some(&other), &control)
            .await
            .expect("it is imported");
        assert_eq!((again.added, &again.reference), (0, &other));

        let to = match dialect {
            BuildDialect::Docker => Target::ModelPack,
            _ => Target::Docker,
        };
        let converted = scene
            .consumer
            .convert(&other, &ConvertOptions::new(to), &control)
            .await
            .expect("it is converted");
        assert!(!converted.unchanged);
        let resolved = scene
            .consumer
            .resolve(&other, &ResolveOptions::default(), &control)
            .await
            .expect("it resolves");
        assert_eq!(resolved.format.as_deref(), Some("gguf"));
        scene
            .consumer
            .push(&other, &PushOptions::default(), &control)
            .await
            .expect("it is pushed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_that_store_does_not_come_here() {
    let scene = Scene::new().await;
    let (dmr, reference, _) = exported(&scene, BuildDialect::Docker).await;
    let inspected = scene
        .publisher
        .inspect(&reference)
        .await
        .expect("it is there");
    let weights = &inspected.layers[0];
    let path = blob(&dmr, &weights.digest);
    let right = std::fs::read(&path).expect("it is there");
    let size = usize::try_from(weights.size).expect("it is small");
    let check = async |expected: &str| {
        let error = scene
            .consumer
            .import_from_dmr(&dmr, &reference.to_string(), None, &Control::default())
            .await
            .expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{error}");
        let listed = scene.consumer.list().await.expect("it lists");
        assert!(listed.is_empty(), "{listed:?}");
        let blobs = tree(&scene.consumer.store().root().join("blobs"));
        // Other layers may have come before; what is wrong may not.
        for (name, bytes) in blobs {
            assert_ne!(bytes, vec![0; size], "{name}");
        }
        error
    };
    std::fs::write(&path, vec![0; size]).expect("it can be written");
    let error = check("has digest").await;
    assert!(error.is_integrity());
    std::fs::write(&path, b"short").expect("it can be written");
    check("has 5 bytes, the manifest says").await;
    std::fs::remove_file(&path).expect("it is there");
    let error = check("the model is incomplete").await;
    assert!(error.hint().expect("a hint").contains("docker model pull"));
    std::fs::write(&path, right).expect("it can be written");
    std::fs::write(blob(&dmr, &inspected.id), b"{}").expect("it can be written");
    check("has digest").await;
    std::fs::remove_dir_all(dmr.join("manifests")).expect("it is there");
    check("the model is incomplete").await;
    let listed = scene.consumer.list_dmr(&dmr).await.expect("it lists");
    assert_eq!(listed[0].size, None);
    // An identifier that would be a path is none.
    std::fs::write(
        dmr.join("models.json"),
        format!(r#"{{"models":[{{"id":"../../x","tags":["{reference}"],"files":[]}}]}}"#),
    )
    .expect("it can be written");
    check("is no identifier of a model").await;
    std::fs::remove_file(dmr.join("models.json")).expect("it is there");
    check("is no store of Docker Model Runner").await;
}
