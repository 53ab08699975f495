//! Pushing an artifact: in the right order, by the shortest way, and leaving nothing behind when it fails.

use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use modelpack::registry::PlainHttp;
use modelpack::{
    BuildOptions, BuildReport, CancelToken, Client, Control, Outcome, PullOptions, PushOptions,
    Reference, Store, Toolkit,
};
use modelpack_testkit::faulty::{Behaviour, Class, Fault, FaultyRegistry, Mount, Rule, When};
use tempfile::TempDir;

struct Scene {
    scratch: TempDir,
    registry: FaultyRegistry,
    toolkit: Toolkit,
}

impl Scene {
    fn new(behaviour: Behaviour) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let registry = FaultyRegistry::builder().behaviour(behaviour).start();
        let toolkit = toolkit(&scratch, "store");
        Self {
            scratch,
            registry,
            toolkit,
        }
    }

    fn reference(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.registry.host())
            .parse()
            .expect("a reference")
    }

    async fn build(&self, rest: &str) -> BuildReport {
        let model = self.scratch.path().join("model");
        std::fs::create_dir_all(&model).expect("a directory");
        for (name, content) in [
            ("config.json", &b"{}"[..]),
            ("model.bin", &[7; 300_000]),
            ("README.md", b"# hi"),
            // The same bytes once more.
            ("copy.bin", &[7; 300_000]),
        ] {
            std::fs::write(model.join(name), content).expect("a file");
        }
        let modelfile = "NAME toy\nCONFIG config.json\nMODEL *.bin\nDOC README.md\n";
        std::fs::write(model.join("Modelfile"), modelfile).expect("a file");
        let reference = self.reference(rest);
        let options = BuildOptions::default();
        let control = Control::default();
        let built = self.toolkit.build(&model, &reference, &options, &control);
        built.await.expect("it builds")
    }

    async fn push(&self, rest: &str) -> Result<modelpack::PushReport, modelpack::Error> {
        let options = PushOptions::default();
        self.toolkit
            .push(&self.reference(rest), &options, &Control::default())
            .await
    }
}

fn toolkit(scratch: &TempDir, name: &str) -> Toolkit {
    let client = Client::builder()
        .plain_http(PlainHttp::Loopback)
        .build()
        .expect("a client");
    let store = Store::create(scratch.path().join(name)).expect("a store");
    Toolkit::new(store, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_then_config_then_manifest_and_each_blob_once() {
    let scene = Scene::new(Behaviour::default());
    let built = scene.build("a/b:v1").await;
    let pushed = scene.push("a/b:v1").await.unwrap();
    assert_eq!(pushed.digest, built.digest);
    assert_eq!(pushed.blobs.len(), 4, "three layers and the config");
    let requests = scene.registry.requests();
    let questions = requests.iter().filter(|it| it.method == "HEAD").count();
    assert_eq!(questions, 4);
    let ends: Vec<&str> = requests
        .iter()
        .filter(|it| it.method == "PUT")
        .map(|it| it.target.as_str())
        .collect();
    let config = pushed.blobs.last().unwrap();
    assert_eq!((config.name.as_str(), ends.len()), ("config", 5));
    assert!(ends[3].contains(&config.digest.hex()), "{ends:?}");
    assert!(ends[4].ends_with("/manifests/v1"), "{ends:?}");
}

/// MD5: What was pulled from another repository is mounted from there.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_pulled_from_another_repository_is_mounted_from_there() {
    // Without `from` this registry mounts nothing.
    let scene = Scene::new(Behaviour {
        mount: Mount::From,
        ..Behaviour::default()
    });
    scene.build("a/b:v1").await;
    scene.push("a/b:v1").await.unwrap();
    let other = toolkit(&scene.scratch, "other");
    let (from, to) = (scene.reference("a/b:v1"), scene.reference("c/d:v1"));
    let control = Control::default();
    other
        .pull(&from, &PullOptions::default(), &control)
        .await
        .unwrap();
    other.tag(&from, &to).await.unwrap();
    let pushed = other
        .push(&to, &PushOptions::default(), &control)
        .await
        .unwrap();
    let layers = &pushed.blobs[..3];
    assert!(
        layers.iter().all(|blob| blob.outcome == Outcome::Mounted),
        "{layers:?}"
    );
    // What was never known anywhere is sent.
    let scene = Scene::new(Behaviour {
        mount: Mount::From,
        ..Behaviour::default()
    });
    scene.build("a/b:v1").await;
    let pushed = scene.push("a/b:v1").await.unwrap();
    assert!(
        pushed
            .blobs
            .iter()
            .all(|blob| blob.outcome == Outcome::Transferred)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_cancelled_leaves_no_upload_open() {
    let scene = Scene::new(Behaviour::default());
    scene.build("a/b:v1").await;
    let put = When::new("PUT", Class::Session);
    scene
        .registry
        .add_rule(Rule::new(put.clone(), Fault::Delay { millis: None }));
    let cancel = CancelToken::default();
    let control = Control::default().cancelled_by(cancel.clone());
    let (toolkit, reference) = (scene.toolkit.clone(), scene.reference("a/b:v1"));
    let push = tokio::spawn(async move {
        toolkit
            .push(&reference, &PushOptions::default(), &control)
            .await
    });
    let registry = Arc::new(scene.registry);
    let watched = Arc::clone(&registry);
    let has_begun =
        tokio::task::spawn_blocking(move || watched.wait_for(&put, 3, Duration::from_secs(60)));
    assert!(has_begun.await.unwrap(), "three layers are being sent");
    cancel.cancel();
    let error = push.await.unwrap().unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert_eq!(registry.count(&When::new("DELETE", Class::Session)), 3);
    assert_eq!(registry.open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_fails_ends_its_uploads_and_tags_nothing() {
    let mut scene = Scene::new(Behaviour::default());
    // One after the other: of an upload whose opening is not answered yet nobody knows the name to end it.
    scene.toolkit = scene.toolkit.with_concurrency(NonZeroUsize::MIN);
    scene.build("a/b:v1").await;
    let denied = Fault::Status {
        status: 403,
        body: Default::default(),
        retry_after: None,
        timing: Default::default(),
    };
    let put = When::new("PUT", Class::Session);
    scene
        .registry
        .add_rule(Rule::new(put, denied).skip(1).once());
    let error = scene.push("a/b:v1").await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(scene.registry.open_uploads(), 0);
    assert_eq!(scene.registry.contents().tagged("a/b", "v1"), None);
    // The next push goes on with what is missing.
    scene.push("a/b:v1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_damaged_here_is_never_published() {
    let mut scene = Scene::new(Behaviour::default());
    scene.toolkit = scene.toolkit.with_concurrency(NonZeroUsize::MIN);
    let built = scene.build("a/b:v1").await;
    let weights = built.layers.iter().find(|it| it.size == 300_000).unwrap();
    let path = scene.toolkit.store().blob_path(&weights.digest);
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&path, vec![8; 300_000]).unwrap();
    let error = scene.push("a/b:v1").await.unwrap_err();
    assert!(error.is_integrity(), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("modelpack verify"), "{hint}");
    let contents = scene.registry.contents();
    assert!(!contents.has_blob("a/b", &weights.digest.to_string()));
    assert_eq!(contents.tagged("a/b", "v1"), None);
    assert_eq!(scene.registry.open_uploads(), 0);
}
