//! One file or config more or other, and nothing else; the letters are those of defect 7.A.11.

use std::path::{Path, PathBuf};

use modelpack::spec::{Document, Encoding, FilePath, Manifest, Model};
use modelpack::{
    AttachOptions, AttachReport, Attachment, BuildOptions, Change, Control, Error, InspectReport,
    Place, Toolkit, path_in_artifact,
};

use crate::scene::{Scene, tree};

fn replacing() -> AttachOptions {
    let mut options = AttachOptions::default();
    options.replace = true;
    options
}

fn file(scene: &Scene, path: &str, content: &[u8]) -> Attachment {
    let location = scene.path("attached");
    std::fs::write(&location, content).expect("written");
    Attachment::file(location, FilePath::parse(path).expect("a path"))
}

fn config(scene: &Scene, content: &str) -> Attachment {
    let location = scene.path("new-config.json");
    std::fs::write(&location, content).expect("written");
    Attachment::config(location)
}

async fn attach(
    scene: &Scene,
    what: &Attachment,
    target: &str,
    options: AttachOptions,
) -> Result<AttachReport, Error> {
    let (source, target) = (scene.reference("a/b:v1"), scene.reference(target));
    scene
        .publisher
        .attach(what, &source, &target, &options, &Control::default())
        .await
}

async fn inspect(scene: &Scene, rest: &str) -> InspectReport {
    let found = scene.publisher.inspect(&scene.reference(rest)).await;
    found.expect("it is there")
}

fn paths(found: &InspectReport) -> Vec<&str> {
    found
        .layers
        .iter()
        .map(|layer| layer.filepath.as_str())
        .collect()
}

/// An artifact with the same content twice.
async fn twice(scene: &Scene) {
    let files: [(&str, &[u8]); 4] = [
        ("z.py", b"z"),
        ("__init__.py", b""),
        ("sub/__init__.py", b""),
        ("model.bin", b"weights"),
    ];
    let model = scene.model("m", "MODEL *.bin\nCODE **/*.py\n", &files);
    scene.build(&model, "a/b:v1").await.expect("it builds");
}

/// Gives `a/b:v1` other documents, as other tools write them.
async fn rewrite(scene: &Scene, edit: impl FnOnce(&mut Manifest), config: Option<&str>) {
    let found = inspect(scene, "a/b:v1").await;
    let store = scene.publisher.store();
    let lease = store.lease().expect("a lease");
    let mut manifest = found.manifest.value().clone();
    if let Some(config) = config {
        let stored = lease.put(config.as_bytes()).expect("stored");
        manifest.config.digest = stored.digest;
        manifest.config.size = stored.size;
    }
    edit(&mut manifest);
    let descriptor = lease
        .put_document(&Document::write(manifest))
        .expect("stored");
    store
        .tag(&scene.reference("a/b:v1"), &descriptor)
        .expect("named");
}

/// MA11: The file of this path is replaced and no other with its content.
#[tokio::test(flavor = "multi_thread")]
async fn a_the_file_of_this_path_is_replaced_and_no_other_with_its_content() {
    let scene = Scene::new().await;
    twice(&scene).await;
    let what = file(&scene, "sub/__init__.py", b"import os");
    let error = attach(&scene, &what, "a/b:v2", AttachOptions::default()).await;
    let error = error.expect_err("it is there");
    assert!(matches!(&error, Error::FileExists { path, .. } if path.as_str() == "sub/__init__.py"));
    assert_eq!(error.hint().as_deref(), Some("`--force` replaces it"));
    let report = attach(&scene, &what, "a/b:v2", replacing())
        .await
        .expect("attached");
    assert_eq!(report.change, Change::Replaced);
    let (before, after) = (
        inspect(&scene, "a/b:v1").await,
        inspect(&scene, "a/b:v2").await,
    );
    assert_eq!(paths(&after), paths(&before));
    for (old, new) in before.layers.iter().zip(&after.layers) {
        assert_eq!(old.digest == new.digest, old.filepath != "sub/__init__.py");
    }
    let out = scene.path("out");
    scene
        .publisher
        .extract(
            &scene.reference("a/b:v2"),
            &out,
            &modelpack::ExtractOptions::default(),
            &Control::default(),
        )
        .await
        .expect("extracted");
    let expected: [(&str, &[u8]); 4] = [
        ("__init__.py", b""),
        ("model.bin", b"weights"),
        ("sub/__init__.py", b"import os"),
        ("z.py", b"z"),
    ];
    let expected = expected.map(|(name, content)| (name.to_owned(), content.to_vec()));
    assert_eq!(tree(&out), expected);
}

