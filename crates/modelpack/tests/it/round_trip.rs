//! From a directory through a registry to a directory, byte for byte.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Mutex};

use modelpack::spec::Encoding;
use modelpack::{
    BuildOptions, Control, Event, ExtractOptions, Fetch, Outcome, Progress, PullOptions,
    PushOptions, ResolveOptions,
};

use crate::scene::{Scene, tree};

/// MB1: Every file of a real layout survives in every encoding.
#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_a_real_layout_survives_in_every_encoding() {
    for encoding in [
        Encoding::Raw,
        Encoding::Tar,
        Encoding::TarGzip,
        Encoding::TarZstd,
    ] {
        let scene = Scene::new().await;
        let model = scene.path("model");
        modelpack_testkit::copy_model("tiny-safetensors", &model);
        let reference = scene.reference("real/model:v1");
        let control = Control::default();
        let mut options = BuildOptions::default();
        options.encoding = Some(encoding);
        scene
            .publisher
            .build(&model, &reference, &options, &control)
            .await
            .unwrap();
        scene
            .publisher
            .push(&reference, &PushOptions::default(), &control)
            .await
            .unwrap();
        scene
            .consumer
            .pull(&reference, &PullOptions::default(), &control)
            .await
            .unwrap();
        let resolved = scene
            .consumer
            .resolve(&reference, &ResolveOptions::default(), &control)
            .await
            .unwrap();
        assert_eq!(
            resolved.format.as_deref(),
            Some("safetensors"),
            "{encoding:?}"
        );
        let out = scene.path("out");
        scene
            .consumer
            .extract(&reference, &out, &ExtractOptions::default(), &control)
            .await
            .unwrap();

        std::fs::remove_file(model.join("Modelfile")).unwrap();
        assert_eq!(tree(&resolved.directory), tree(&model), "{encoding:?}");
        assert_eq!(tree(&out), tree(&model), "{encoding:?}");
        for (path, _) in tree(&model) {
            let mode = |root: &std::path::Path| {
                root.join(&path).metadata().unwrap().permissions().mode() & 0o111
            };
            assert_eq!(mode(&out), mode(&model), "{encoding:?} {path}");
        }
    }
}

