//! Single files and single tensors, from a registry straight into a directory.

use modelpack::modelfile::Glob;
use modelpack::{Control, Error, ExtractReport, FetchOptions, Outcome};
use modelpack_testkit::fixtures;

use crate::content;
use crate::scene::{Scene, tree};

fn options(patterns: &[&str]) -> FetchOptions {
    let globs = patterns
        .iter()
        .map(|text| Glob::parse(text).expect("a pattern"));
    FetchOptions::new(globs.collect())
}

async fn fetch(scene: &Scene, patterns: &[&str]) -> Result<ExtractReport, Error> {
    let (reference, directory) = (scene.reference("a/b:v1"), scene.path("out"));
    let control = Control::default();
    let options = options(patterns);
    scene
        .consumer
        .fetch(&reference, &directory, &options, &control)
        .await
}

fn names(scene: &Scene) -> Vec<String> {
    tree(&scene.path("out"))
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_take_what_they_match_and_leave_the_store_alone() {
    for (patterns, expected) in [
        (&["config.json"][..], &["config.json"][..]),
        (&["**/*.md"], &["docs/README.md"]),
        (&["*.md", "**/*.md"][..1], &[]),
        (
            &["docs/*", "*.{json,txt}"],
            &["config.json", "docs/README.md"],
        ),
        (&["**"], &["config.json", "docs/README.md", "model.bin"]),
        (&["[cm]o*"], &["config.json", "model.bin"]),
    ] {
        let scene = Scene::new().await;
        scene.published("a/b:v1").await;
        let fetched = fetch(&scene, patterns).await;
        if expected.is_empty() {
            fetched.expect_err("nothing matches");
            assert!(!scene.path("out").exists(), "{patterns:?}");
            continue;
        }
        fetched.expect("fetched");
        assert_eq!(names(&scene), expected, "{patterns:?}");
        assert!(scene.consumer.list().await.expect("a list").is_empty());
        assert!(scene.consumer.store().blobs().expect("blobs").is_empty());
    }
}

/// MA5: Files that are right are kept and wrong ones repaired.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_right_are_kept_and_wrong_ones_repaired() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    fetch(&scene, &["*.json", "*.bin"]).await.expect("fetched");
    // Of the same size, so that only its bytes tell.
    std::fs::write(scene.path("out/model.bin"), vec![8; 300_000]).expect("it can be edited");
    std::fs::write(scene.path("out/mine.txt"), "mine").expect("written");
    let report = fetch(&scene, &["*.json", "*.bin"]).await.expect("again");
    let outcomes: Vec<_> = report
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("config.json", Outcome::Exists),
            ("model.bin", Outcome::Transferred)
        ]
    );
    assert_eq!(names(&scene), ["config.json", "mine.txt", "model.bin"]);
    assert_eq!(
        std::fs::read(scene.path("out/model.bin")).expect("it is there"),
        vec![7; 300_000]
    );
}

/// MD4: A blob is fetched once, however many patterns name it.
#[tokio::test(flavor = "multi_thread")]
async fn d4_overlapping_patterns_fetch_each_blob_once() {
    let layer = vec![7; 3_000_000];
    let scene = content::scene_of(&layer);
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("out");
    let options = options(&["model.bin", "*.bin", "**", "model.bin"]);
    let control = Control::default();
    let fetch = || {
        scene
            .toolkit
            .fetch(&scene.reference, &directory, &options, &control)
    };
    fetch().await.expect("fetched");
    assert_eq!(tree(&directory), [("model.bin".to_owned(), layer.clone())]);
    let digest = modelpack::Digest::sha256(&layer).to_string();
    assert_eq!(scene.registry.served(&digest).total(), 3_000_000);
    // And not at all when the file is right.
    fetch().await.expect("again");
    assert_eq!(scene.registry.served(&digest).total(), 3_000_000);
}

/// MA4: Wrong bytes of the right length are no success, the second time either.
#[tokio::test(flavor = "multi_thread")]
async fn a4_wrong_bytes_never_get_their_name() {
    use modelpack_testkit::faulty::{Class, Fault, Rule, When};
    let layer = vec![7; 100_000];
    let scene = content::scene_of(&layer);
    let digest = modelpack::Digest::sha256(&layer).to_string();
    let when = When::new("GET", Class::Blob).of(&digest);
    scene.registry.set_rules([Rule::new(
        when,
        Fault::WrongBytes {
            at: 50_000,
            count: 4,
        },
    )]);
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("out");
    let (options, control) = (options(&["*.bin"]), Control::default());
    for _ in 0..2 {
        let error = scene
            .toolkit
            .fetch(&scene.reference, &directory, &options, &control)
            .await
            .expect_err("wrong bytes");
        assert!(error.is_integrity(), "{error}");
        assert!(!directory.join("model.bin").exists());
    }
}