/// MA11: A path with a dot is the same path.
#[tokio::test(flavor = "multi_thread")]
async fn b_a_path_with_a_dot_is_the_same_path() {
    let scene = Scene::new().await;
    twice(&scene).await;
    let location = scene.path("new.txt");
    std::fs::write(&location, "new").expect("written");
    let path =
        path_in_artifact(Path::new("./new.txt"), None, Path::new("/models")).expect("a path");
    let what = Attachment::file(&location, path);
    attach(&scene, &what, "a/b:v1", AttachOptions::default())
        .await
        .expect("attached");
    // As another tool has written it.
    rewrite(
        &scene,
        |manifest| {
            let annotations = &mut manifest.layers[4].annotations;
            annotations.insert("org.cncf.model.filepath".to_owned(), "./new.txt".to_owned());
        },
        None,
    )
    .await;
    std::fs::write(&location, "newer").expect("written");
    attach(&scene, &what, "a/b:v2", AttachOptions::default())
        .await
        .expect_err("it is there");
    attach(&scene, &what, "a/b:v2", replacing())
        .await
        .expect("attached");
    let found = inspect(&scene, "a/b:v2").await;
    assert_eq!(
        paths(&found),
        [
            "model.bin",
            "__init__.py",
            "sub/__init__.py",
            "z.py",
            "new.txt"
        ]
    );
}

/// MA11: The order of the layers stays.
#[tokio::test(flavor = "multi_thread")]
async fn c_the_order_of_the_layers_stays() {
    let scene = Scene::new().await;
    twice(&scene).await;
    rewrite(&scene, |manifest| manifest.layers.swap(0, 3), None).await;
    // The config has to follow.
    let found = inspect(&scene, "a/b:v1").await;
    let ids: Vec<_> = found.layers.iter().map(|layer| layer.digest).collect();
    let text = found.config.with_diff_ids(&ids).expect("a config");
    let text = String::from_utf8(text.bytes().to_vec()).expect("text");
    rewrite(&scene, |_| {}, Some(&text)).await;
    let before = inspect(&scene, "a/b:v1").await;
    let what = file(&scene, "a.md", b"# a");
    let report = attach(&scene, &what, "a/b:v2", AttachOptions::default());
    assert_eq!(report.await.expect("attached").change, Change::Added);
    let after = inspect(&scene, "a/b:v2").await;
    let layers = &after.manifest.value().layers;
    assert_eq!(layers[..4], before.manifest.value().layers);
    assert_eq!(paths(&after)[4], "a.md");
    assert_eq!(
        layers[4].media_type.to_string(),
        "application/vnd.cncf.model.doc.v1.raw"
    );
    let ids: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
    assert_eq!(after.config.value().modelfs.diff_ids, ids);
    assert_eq!(
        after.manifest.value().annotations,
        before.manifest.value().annotations
    );
}

/// MA11: A file that is there already still gives the new name.
#[tokio::test(flavor = "multi_thread")]
async fn d_a_file_that_is_there_already_still_gives_the_new_name() {
    let scene = Scene::new().await;
    twice(&scene).await;
    for options in [AttachOptions::default(), replacing()] {
        let what = file(&scene, "z.py", b"z");
        let report = attach(&scene, &what, "a/b:v2", options)
            .await
            .expect("attached");
        assert_eq!(report.change, Change::Unchanged);
        assert_eq!(report.digest, inspect(&scene, "a/b:v2").await.digest);
        assert_eq!(report.digest, inspect(&scene, "a/b:v1").await.digest);
        scene
            .publisher
            .remove(&scene.reference("a/b:v2"))
            .await
            .expect("removed");
    }
}