/// MA5, MD2: Resolved files are links and extracted files are not.
#[tokio::test(flavor = "multi_thread")]
async fn resolved_files_are_links_and_extracted_files_are_not() {
    let scene = Scene::new().await;
    let built = scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let control = Control::default();
    let resolved = scene
        .consumer
        .resolve(&reference, &ResolveOptions::default(), &control)
        .await
        .unwrap();
    assert_eq!(resolved.digest, built.digest);
    let blob = scene
        .consumer
        .store()
        .blob_path(&built.layers[1].digest)
        .metadata()
        .unwrap();
    let file = resolved.directory.join("model.bin").metadata().unwrap();
    assert_eq!((file.dev(), file.ino()), (blob.dev(), blob.ino()));
    assert_eq!(file.mode() & 0o222, 0);

    let out = scene.path("out");
    scene
        .consumer
        .extract(&reference, &out, &ExtractOptions::default(), &control)
        .await
        .unwrap();
    std::fs::write(out.join("model.bin"), b"edited").unwrap();
    assert!(
        scene
            .consumer
            .verify(&control)
            .await
            .unwrap()
            .damage
            .is_empty()
    );
    // A file of the same size with other bytes is repaired.
    std::fs::write(out.join("model.bin"), vec![8; 300_000]).unwrap();
    scene
        .consumer
        .extract(&reference, &out, &ExtractOptions::default(), &control)
        .await
        .unwrap();
    assert_eq!(
        std::fs::read(out.join("model.bin")).unwrap(),
        vec![7; 300_000]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_resolve_asks_nobody() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let control = Control::default();
    let mut never = ResolveOptions::default();
    never.fetch = Fetch::Never;
    let error = scene
        .consumer
        .resolve(&reference, &never, &control)
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let first = scene
        .consumer
        .resolve(&reference, &ResolveOptions::default(), &control)
        .await
        .unwrap();
    let inode = first
        .directory
        .join("config.json")
        .metadata()
        .unwrap()
        .ino();
    let second = scene
        .consumer
        .resolve(&reference, &never, &control)
        .await
        .unwrap();
    assert_eq!(first.directory, second.directory);
    assert_eq!(
        inode,
        second
            .directory
            .join("config.json")
            .metadata()
            .unwrap()
            .ino()
    );
    // What somebody broke is mended.
    std::fs::remove_file(second.directory.join("config.json")).unwrap();
    std::fs::write(second.directory.join("config.json"), b"!!").unwrap();
    let third = scene
        .consumer
        .resolve(&reference, &never, &control)
        .await
        .unwrap();
    assert_eq!(
        std::fs::read(third.directory.join("config.json")).unwrap(),
        b"{}"
    );
}

/// Keeps the outcome of every item, and checks that no item has more bytes than its size.
#[derive(Default)]
struct Recorder {
    outcomes: Mutex<Vec<(String, Outcome)>>,
    advanced: Mutex<std::collections::BTreeMap<String, u64>>,
}

impl Progress for Recorder {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Advanced { item, bytes } => {
                let mut advanced = self.advanced.lock().expect("no test thread panicked");
                let sum = advanced.entry(item.name.clone()).or_default();
                *sum += bytes;
                assert!(*sum <= item.size, "{}: {sum} of {}", item.name, item.size);
            }
            Event::Finished { item, outcome } => {
                assert_eq!(
                    self.advanced
                        .lock()
                        .expect("no test thread panicked")
                        .get(&item.name)
                        .copied()
                        .unwrap_or(0),
                    item.size,
                    "{}",
                    item.name
                );
                self.outcomes
                    .lock()
                    .expect("no test thread panicked")
                    .push((item.name.clone(), outcome));
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_sent_again_and_progress_adds_up() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let outcomes = |recorder: &Arc<Recorder>| {
        let mut outcomes = recorder.outcomes.lock().unwrap().clone();
        outcomes.sort_by(|a, b| a.0.cmp(&b.0));
        outcomes.dedup();
        outcomes
    };
    let recorder = Arc::new(Recorder::default());
    let control = Control::with_progress(recorder.clone());
    scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await
        .unwrap();
    assert!(
        outcomes(&recorder)
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Transferred)
    );
    let recorder = Arc::new(Recorder::default());
    let control = Control::with_progress(recorder.clone());
    let again = scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await
        .unwrap();
    assert_eq!(again.transferred, 0);
    assert!(
        outcomes(&recorder)
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Exists)
    );
    let recorder = Arc::new(Recorder::default());
    let control = Control::with_progress(recorder.clone());
    let again = scene
        .publisher
        .push(&reference, &PushOptions::default(), &control)
        .await
        .unwrap();
    assert_eq!(again.transferred, 0);
    assert_eq!(outcomes(&recorder).len(), 4);

    // Another repository of the same registry: mounted, not sent.
    let copy = scene.reference("other/name:v1");
    scene.publisher.tag(&reference, &copy).await.unwrap();
    let mounted = scene
        .publisher
        .push(&copy, &PushOptions::default(), &Control::default())
        .await
        .unwrap();
    let layers = &mounted.blobs[..3];
    assert!(
        layers.iter().all(|blob| blob.outcome == Outcome::Mounted),
        "{layers:?}"
    );
}

/// MD5: An interrupted download is continued.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_download_is_continued() {
    let scene = Scene::new().await;
    let built = scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let weights = &built.layers[1];
    {
        let lease = scene.consumer.store().lease().unwrap();
        let acquired = lease
            .partial(&weights.digest, weights.size, "test")
            .unwrap();
        let modelpack::store::Acquired::Partial(partial) = acquired else {
            panic!("it is not there")
        };
        partial.write_at(0, &[7; 100_000]).unwrap();
        partial.record().unwrap();
    }
    let pulled = scene
        .consumer
        .pull(&reference, &PullOptions::default(), &Control::default())
        .await
        .unwrap();
    let layer = pulled
        .layers
        .iter()
        .find(|layer| layer.name == "model.bin")
        .unwrap();
    assert_eq!(layer.outcome, Outcome::Resumed);
    assert_eq!(pulled.transferred, 200_000 + 2 + 4);
    assert!(scene.consumer.store().partials().unwrap().is_empty());

    // Damaged bytes of an earlier run cost one more transfer, and never come through.
    let other = modelpack::Store::create(scene.path("other")).unwrap();
    {
        let lease = other.lease().unwrap();
        let acquired = lease
            .partial(&weights.digest, weights.size, "test")
            .unwrap();
        let modelpack::store::Acquired::Partial(partial) = acquired else {
            panic!("it is not there")
        };
        partial.write_at(0, &[9; 100_000]).unwrap();
        partial.record().unwrap();
    }
    let consumer = modelpack::Toolkit::new(other, scene.consumer.client().clone());
    consumer
        .pull(&reference, &PullOptions::default(), &Control::default())
        .await
        .unwrap();
    assert!(
        consumer
            .verify(&Control::default())
            .await
            .unwrap()
            .damage
            .is_empty()
    );
}