/// MA2: No path leads outside of the directory.
#[tokio::test(flavor = "multi_thread")]
async fn a2_nothing_is_written_outside() {
    for path in ["../escaped.sh", "/tmp/escaped.sh", "a/../../escaped.sh"] {
        let scene = content::scene_called(path, b"evil");
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = scratch.path().join("out");
        let (options, control) = (options(&["**"]), Control::default());
        scene
            .toolkit
            .fetch(&scene.reference, &directory, &options, &control)
            .await
            .expect_err(path);
        assert_eq!(tree(scratch.path()), []);
    }
    // A link in the directory is no way out either.
    let scene = content::scene_called("link/escaped.sh", b"evil");
    let scratch = tempfile::tempdir().expect("a directory");
    let (directory, outside) = (scratch.path().join("out"), scratch.path().join("outside"));
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::create_dir_all(&outside).expect("a directory");
    std::os::unix::fs::symlink(&outside, directory.join("link")).expect("a link");
    let (options, control) = (options(&["**"]), Control::default());
    scene
        .toolkit
        .fetch(&scene.reference, &directory, &options, &control)
        .await
        .expect_err("a link");
    assert_eq!(tree(&outside), []);
}

/// MA9: A digest in the reference counts.
#[tokio::test(flavor = "multi_thread")]
async fn a9_a_pinned_digest_is_held() {
    let scene = content::scene_of(b"0123456789");
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("out");
    let (options, control) = (options(&["**"]), Control::default());
    let wrong = scene
        .reference
        .with_digest(modelpack::Digest::sha256(b"other"));
    let fetched = scene
        .toolkit
        .fetch(&wrong, &directory, &options, &control)
        .await;
    fetched.expect_err("another digest");
    assert!(!directory.exists());
    let found = scene
        .toolkit
        .inspect_remote(&scene.reference, &control)
        .await;
    let right = scene.reference.with_digest(found.expect("there").digest);
    let fetched = scene
        .toolkit
        .fetch(&right, &directory, &options, &control)
        .await;
    fetched.expect("fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_without_a_file_names_those_that_are_like_it() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let error = fetch(&scene, &["*.json", "modle.bin"])
        .await
        .expect_err("no such file");
    assert!(error.is_not_found());
    let reference = scene.reference("a/b:v1");
    assert_eq!(
        error.to_string(),
        format!("{reference} has no file that matches `modle.bin`")
    );
    assert_eq!(error.hint().as_deref(), Some("there are `model.bin`"));
    assert!(!scene.path("out").exists());
    let error = fetch(&scene, &["tokenizer*"])
        .await
        .expect_err("no such file");
    assert_eq!(
        error.hint(),
        Some(format!(
            "`modelpack inspect --remote {reference} --files` lists its files"
        ))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fetches_into_one_directory_take_turns() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let (one, two) = tokio::join!(
        fetch(&scene, &["*.bin", "*.json"]),
        fetch(&scene, &["**/*.md", "*.bin"])
    );
    one.expect("fetched");
    two.expect("fetched");
    assert_eq!(
        names(&scene),
        ["config.json", "docs/README.md", "model.bin"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tensor_becomes_a_file_that_says_whether_it_is_verified() {
    let scene = Scene::new().await;
    let weights = std::fs::read(fixtures().join("weights/valid/model-00001-of-00002.safetensors"))
        .expect("it is there");
    let model = scene.model("m", "MODEL *.safetensors\n", &[("w.safetensors", &weights)]);
    scene.build(&model, "a/b:v1").await.expect("it builds");
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .publisher
        .push(&reference, &modelpack::PushOptions::default(), &control)
        .await
        .expect("pushed");
    let tensors = scene
        .publisher
        .tensors(&reference, modelpack::Place::Local, &control)
        .await
        .expect("a table");
    let tensor = &tensors.files[0].tensors[0];
    let (start, size) = (tensor.offset, tensor.size.expect("a known type"));
    let bytes =
        &weights[usize::try_from(start).expect("small")..][..usize::try_from(size).expect("small")];
    let (wanted, directory) = (
        [tensor.name.clone(), tensor.name.clone()],
        scene.path("out"),
    );
    for (toolkit, is_verified) in [(&scene.consumer, false), (&scene.publisher, true)] {
        let report = toolkit
            .fetch_tensor_files(&reference, &wanted, &directory, &control)
            .await
            .expect("fetched");
        assert_eq!(report.tensors.len(), 1);
        assert_eq!(
            (report.is_verified, report.tensors[0].is_verified),
            (is_verified, is_verified)
        );
        assert_eq!(tree(&directory), [(tensor.name.clone(), bytes.to_vec())]);
    }
    let error = scene
        .consumer
        .fetch_tensor_files(&reference, &["../x".to_owned()], &directory, &control)
        .await
        .expect_err("no name of a file");
    assert!(error.to_string().contains("`..`"), "{error}");
}
