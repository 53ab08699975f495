//! What another tool did wrong, as far as no topic of its own shows it: digests, names, patterns and prunes.

use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use modelpack::spec::{Descriptor, Digest, Encoding, Kind, LayerType, MediaType};
use modelpack::store::PruneOptions;
use modelpack::{
    BuildOptions, Control, Event, ExtractOptions, Progress, PullOptions, PushOptions, Store,
};
use serde_json::Value;

use crate::scene::Scene;

/// Gives the artifact `a/b:v1` of the registry a manifest of these bytes.
async fn rewrite(scene: &Scene, edit: impl FnOnce(&mut Value)) -> (Vec<u8>, Digest) {
    let built = scene.published("a/b:v1").await;
    let path = scene.registry.blob_path(&built.digest);
    let bytes = std::fs::read(path).expect("the scene stands");
    let mut manifest: Value = serde_json::from_slice(&bytes).expect("the scene stands");
    edit(&mut manifest);
    // With spaces and line ends, as hardly any tool writes it.
    let bytes = serde_json::to_vec_pretty(&manifest).expect("the scene stands");
    let lease = scene.registry.lease().expect("the scene stands");
    let stored = lease.put(&bytes).expect("the scene stands");
    let descriptor = Descriptor::new(MediaType::OciManifest, stored.digest, stored.size);
    scene
        .registry
        .tag(&scene.reference("a/b:v1"), &descriptor)
        .expect("the scene stands");
    (bytes, stored.digest)
}

/// MA8: In the registry and in the store.
#[tokio::test(flavor = "multi_thread")]
async fn ma8_the_digest_is_that_of_the_bytes_however_they_are_written() {
    let scene = Scene::new().await;
    let (bytes, digest) = rewrite(&scene, |_| ()).await;
    assert_eq!(digest, Digest::sha256(&bytes));
    let reference = scene.reference("a/b:v1");
    let control = Control::default();
    let there = scene.consumer.inspect_remote(&reference, &control).await;
    assert_eq!(there.unwrap().digest, digest);
    let pulled = scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await;
    assert_eq!(pulled.unwrap().digest, digest);
    let here = scene.consumer.inspect(&reference).await.unwrap();
    assert_eq!(
        (here.digest, here.manifest.bytes().to_vec()),
        (digest, bytes)
    );
}

/// MA19, MB2: What a manifest says, or leaves out, goes on as it is.
#[tokio::test(flavor = "multi_thread")]
async fn ma19_a_manifest_without_a_media_type_is_pulled_and_pushed_as_it_is() {
    let scene = Scene::new().await;
    let (bytes, digest) = rewrite(&scene, |manifest| {
        let manifest = manifest.as_object_mut().unwrap();
        assert!(manifest.remove("mediaType").is_some());
        manifest.insert("org.example.unknown".to_owned(), Value::from(7));
    })
    .await;
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await
        .unwrap();
    let other = scene.reference("c/d:v2");
    scene.consumer.tag(&reference, &other).await.unwrap();
    let pushed = scene
        .consumer
        .push(&other, &PushOptions::default(), &control)
        .await;
    assert_eq!(pushed.unwrap().digest, digest);
    let found = scene.publisher.inspect_remote(&other, &control).await;
    assert_eq!(found.unwrap().manifest.bytes().to_vec(), bytes);
}

/// MA12: One pattern twice, two that overlap, and one file under two commands.
#[tokio::test(flavor = "multi_thread")]
async fn ma12_a_file_that_is_named_several_times_is_one_layer() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 2] = [("a.bin", b"a"), ("b.bin", b"b")];
    for (modelfile, expected) in [
        ("MODEL *.bin\nMODEL *.bin\n", ["a.bin", "b.bin"]),
        (
            "MODEL a.bin\nMODEL *.bin\nMODEL ?.bin\n",
            ["a.bin", "b.bin"],
        ),
    ] {
        let model = scene.model("m", modelfile, &files);
        let built = scene.build(&model, "a/b:v1").await.unwrap();
        let paths: Vec<_> = built.layers.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, expected, "{modelfile}");
    }
    let model = scene.model("m", "MODEL *.bin\nDOC a.bin\n", &files);
    let built = scene.build(&model, "a/b:v1").await.unwrap();
    let layer = |path: &str, kind| {
        let media_type = MediaType::from(LayerType::new(kind, Encoding::Raw));
        (path.to_owned(), media_type.to_string())
    };
    let layers = built.layers.into_iter().map(|it| (it.path, it.media_type));
    assert_eq!(
        layers.collect::<Vec<_>>(),
        [layer("b.bin", Kind::Weight), layer("a.bin", Kind::Doc)]
    );
}

