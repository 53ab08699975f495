//! Each mistake gives a clear error and leaves store and directory as they were.

use std::fs::File;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use modelpack::spec::{
    Descriptor, Digest, Document, Encoding, Kind, LayerType, Manifest, MediaType, Model,
};
use modelpack::{
    BuildOptions, Control, Error, Event, ExtractOptions, Progress, PullOptions, Store,
};

use crate::scene::{Scene, tree};

/// Builds a model that must fail, and checks that nothing got a name.
async fn fails(scene: &Scene, modelfile: &str, files: &[(&str, &[u8])]) -> Error {
    let model = scene.model("bad", modelfile, files);
    let error = scene.build(&model, "a/b:v1").await.expect_err(modelfile);
    assert!(scene.publisher.list().await.expect("a list").is_empty());
    assert!(scene.publisher.store().blobs().expect("a list").is_empty());
    error
}

/// MA12: Modelfile that cannot be built says where.
#[tokio::test(flavor = "multi_thread")]
async fn a_modelfile_that_cannot_be_built_says_where() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 2] = [("m.bin", b"m"), ("sub/x.bin", b"x")];
    let check =
        |error: Error, expected: &str| assert!(error.to_string().contains(expected), "{error}");
    check(
        fails(&scene, "MODEL m.bin\nMODLE x\n", &files).await,
        "line 2, column 1: unknown command `MODLE`",
    );
    check(
        fails(&scene, "MODEL *.gguf\n", &files).await,
        "line 1 of the Modelfile: `*.gguf` matches no file",
    );
    check(
        fails(&scene, "MODEL m.bin\nMODEL sub\n", &files).await,
        "line 2 of the Modelfile: `sub` is a directory",
    );
    check(
        fails(&scene, "MODEL ../secret\n", &files).await,
        "outside of the work directory",
    );
    check(
        fails(&scene, "NAME only\n", &files).await,
        "the Modelfile names no file",
    );
    let both: [(&str, &[u8]); 2] = [("M.bin", b"1"), ("m.bin", b"2")];
    check(
        fails(&scene, "MODEL *.bin\n", &both).await,
        "differ only in upper and lower case",
    );
    let missing = scene
        .build(&scene.path("nowhere"), "a/b:v1")
        .await
        .unwrap_err();
    assert!(missing.hint().is_some(), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_named() {
    let scene = Scene::new().await;
    let model = scene.model("m", "MODEL *.bin\n", &[("a.bin", b"a")]);
    // Not even the super-user can read the first page of a process.
    std::os::unix::fs::symlink("/proc/self/mem", model.join("m.bin")).unwrap();
    for encoding in [Encoding::Raw, Encoding::TarZstd] {
        let mut options = BuildOptions::default();
        options.encoding = Some(encoding);
        let (name, control) = (scene.reference("a/b:v1"), Control::default());
        let built = scene
            .publisher
            .build(&model, &name, &options, &control)
            .await;
        let error = built.unwrap_err();
        assert!(error.to_string().contains("m.bin"), "{error}");
        assert!(scene.publisher.store().blobs().unwrap().is_empty());
    }
}

/// Writes into a file as soon as the build has read some of it.
struct Writer {
    file: PathBuf,
    done: AtomicBool,
}

impl Progress for Writer {
    fn event(&self, event: Event<'_>) {
        let is_late = matches!(event, Event::Advanced { item, .. } if item.name == "w.bin");
        if is_late && !self.done.swap(true, Ordering::Relaxed) {
            let file = File::options().write(true).open(&self.file);
            file.expect("it is there")
                .write_all_at(b"other", 0)
                .expect("it is writable");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_read_is_refused_and_nothing_stays() {
    let scene = Scene::new().await;
    scene.published("kept/model:v1").await;
    let before = scene.publisher.store().blobs().unwrap();
    let weights = vec![7; 3 << 20];
    let files: [(&str, &[u8]); 2] = [("a.bin", b"a"), ("w.bin", &weights)];
    for encoding in [Encoding::Raw, Encoding::Tar] {
        let model = scene.model("m", "MODEL *.bin\n", &files);
        // So that a change can be seen by the time of the file, however coarse its clock is.
        let file = File::options().write(true).open(model.join("w.bin"));
        file.unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let control = Control::with_progress(Arc::new(Writer {
            file: model.join("w.bin"),
            done: AtomicBool::new(false),
        }));
        let mut options = BuildOptions::default();
        options.encoding = Some(encoding);
        let name = scene.reference("a/b:v1");
        let built = scene
            .publisher
            .build(&model, &name, &options, &control)
            .await;
        let error = built.expect_err("it has changed");
        assert!(
            matches!(&error, Error::FileChanged { path } if path.ends_with("w.bin")),
            "{error:?}"
        );
        assert!(error.hint().is_some());
        assert_eq!(scene.publisher.store().blobs().unwrap(), before);
        assert_eq!(scene.publisher.list().await.unwrap().len(), 1);
    }
}

/// Puts an artifact of one layer straight into the registry's store.
fn plant(
    store: &Store,
    name: &str,
    layer_type: MediaType,
    annotation: Option<&str>,
    content: &[u8],
) -> Digest {
    let lease = store.lease().expect("a lease");
    let stored = lease.put(content).expect("it is stored");
    let mut layer = Descriptor::new(layer_type, stored.digest, stored.size);
    if let Some(path) = annotation {
        layer
            .annotations
            .insert("org.cncf.model.filepath".to_owned(), path.to_owned());
        let metadata = r#"{"name":"x","mode":8389101,"uid":0,"gid":0,"size":1,"mtime":"2026-01-01T00:00:00Z","typeflag":0}"#;
        layer.annotations.insert(
            "org.cncf.model.file.metadata+json".to_owned(),
            metadata.to_owned(),
        );
    }
    let mut model = Model::default();
    model.modelfs.diff_ids = vec![stored.digest];
    let config = lease
        .put_document(&Document::write(model))
        .expect("it is stored");
    let manifest = lease
        .put_document(&Document::write(Manifest::model(config, vec![layer])))
        .expect("the registry's store works");
    store
        .tag(&name.parse().expect("a reference"), &manifest)
        .expect("it is named");
    stored.digest
}

/// X1, MA2: From the registry to the disk nothing gets through.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_outside_writes_nothing() {
    let raw: MediaType = LayerType::new(Kind::Weight, Encoding::Raw).into();
    for path in [
        "../escaped",
        "/etc/escaped",
        "a/../../escaped",
        "C:\\escaped",
        "..\\escaped",
        "a\u{0}b",
        "",
    ] {
        let scene = Scene::new().await;
        let reference = scene.reference("a/b:v1");
        plant(
            &scene.registry,
            &reference.to_string(),
            raw.clone(),
            Some(path),
            b"evil",
        );
        scene
            .consumer
            .pull(&reference, &PullOptions::default(), &Control::default())
            .await
            .unwrap();
        let out = scene.path("out");
        let options = ExtractOptions::default();
        let error = scene
            .consumer
            .extract(&reference, &out, &options, &Control::default())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Spec(_)), "{path:?}: {error}");
        assert!(!out.exists(), "{path:?}");
        assert!(!scene.path("escaped").exists(), "{path:?}");
    }
}

/// X14: Pickle, module and script go from a build to a resolved directory untouched.
#[tokio::test(flavor = "multi_thread")]
async fn x14_programs_in_a_model_are_carried_and_never_run() {
    let scene = Scene::new().await;
    let marker = scene.path("executed");
    let touch = format!("touch '{}'", marker.display());
    // Whoever loads this pickle runs a shell.
    let pickle = format!("cposix\nsystem\n(S\"{touch}\"\ntR.");
    let python = format!("import os\nos.system(\"{touch}\")\n");
    let files: [(&str, &[u8]); 4] = [
        (
            "config.json",
            br#"{"auto_map":{"AutoModel":"modeling.Evil"},"trust_remote_code":true}"#,
        ),
        ("modeling.py", python.as_bytes()),
        ("pytorch_model.bin", pickle.as_bytes()),
        ("setup.sh", touch.as_bytes()),
    ];
    let modelfile = "NAME evil\nCONFIG config.json\nMODEL *.bin\nCODE *.py\nCODE *.sh\n";
    let model = scene.model("evil", modelfile, &files);
    scene.build(&model, "a/b:v1").await.unwrap();
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    let options = modelpack::PushOptions::default();
    let pushed = scene.publisher.push(&reference, &options, &control).await;
    pushed.unwrap();
    let options = modelpack::ResolveOptions::default();
    let resolved = scene.consumer.resolve(&reference, &options, &control).await;
    let out = scene.path("out");
    let options = ExtractOptions::default();
    let extracted = scene
        .consumer
        .extract(&reference, &out, &options, &control)
        .await;
    extracted.unwrap();
    for directory in [&resolved.unwrap().directory, &out] {
        let expected = files.map(|(name, content)| (name.to_owned(), content.to_vec()));
        assert_eq!(tree(directory), expected);
    }
    assert!(!marker.exists());
}

/// X9, X12, MA3: From the registry to the disk nothing gets through.
#[tokio::test(flavor = "multi_thread")]
async fn set_id_bits_of_an_artifact_are_dropped() {
    let scene = Scene::new().await;
    let reference = scene.reference("a/b:v1");
    let raw: MediaType = LayerType::new(Kind::Code, Encoding::Raw).into();
    plant(
        &scene.registry,
        &reference.to_string(),
        raw,
        Some("x"),
        b"#!/bin/sh\n",
    );
    scene
        .consumer
        .pull(&reference, &PullOptions::default(), &Control::default())
        .await
        .unwrap();
    let out = scene.path("out");
    scene
        .consumer
        .extract(
            &reference,
            &out,
            &ExtractOptions::default(),
            &Control::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        out.join("x").metadata().unwrap().permissions().mode() & 0o7777,
        0o755
    );
}

/// MA4: Wrong bytes in the registry never arrive not even the second time.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_in_the_registry_never_arrive_not_even_the_second_time() {
    let scene = Scene::new().await;
    let reference = scene.reference("a/b:v1");
    let raw: MediaType = LayerType::new(Kind::Weight, Encoding::Raw).into();
    let digest = plant(
        &scene.registry,
        &reference.to_string(),
        raw,
        Some("m.bin"),
        &[1; 5000],
    );
    let blob = scene.registry.blob_path(&digest);
    std::fs::set_permissions(&blob, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&blob, [2; 5000]).unwrap();
    for _ in 0..2 {
        let error = scene
            .consumer
            .pull(&reference, &PullOptions::default(), &Control::default())
            .await
            .unwrap_err();
        assert!(error.is_integrity(), "{error:?}");
        assert!(scene.consumer.list().await.unwrap().is_empty());
        assert_eq!(scene.consumer.store().blob_size(&digest).unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_model_is_called_by_its_name() {
    let scene = Scene::new().await;
    let reference = scene.reference("a/image:v1");
    let lease = scene.registry.lease().unwrap();
    let stored = lease.put(b"{}").unwrap();
    let check = async |config: &str, layers: &[&str], what: &str, reader: &str| {
        let of = |text: &str| Descriptor::new(text.into(), stored.digest, stored.size);
        let layers = layers.iter().map(|layer| of(layer)).collect();
        let mut manifest = Manifest::model(of(config), layers);
        manifest.artifact_type = None;
        let manifest = lease.put_document(&Document::write(manifest)).unwrap();
        scene.registry.tag(&reference, &manifest).unwrap();
        let error = scene
            .consumer
            .pull(&reference, &PullOptions::default(), &Control::default())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{reference} is no ModelPack artifact but {what}")
        );
        let hint = error.hint().expect("a hint");
        assert!(hint.contains(reader), "{hint}");
    };
    let image = "application/vnd.oci.image.config.v1+json";
    check(
        image,
        &[],
        "a container image",
        "docker, podman or containerd reads it",
    )
    .await;
    let helm = "application/vnd.cncf.helm.config.v1+json";
    check(helm, &[], "a Helm chart", "helm reads it").await;
    let kit = "application/vnd.kitops.modelkit.config.v1+json";
    check(kit, &[], "a KitOps ModelKit", "kit reads it").await;
    // Its config is called that of an image.
    let docker = "application/vnd.docker.container.image.v1+json";
    let layers = [
        "application/vnd.ollama.image.license",
        "application/vnd.ollama.image.model",
    ];
    check(docker, &layers, "an Ollama model", "ollama reads it").await;
    let other = "application/vnd.example.thing";
    let what = format!("an artifact of type `{other}`");
    check(other, &[], &what, &format!("oras pull {reference}")).await;
    let unknown = scene.reference("a/image:v2");
    let error = scene
        .consumer
        .pull(&unknown, &PullOptions::default(), &Control::default())
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_names_of_the_specification_are_read() {
    let scene = Scene::new().await;
    let reference = scene.reference("a/old:v1");
    let lease = scene.registry.lease().unwrap();
    let stored = lease.put(b"weights").unwrap();
    let text = format!(
        r#"{{"descriptor":{{"name":"old"}},"modelfs":{{"type":"layers","diff_ids":["{}"]}},"config":{{"param_size":"8b"}}}}"#,
        stored.digest
    );
    let config = lease.put(text.as_bytes()).unwrap();
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.cnai.model.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.cnai.model.weight.v1.raw","digest":"{}","size":7,"annotations":{{"org.cnai.model.filepath":"m.bin"}}}}]}}"#,
        config.digest, config.size, stored.digest
    );
    let manifest = lease.put(manifest.as_bytes()).unwrap();
    scene
        .registry
        .tag(
            &reference,
            &Descriptor::new(MediaType::OciManifest, manifest.digest, manifest.size),
        )
        .unwrap();
    let out = scene.path("out");
    scene
        .consumer
        .pull(&reference, &PullOptions::default(), &Control::default())
        .await
        .unwrap();
    scene
        .consumer
        .extract(
            &reference,
            &out,
            &ExtractOptions::default(),
            &Control::default(),
        )
        .await
        .unwrap();
    assert_eq!(tree(&out), [("m.bin".to_owned(), b"weights".to_vec())]);
    assert_eq!(
        scene.consumer.inspect(&reference).await.unwrap().param_size,
        "8b"
    );
}

/// MC5: Cancelled operation says so and names nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_operation_says_so_and_names_nothing() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let reference = scene.reference("a/b:v1");
    let cancel = modelpack::CancelToken::default();
    cancel.cancel();
    let control = Control::default().cancelled_by(cancel);
    let pulled = scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await;
    assert!(pulled.is_err_and(|error| error.is_cancelled()));
    let extracted = scene
        .publisher
        .extract(
            &reference,
            &scene.path("out"),
            &ExtractOptions::default(),
            &control,
        )
        .await;
    assert!(extracted.is_err_and(|error| error.is_cancelled()));
    assert!(!scene.path("out").exists());
    let model = scene.model("m", "MODEL m.bin\n", &[("m.bin", b"m")]);
    let options = BuildOptions::default();
    let built = scene
        .publisher
        .build(&model, &scene.reference("a/b:v2"), &options, &control)
        .await;
    assert!(built.is_err_and(|error| error.is_cancelled()));
    assert_eq!(scene.publisher.list().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_does_not_fit_is_refused_before_a_layer_is_fetched() {
    let scene = Scene::new().await;
    let lease = scene.registry.lease().unwrap();
    let weights = lease.put(b"weights").unwrap();
    let check = async |name: &str, config: &str, says: &str| {
        let reference = scene.reference(name);
        let stored = lease.put(config.as_bytes()).unwrap();
        let config = Descriptor::new(
            MediaType::ModelConfig(Default::default()),
            stored.digest,
            stored.size,
        );
        let layer = Descriptor::new(
            LayerType::new(Kind::Weight, Encoding::Raw).into(),
            weights.digest,
            weights.size,
        );
        let manifest = lease
            .put_document(&Document::write(Manifest::model(config, vec![layer])))
            .unwrap();
        scene.registry.tag(&reference, &manifest).unwrap();
        let pulled = scene
            .consumer
            .pull(&reference, &PullOptions::default(), &Control::default())
            .await;
        let error = pulled.expect_err(name);
        assert!(error.to_string().contains(says), "{error}");
        assert!(scene.consumer.store().blobs().unwrap().is_empty(), "{name}");
    };
    let whole = |diff_ids: &str| {
        format!(
            r#"{{"descriptor":{{}},"modelfs":{{"type":"layers","diffIds":[{diff_ids}]}},"config":{{}}}}"#
        )
    };
    check(
        "a/none:v1",
        &whole(""),
        "/modelfs/diffIds has 0 entries for 1 layers",
    )
    .await;
    check(
        "a/odd:v1",
        &whole(r#""blake3:00""#),
        "which is not supported (sha256 and sha512 are)",
    )
    .await;
    check(
        "a/twice:v1",
        r#"{"descriptor":{},"descriptor":{},"modelfs":{},"config":{}}"#,
        "stands twice",
    )
    .await;
    check("a/html:v1", "<html>", "invalid model config").await;
}
