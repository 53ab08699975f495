//! From a registry straight into a directory.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use modelpack::{Control, ExtractOptions, Outcome, PullOptions, Sharing};
use modelpack_testkit::faulty::{Class, Fault, Rule, When};

use crate::content;
use crate::scene::{Scene, tree};

#[tokio::test(flavor = "multi_thread")]
async fn files_come_without_the_store_and_can_be_edited() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let directory = scene.path("out");
    let (options, control) = (PullOptions::default(), Control::default());
    let pull = || {
        scene
            .consumer
            .pull_into(&reference, &directory, &options, &control)
    };
    pull().await.expect("pulled");
    let mut expected = tree(&scene.path("published"));
    expected.retain(|(name, _)| name != "Modelfile");
    assert_eq!(tree(&directory), expected);
    assert!(scene.consumer.list().await.expect("a list").is_empty());
    let model = directory.join("model.bin");
    let metadata = std::fs::metadata(&model).expect("a file");
    assert_eq!(
        (metadata.nlink(), metadata.permissions().mode() & 0o777),
        (1, 0o644)
    );

    // A file that was changed is mended, one that is right is left alone.
    std::fs::write(directory.join("config.json"), "edited").expect("it can be edited");
    let report = pull().await.expect("pulled again");
    assert_eq!(tree(&directory), expected);
    let outcome = |name: &str| {
        let file = report.files.iter().find(|file| file.path.as_str() == name);
        file.expect("it is reported").outcome
    };
    assert_eq!(outcome("model.bin"), Outcome::Exists);
    assert_eq!(outcome("config.json"), Outcome::Transferred);
    let again = std::fs::metadata(&model).expect("a file");
    assert_eq!(again.ino(), metadata.ino());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_is_not_there_makes_no_directory() {
    let scene = Scene::new().await;
    let directory = scene.path("out");
    let (options, control) = (PullOptions::default(), Control::default());
    let error = scene
        .consumer
        .pull_into(&scene.reference("a/b:none"), &directory, &options, &control)
        .await
        .expect_err("it is not there");
    assert!(error.is_not_found(), "{error}");
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_pull_is_continued_and_shows_nothing_unfinished() {
    let layer = vec![7; 3_000_000];
    let scene = content::scene_of(&layer);
    let digest = modelpack::Digest::sha256(&layer).to_string();
    let when = || When::new("GET", Class::Blob).of(&digest);
    let cut = Rule::new(when(), Fault::Cut { after: 2_000_000 }).times(1);
    let refuse = Rule::new(
        when(),
        Fault::Status {
            status: 403,
            body: modelpack_testkit::faulty::Filler::Error,
            retry_after: None,
            timing: modelpack_testkit::faulty::Timing::Late,
        },
    )
    .skip(1);
    scene.registry.set_rules([cut, refuse]);
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("out");
    let (options, control) = (PullOptions::default(), Control::default());
    let pull = || {
        scene
            .toolkit
            .pull_into(&scene.reference, &directory, &options, &control)
    };
    pull().await.expect_err("it is refused after it was cut");
    let visible: Vec<_> = std::fs::read_dir(&directory)
        .expect("what has come is kept")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(visible, [".modelpack-unfinished"]);

    scene.registry.set_rules([]);
    pull().await.expect("continued");
    assert_eq!(tree(&directory), [("model.bin".to_owned(), layer)]);
    let sent = scene.registry.served(&digest).total();
    assert!(sent < 4_000_000, "{sent} bytes were sent of 3000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_place_stays_when_another_file_cannot_be() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let one = std::num::NonZeroUsize::new(1).expect("one");
    let consumer = scene.consumer.clone().with_concurrency(one);
    let (options, control) = (PullOptions::default(), Control::default());
    let pull = async |directory: &str| {
        let directory = scene.path(directory);
        consumer
            .pull_into(&reference, &directory, &options, &control)
            .await
    };
    let files = pull("out").await.expect("pulled").files;
    let (last, others) = files.split_last().expect("files");
    let blocked = scene.path("blocked").join(&last.path).join("in the way");
    std::fs::create_dir_all(&blocked).expect("a directory");
    pull("blocked")
        .await
        .expect_err("a directory is in the way");
    std::fs::remove_dir_all(scene.path("blocked").join(&last.path)).expect("it was made here");
    // Their bytes are nowhere else, so they would have to be fetched again.
    let again = pull("blocked").await.expect("continued").files;
    let outcome = |file: &modelpack::ExtractedFile| {
        let found = again.iter().find(|found| found.path == file.path);
        found.expect("it is reported").outcome
    };
    assert!(others.iter().all(|file| outcome(file) == Outcome::Exists));
    assert_eq!(tree(&scene.path("blocked")), tree(&scene.path("out")));
}

/// MD2: Files can share their bytes with the store.
#[tokio::test(flavor = "multi_thread")]
async fn files_can_share_their_bytes_with_the_store() {
    let scene = Scene::new().await;
    let built = scene.published("a/b:v1").await;
    let directory = scene.path("out");
    let mut options = ExtractOptions::default();
    options.sharing = Sharing::Bytes;
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .publisher
        .extract(&reference, &directory, &options, &control)
        .await
        .expect("extracted");
    let blob = scene.publisher.store().blob_path(&built.layers[1].digest);
    let inode = |path: &std::path::Path| std::fs::metadata(path).expect("a file").ino();
    assert_eq!(inode(&directory.join("model.bin")), inode(&blob));
}