/// MA14: The list stays readable.
#[tokio::test(flavor = "multi_thread")]
async fn ma14_a_new_name_without_a_tag_is_refused() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let without = scene.reference("a/b");
    let tagged = scene
        .publisher
        .tag(&scene.reference("a/b:v1"), &without)
        .await;
    let error = tagged.unwrap_err();
    assert!(error.to_string().contains("it has no tag"), "{error}");
    let listed = scene.publisher.list().await.unwrap();
    let names: Vec<_> = listed.iter().map(|it| it.reference.clone()).collect();
    assert_eq!(names, [scene.reference("a/b:v1")]);
}

/// MC4: Files that nobody may write are replaced, not written into.
#[tokio::test(flavor = "multi_thread")]
async fn mc4_an_extracted_file_is_replaced_as_a_whole() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let (reference, out) = (scene.reference("a/b:v1"), scene.path("out"));
    let file = out.join("model.bin");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(&file, vec![8; 300_000]).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
    // Who has the old one open goes on reading it.
    let mut old = std::fs::File::open(&file).unwrap();
    let options = ExtractOptions::default();
    scene
        .publisher
        .extract(&reference, &out, &options, &Control::default())
        .await
        .unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), vec![7; 300_000]);
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut old, &mut bytes).unwrap();
    assert_eq!(bytes, vec![8; 300_000]);
}

/// MD4: The blobs are gone from the registry, and nobody notices.
#[tokio::test(flavor = "multi_thread")]
async fn md4_what_is_there_is_not_asked_for_again() {
    let scene = Scene::new().await;
    let built = scene.published("a/b:v1").await;
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    let options = PullOptions::default();
    let pulled = scene.consumer.pull(&reference, &options, &control).await;
    pulled.unwrap();
    for layer in &built.layers {
        std::fs::remove_file(scene.registry.blob_path(&layer.digest)).unwrap();
    }
    let again = scene.consumer.pull(&reference, &options, &control).await;
    assert_eq!(again.unwrap().transferred, 0);
}

/// Prunes the store of a build whenever something happens in it.
struct Pruning(Mutex<(Store, usize)>);

impl Progress for Pruning {
    fn event(&self, event: Event<'_>) {
        if matches!(event, Event::Finished { .. }) {
            let mut inner = self.0.lock().expect("no prune panicked");
            let pruned = inner.0.prune(&PruneOptions::default()).expect("it prunes");
            assert!(pruned.items.is_empty(), "{pruned:?}");
            inner.1 += 1;
        }
    }
}

/// MC1: After every layer of it.
#[tokio::test(flavor = "multi_thread")]
async fn mc1_a_prune_takes_nothing_from_a_build_that_runs() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 3] = [("a.bin", b"a"), ("b.bin", b"b"), ("c.bin", b"c")];
    let model = scene.model("m", "MODEL *.bin\n", &files);
    let reference = scene.reference("a/b:v1");
    let store = Store::create(scene.path("publisher")).unwrap();
    let pruning = std::sync::Arc::new(Pruning(Mutex::new((store, 0))));
    let control = Control::with_progress(pruning.clone());
    let toolkit = &scene.publisher;
    toolkit
        .build(&model, &reference, &BuildOptions::default(), &control)
        .await
        .unwrap();
    assert!(pruning.0.lock().unwrap().1 >= 3);
    let verified = toolkit.verify(&Control::default()).await.unwrap();
    assert!(verified.damage.is_empty());
    let pruned = toolkit.prune(false, None).await.unwrap();
    assert!(pruned.items.is_empty(), "everything has its name");
}
