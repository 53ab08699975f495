//! A file that is in a repository before any artifact names it.

use modelpack::spec::Encoding;
use modelpack::{AttachOptions, Attachment, Control, Error, Outcome, Place, UploadOptions};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_uploaded_need_not_be_sent_again() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let file = scene.path("big.bin");
    std::fs::write(&file, vec![9; 200_000]).expect("written");
    let repository = scene.reference("a/b");
    let (options, control) = (UploadOptions::default(), Control::default());
    let upload = || {
        scene
            .consumer
            .upload(&file, &repository, &options, &control)
    };
    let report = upload().await.expect("uploaded");
    assert_eq!(
        (report.size, report.outcome),
        (200_000, Outcome::Transferred)
    );
    assert_eq!(report.digest, modelpack::Digest::sha256(&[9; 200_000]));
    assert_eq!(upload().await.expect("again").outcome, Outcome::Exists);
    assert!(scene.consumer.store().blobs().expect("blobs").is_empty());

    let mut attach = AttachOptions::default();
    attach.place = Place::Registry;
    let path = modelpack::spec::FilePath::parse("big.bin").expect("a path");
    let attached = scene
        .consumer
        .attach(
            &Attachment::file(&file, path),
            &scene.reference("a/b:v1"),
            &scene.reference("a/b:v2"),
            &attach,
            &control,
        )
        .await
        .expect("attached");
    assert!(attached.transferred < 10_000, "{}", attached.transferred);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_leaves_nothing_in_the_store() {
    let scene = Scene::new().await;
    let file = scene.path("a.txt");
    std::fs::write(&file, "hi").expect("written");
    let mut options = UploadOptions::default();
    options.encoding = Some(Encoding::Tar);
    let report = scene
        .consumer
        .upload(
            &file,
            &scene.reference("a/b"),
            &options,
            &Control::default(),
        )
        .await
        .expect("uploaded");
    assert_eq!(
        (report.size % 512, report.outcome),
        (0, Outcome::Transferred)
    );
    assert!(scene.consumer.store().blobs().expect("blobs").is_empty());
    assert_eq!(
        scene.registry.blob_size(&report.digest).expect("readable"),
        Some(report.size)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_send_nothing() {
    let scene = Scene::new().await;
    let (options, control) = (UploadOptions::default(), Control::default());
    let file = scene.path("a.txt");
    std::fs::write(&file, "hi").expect("written");
    for (file, repository, says) in [
        (scene.path("none"), "a/b", "cannot read"),
        (scene.path(""), "a/b", "is no file"),
        (
            file,
            "a/b:v1",
            "cannot be the name of a repository: it has a tag or a digest",
        ),
    ] {
        let repository = scene.reference(repository);
        let error = scene
            .consumer
            .upload(&file, &repository, &options, &control)
            .await;
        let error: Error = error.expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(scene.registry.blobs().expect("blobs").is_empty());
}