/// MA11: The target can be another repository.
#[tokio::test(flavor = "multi_thread")]
async fn e_the_target_can_be_another_repository() {
    let scene = Scene::new().await;
    scene.published("a/b:v1").await;
    let what = file(&scene, "new.md", b"# new");
    attach(&scene, &what, "c/d:v1", AttachOptions::default())
        .await
        .expect("attached here");
    let mut remote = AttachOptions::default();
    remote.place = Place::Registry;
    let (source, target) = (scene.reference("a/b:v1"), scene.reference("e/f:v1"));
    let control = Control::default();
    let report = scene
        .consumer
        .attach(&what, &source, &target, &remote, &control)
        .await
        .expect("attached there");
    // The file and the config; nothing of the 300 000 bytes that the registry has.
    assert!(report.transferred < 10_000, "{}", report.transferred);
    assert!(scene.consumer.list().await.expect("a list").is_empty());
    assert!(scene.consumer.store().blobs().expect("blobs").is_empty());
    // Both ways make the same artifact, and it can be pulled.
    assert_eq!(report.digest, inspect(&scene, "c/d:v1").await.digest);
    let out = scene.path("out");
    scene
        .consumer
        .pull_into(&target, &out, &modelpack::PullOptions::default(), &control)
        .await
        .expect("pulled");
    let names: Vec<_> = tree(&out).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["config.json", "docs/README.md", "model.bin", "new.md"]
    );
    // What was there is as it was.
    let untouched = scene
        .consumer
        .inspect_remote(&source, &control)
        .await
        .expect("there");
    assert_eq!(untouched.layers.len(), 3);

    let elsewhere = "other.example/a/b:v1".parse().expect("a reference");
    let error = scene
        .consumer
        .attach(&what, &source, &elsewhere, &remote, &control)
        .await;
    let error = error.expect_err("another host");
    assert!(error.to_string().contains("is on another host"), "{error}");
}

/// MA11, MB2: Every other byte of the config stays.
#[tokio::test(flavor = "multi_thread")]
async fn f_every_other_byte_of_the_config_stays() {
    let scene = Scene::new().await;
    twice(&scene).await;
    let found = inspect(&scene, "a/b:v1").await;
    let ids: Vec<String> = found
        .layers
        .iter()
        .map(|layer| format!("\"{}\"", layer.digest))
        .collect();
    let text = |ids: &[String]| {
        format!(
            r#"{{
  "x-first": [1.50, 12345678901234567890123],
  "config": {{"paramSize": "8b", "capabilities": {{"toolUsage": true, "languages": ["en"], "sings": "well"}}}},
  "modelfs": {{"diff_ids": [{}], "type": "layers"}},
  "descriptor": {{"title": "T\u0065", "vendor": "V", "authors": ["A"], "licenses": ["MIT"], "version": "1",
    "description": "D", "docURL": "https://d.example", "datasetsURL": ["https://s.example"], "mood": null}}
}}
"#,
            ids.join(",")
        )
    };
    rewrite(&scene, |_| {}, Some(&text(&ids))).await;
    let what = file(&scene, "new.md", b"# new");
    let report = attach(&scene, &what, "a/b:v2", AttachOptions::default())
        .await
        .expect("attached");
    let after = inspect(&scene, "a/b:v2").await;
    let expected = text(&[&ids[..], &[format!("\"{}\"", report.content)]].concat());
    assert_eq!(String::from_utf8_lossy(after.config.bytes()), expected);
}

