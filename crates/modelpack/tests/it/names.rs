//! Tags, digests, removal and prune.

use modelpack::{Control, PullOptions, PushOptions};

use crate::scene::Scene;

/// MA9: Digests pin and a wrong pin fails.
#[tokio::test(flavor = "multi_thread")]
async fn digests_pin_and_a_wrong_pin_fails() {
    let scene = Scene::new().await;
    let built = scene.published("a/b:v1").await;
    let control = Control::default();
    for rest in [
        format!("a/b@{}", built.digest),
        format!("a/b:v1@{}", built.digest),
    ] {
        let pinned = scene.reference(&rest);
        scene
            .consumer
            .pull(&pinned, &PullOptions::default(), &control)
            .await
            .unwrap();
        assert_eq!(
            scene.consumer.inspect(&pinned).await.unwrap().digest,
            built.digest
        );
    }
    let wrong = scene.reference(&format!("a/b:v1@sha256:{}", "1".repeat(64)));
    let error = scene
        .consumer
        .pull(&wrong, &PullOptions::default(), &control)
        .await
        .unwrap_err();
    assert!(error.is_not_found() || error.is_integrity(), "{error:?}");
}

/// MA7: Tag moves on push and back again.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_moves_on_push_and_back_again() {
    let scene = Scene::new().await;
    let control = Control::default();
    let latest = scene.reference("a/b:latest");
    let mut digests = Vec::new();
    for (index, content) in [b"one", b"two", b"one"].iter().enumerate() {
        let model = scene.model(
            &format!("m{index}"),
            "MODEL m.bin\n",
            &[("m.bin", *content)],
        );
        digests.push(scene.build(&model, "a/b:latest").await.unwrap().digest);
        scene
            .publisher
            .push(&latest, &PushOptions::default(), &control)
            .await
            .unwrap();
        let remote = scene
            .consumer
            .inspect_remote(&latest, &control)
            .await
            .unwrap();
        assert_eq!(remote.digest, digests[index]);
    }
    assert_eq!(digests[0], digests[2]);
    let tags = scene.consumer.list_remote(&latest, &control).await.unwrap();
    assert_eq!(tags.tags, ["latest"]);
}

/// MA6: What is removed is listed again after a pull.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_is_listed_again_after_a_pull() {
    let scene = Scene::new().await;
    let built = scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let control = Control::default();
    assert!(scene.consumer.list().await.unwrap().is_empty());
    assert!(
        scene
            .consumer
            .prune(false, None)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await
        .unwrap();
    scene.consumer.remove(&reference).await.unwrap();
    assert!(scene.consumer.list().await.unwrap().is_empty());
    scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await
        .unwrap();
    let listed = scene.consumer.list().await.unwrap();
    assert_eq!(
        (listed[0].reference.clone(), listed[0].digest),
        (reference.clone(), built.digest)
    );

    scene
        .consumer
        .tag(&reference, &scene.reference("c/d:v2"))
        .await
        .unwrap();
    scene
        .consumer
        .remove(&scene.reference(&format!("a/b@{}", built.digest)))
        .await
        .unwrap();
    assert!(
        scene
            .consumer
            .prune(false, None)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    scene
        .consumer
        .remove(&scene.reference("c/d:v2"))
        .await
        .unwrap();
    let planned = scene.consumer.prune(true, None).await.unwrap();
    let pruned = scene.consumer.prune(false, None).await.unwrap();
    assert_eq!(pruned.items.len(), 5);
    assert_eq!(planned.freed, pruned.freed);
    assert!(scene.consumer.store().blobs().unwrap().is_empty());
}
