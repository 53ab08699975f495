//! Building straight into a registry.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use modelpack::registry::PlainHttp;
use modelpack::spec::{Encoding, Kind};
use modelpack::{
    BuildOptions, BuildReport, Client, Control, Error, Event, Outcome, Place, Progress,
    ResolveOptions, Store, Toolkit,
};
use modelpack_testkit::faulty::{Behaviour, Class, Fault, FaultyRegistry, Rule, When};

use crate::scene::Scene;

async fn build(scene: &Scene, model: &Path, options: &BuildOptions) -> BuildReport {
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .publisher
        .build_remote(model, &reference, options, &control)
        .await
        .expect("it is built")
}

async fn served(scene: &Scene, name: &str) -> (String, Vec<u8>) {
    let mut options = ResolveOptions::default();
    options.fetch = modelpack::Fetch::Always;
    let resolved = scene
        .consumer
        .resolve(&scene.reference("a/b:v1"), &options, &Control::default())
        .await
        .expect("it is there");
    let content = std::fs::read(resolved.directory.join(name)).expect("a file");
    (resolved.digest.to_string(), content)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_gets_what_a_build_and_a_push_would_give_it_and_the_store_nothing() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 4] = [
        ("model.bin", &[7; 300_000]),
        ("a.py", b"a"),
        ("b.py", b"b"),
        ("empty.bin", b""),
    ];
    let model = scene.model("m", "MODEL *.bin\nCODE *.py\n", &files);
    let mut options = BuildOptions::default();
    options.pack.insert(Kind::Code, Encoding::TarZstd);
    let control = Control::default();
    let reference = scene.reference("a/b:v1");
    let planned = scene
        .publisher
        .plan_build(&model, &reference, &options, Place::Registry, &control)
        .await
        .unwrap();
    assert_eq!(planned.missing, planned.size);
    let built = build(&scene, &model, &options).await;
    assert_eq!((built.transferred, built.unchanged), (planned.size, false));
    assert!(scene.publisher.store().blobs().unwrap().is_empty());
    assert!(scene.publisher.list().await.unwrap().is_empty());
    let (digest, content) = served(&scene, "b.py").await;
    assert_eq!((digest, content), (built.digest.to_string(), b"b".to_vec()));
    let planned = scene
        .publisher
        .plan_build(&model, &reference, &options, Place::Registry, &control)
        .await
        .unwrap();
    assert_eq!(planned.missing, 0);
    let again = build(&scene, &model, &options).await;
    assert_eq!((again.digest, again.transferred), (built.digest, 0));
    assert!(
        again
            .layers
            .iter()
            .all(|layer| layer.outcome == Outcome::Exists)
    );
    let local = scene
        .publisher
        .build(&model, &reference, &options, &control)
        .await
        .unwrap();
    assert_eq!(local.digest, built.digest);
    let push = scene
        .publisher
        .plan_push(&reference, &control)
        .await
        .unwrap();
    assert_eq!((push.missing, push.current), (0, Some(built.digest)));
}

/// MA4, MA7: What is published is what the file holds, and the tag moves,
/// also back.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_kept_size_and_time_is_published_anew_and_the_tag_moves() {
    let scene = Scene::new().await;
    let model = scene.model("m", "MODEL m.bin\n", &[("m.bin", b"one")]);
    let path = model.join("m.bin");
    let write = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    };
    let mut digests = Vec::new();
    for content in [b"one", b"two", b"one"] {
        write(content);
        let built = build(&scene, &model, &BuildOptions::default()).await;
        let (digest, served) = served(&scene, "m.bin").await;
        assert_eq!(
            (&digest, served.as_slice()),
            (&built.digest.to_string(), &content[..])
        );
        digests.push(digest);
    }
    assert!(digests[0] == digests[2] && digests[0] != digests[1]);
}

/// What a test sees, and does, when something happens.
struct Watch<F>(Mutex<F>);

impl<F: FnMut(Event<'_>) + Send> Progress for Watch<F> {
    fn event(&self, event: Event<'_>) {
        (self.0.lock().expect("no test panicked"))(event);
    }
}

fn watched(watch: impl FnMut(Event<'_>) + Send + 'static) -> Control {
    Control::with_progress(Arc::new(Watch(Mutex::new(watch))))
}

struct Faulty {
    scratch: tempfile::TempDir,
    registry: FaultyRegistry,
    toolkit: Toolkit,
}

fn faulty() -> Faulty {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let model = scratch.path().join("model");
    std::fs::create_dir(&model).expect("a directory");
    std::fs::write(model.join("w.bin"), vec![7; 5 << 20]).expect("a file");
    std::fs::write(model.join("a.py"), b"a").expect("a file");
    std::fs::write(model.join("Modelfile"), "MODEL w.bin\nCODE a.py\n").expect("a file");
    let client = Client::builder()
        .plain_http(PlainHttp::Loopback)
        .build()
        .expect("a client");
    let store = Store::create(scratch.path().join("store")).expect("a store");
    Faulty {
        registry: FaultyRegistry::builder()
            .behaviour(Behaviour::default())
            .start(),
        toolkit: Toolkit::new(store, client),
        scratch,
    }
}

impl Faulty {
    async fn build(&self, options: &BuildOptions, control: &Control) -> Result<BuildReport, Error> {
        let reference = format!("{}/a/b:v1", self.registry.host());
        let reference = reference.parse().expect("a reference");
        let model = self.scratch.path().join("model");
        self.toolkit
            .build_remote(&model, &reference, options, control)
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_between_hash_and_upload_ends_the_build() {
    for encoding in [Encoding::Raw, Encoding::Tar] {
        let faulty = faulty();
        let path = faulty.scratch.path().join("model/w.bin");
        let changed = path.clone();
        let control = watched(move |event| {
            if let Event::Finished {
                item,
                outcome: Outcome::Hashed,
            } = event
                && item.name == "w.bin"
            {
                let file = File::options()
                    .write(true)
                    .open(&path)
                    .expect("it is there");
                file.write_all_at(b"other", 4 << 20)
                    .expect("it is writable");
            }
        });
        let mut options = BuildOptions::default();
        options.encoding = Some(encoding);
        let error = faulty.build(&options, &control).await.unwrap_err();
        let is_named = |path: &Path| path.ends_with("w.bin");
        assert!(
            matches!(&error, Error::FileChanged { path } if is_named(path)),
            "{error:?}"
        );
        assert!(changed.exists());
        assert_eq!(faulty.registry.open_uploads(), 0);
        assert_eq!(faulty.registry.contents().tagged("a/b", "v1"), None);
        // What it holds now can be built.
        let built = faulty.build(&options, &Control::default()).await.unwrap();
        assert_eq!(built.layers.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_push_hears_it_before_a_file_is_read() {
    let faulty = faulty();
    let denied = Fault::Status {
        status: 403,
        body: Default::default(),
        retry_after: None,
        timing: Default::default(),
    };
    let post = When::new("POST", Class::Upload);
    faulty.registry.add_rule(Rule::new(post, denied));
    let control = watched(|event| panic!("{event:?}"));
    let options = BuildOptions::default();
    let error = faulty.build(&options, &control).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
}