/// MA11: A config is judged before it is taken.
#[tokio::test(flavor = "multi_thread")]
async fn g_a_config_is_judged_before_it_is_taken() {
    let scene = Scene::new().await;
    twice(&scene).await;
    let before = inspect(&scene, "a/b:v1").await;
    let blobs = scene.publisher.store().blobs().expect("blobs");
    let good = String::from_utf8(before.config.bytes().to_vec()).expect("text");
    let first = before.layers[0].digest.to_string();
    let other = modelpack::Digest::sha256(b"other").to_string();
    for (content, says) in [
        ("hello".to_owned(), "breaks the specification"),
        ("{}".to_owned(), "breaks the specification"),
        (
            r#"{"descriptor":{},"config":{}}"#.to_owned(),
            "breaks the specification",
        ),
        (
            r#"{"descriptor":{},"config":{},"modelfs":{"type":"layers","diffIds":[]}}"#.to_owned(),
            "diffIds",
        ),
        (
            good.replace(r#""type":"layers""#, r#""type":"files""#),
            "breaks the specification",
        ),
        (
            good.replace(&first, &other),
            "/modelfs/diffIds/0 of the new config is",
        ),
        (
            good.replace(&format!("\"{first}\","), ""),
            "has 3 entries, but",
        ),
    ] {
        let what = config(&scene, &content);
        let error = attach(&scene, &what, "a/b:v2", AttachOptions::default()).await;
        let error = error.expect_err(&content);
        assert!(error.to_string().contains(says), "{content}: {error}");
        assert_eq!(scene.publisher.store().blobs().expect("blobs"), blobs);
    }
    // White space and all.
    let content = good.replace(r#""descriptor":{"#, "\"descriptor\": {\n\"vendor\":\"V\",");
    let content = content.replace(",}", "}");
    let what = config(&scene, &content);
    let report = attach(&scene, &what, "a/b:v2", AttachOptions::default())
        .await
        .expect("attached");
    assert_eq!(report.change, Change::Config);
    let after = inspect(&scene, "a/b:v2").await;
    assert_eq!(String::from_utf8_lossy(after.config.bytes()), content);
    assert_eq!(
        after.manifest.value().layers,
        before.manifest.value().layers
    );
    let read = Document::<Model>::parse(after.config.bytes().clone()).expect("a config");
    assert_eq!(read.value().descriptor.vendor.as_deref(), Some("V"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_tool_wrote_twice_is_there_once_afterwards() {
    let scene = Scene::new().await;
    twice(&scene).await;
    let found = inspect(&scene, "a/b:v1").await;
    let ids: Vec<_> = found.layers.iter().map(|layer| layer.digest).collect();
    let again = found
        .config
        .with_diff_ids(&[&ids[..], &ids[3..]].concat())
        .expect("a config");
    let again = String::from_utf8(again.bytes().to_vec()).expect("text");
    rewrite(
        &scene,
        |manifest| {
            let layer = manifest.layers[3].clone();
            manifest.layers.push(layer);
        },
        Some(&again),
    )
    .await;
    let what = file(&scene, "z.py", b"z");
    attach(&scene, &what, "a/b:v2", replacing())
        .await
        .expect("attached");
    let after = inspect(&scene, "a/b:v2").await;
    assert_eq!(paths(&after), paths(&found));
    assert_eq!(after.config.value().modelfs.diff_ids, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_layer_keeps_its_kind_encoding_family_and_annotations() {
    let scene = Scene::new().await;
    let model = scene.model("m", "MODEL notes.md\n", &[("notes.md", b"weights")]);
    let mut options = BuildOptions::default();
    options.encoding = Some(Encoding::Tar);
    options.legacy_types = true;
    scene
        .publisher
        .build(
            &model,
            &scene.reference("a/b:v1"),
            &options,
            &Control::default(),
        )
        .await
        .expect("it builds");
    rewrite(
        &scene,
        |manifest| {
            manifest.layers[0]
                .annotations
                .insert("com.example.mine".to_owned(), "1".to_owned());
        },
        None,
    )
    .await;
    attach(
        &scene,
        &file(&scene, "notes.md", b"other"),
        "a/b:v2",
        replacing(),
    )
    .await
    .expect("attached");
    attach(&scene, &file(&scene, "x.md", b"# x"), "a/b:v3", replacing())
        .await
        .expect("attached");
    let found = inspect(&scene, "a/b:v2").await;
    let layer = &found.manifest.value().layers[0];
    assert_eq!(
        layer.media_type.to_string(),
        "application/vnd.cnai.model.weight.v1.tar"
    );
    assert_eq!(layer.annotations["com.example.mine"], "1");
    assert_eq!(layer.annotations["org.cnai.model.filepath"], "notes.md");
    assert!(!layer.annotations.contains_key("org.cncf.model.filepath"));
    let found = inspect(&scene, "a/b:v3").await;
    let layer = &found.manifest.value().layers[1];
    assert_eq!(
        layer.media_type.to_string(),
        "application/vnd.cnai.model.doc.v1.raw"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_change_nothing() {
    let scene = Scene::new().await;
    twice(&scene).await;
    let blobs = scene.publisher.store().blobs().expect("blobs");
    let at = |location: PathBuf, path: &str| {
        Attachment::file(location, FilePath::parse(path).expect("a path"))
    };
    let new = scene.path("attached");
    std::fs::write(&new, "new").expect("written");
    for (what, target, says) in [
        (at(scene.path("none"), "none"), "a/b:v2", "cannot read"),
        (at(scene.path("m"), "m"), "a/b:v2", "is no file"),
        (at(new.clone(), "sub"), "a/b:v2", "sub"),
        (at(new.clone(), "Z.py"), "a/b:v2", "Z.py"),
        (at(new.clone(), "new.md"), "a/b", "it has no tag"),
        (
            Attachment::config(scene.path("none")),
            "a/b:v2",
            "cannot read",
        ),
    ] {
        let error = attach(&scene, &what, target, AttachOptions::default()).await;
        let error = error.expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(
            scene.publisher.store().blobs().expect("blobs"),
            blobs,
            "{what:?}"
        );
    }
    let toolkit: &Toolkit = &scene.publisher;
    let (unknown, target) = (scene.reference("a/b:none"), scene.reference("a/b:v2"));
    let error = toolkit
        .attach(
            &at(new, "new.md"),
            &unknown,
            &target,
            &AttachOptions::default(),
            &Control::default(),
        )
        .await
        .expect_err("unknown");
    assert!(error.is_not_found(), "{error}");
}
