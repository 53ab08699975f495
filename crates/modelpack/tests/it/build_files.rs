//! Which files of a directory are built, and that many of them fit into one artifact.

use std::path::Path;

use modelpack::spec::{Encoding, Kind};
use modelpack::{
    BuildOptions, BuildReport, Control, Error, ExtractOptions, Outcome, Place, PullOptions,
    PushOptions, ResolveOptions,
};

use crate::scene::{Scene, tree};

async fn build(
    scene: &Scene,
    directory: &Path,
    rest: &str,
    options: &BuildOptions,
) -> Result<BuildReport, Error> {
    let reference = scene.reference(rest);
    let control = Control::default();
    scene
        .publisher
        .build(directory, &reference, options, &control)
        .await
}

fn paths(report: &BuildReport) -> Vec<&str> {
    report
        .layers
        .iter()
        .map(|layer| layer.path.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_modelfile_one_is_made_up_and_written_nowhere() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 5] = [
        ("model.bin", b"m"),
        ("README.md", b"r"),
        (".hidden", b"h"),
        ("old/model.bin", b"o"),
        (".modelignore", b"old/\n"),
    ];
    let model = scene.model("m", "", &files);
    std::fs::remove_file(model.join("Modelfile")).unwrap();
    let built = build(&scene, &model, "a/b:v1", &BuildOptions::default())
        .await
        .unwrap();
    assert_eq!(paths(&built), ["model.bin", "README.md"]);
    let text = built.generated_modelfile.unwrap();
    assert!(text.contains("MODEL model.bin\n"), "{text}");
    assert!(!model.join("Modelfile").exists());
    // One that was asked for has to be there.
    let mut options = BuildOptions::default();
    options.modelfile = Some(model.join("Modelfile"));
    let error = build(&scene, &model, "a/b:v2", &options).await.unwrap_err();
    assert!(matches!(error, Error::NoModelfile { .. }), "{error}");
    // A directory that holds no model.
    let empty = scene.model("empty", "", &[("notes.txt", b"n")]);
    std::fs::remove_file(empty.join("Modelfile")).unwrap();
    let error = build(&scene, &empty, "a/b:v2", &BuildOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_no_layer_and_what_is_included_is() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 5] = [
        ("model.bin", b"m"),
        ("a.log", b"a"),
        ("b.log", b"b"),
        ("notes/x.md", b"x"),
        (".modelignore", b"# all of them\n*.log\n"),
    ];
    let modelfile = "MODEL *.bin\nDOC *.log\nDOC notes/x.md\n";
    let model = scene.model("m", modelfile, &files);
    let mut options = BuildOptions::default();
    let built = build(&scene, &model, "a/b:v1", &options).await.unwrap();
    assert_eq!(paths(&built), ["model.bin", "notes/x.md"]);
    options.include = vec!["b.log".to_owned()];
    options.exclude = vec!["notes".to_owned()];
    let built = build(&scene, &model, "a/b:v1", &options).await.unwrap();
    assert_eq!(paths(&built), ["model.bin", "b.log"]);
    options.exclude = vec!["*".to_owned()];
    let error = build(&scene, &model, "a/b:v1", &options).await.unwrap_err();
    assert!(error.to_string().contains("is left out"), "{error}");
    assert!(error.hint().is_some());
    options.exclude = vec!["[".to_owned()];
    build(&scene, &model, "a/b:v1", &options).await.unwrap_err();
    // Beside a Modelfile that stands elsewhere.
    scene.model("elsewhere", modelfile, &[(".modelignore", b"notes/\n")]);
    let mut options = BuildOptions::default();
    options.modelfile = Some(scene.path("elsewhere/Modelfile"));
    let built = build(&scene, &model, "a/b:v1", &options).await.unwrap();
    assert_eq!(paths(&built), ["model.bin", "a.log", "b.log"]);
}

/// MA1, MB3: Data sets are built, pushed and pulled.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_set_makes_the_whole_way() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 2] = [("model.bin", b"m"), ("data/train.csv", b"1,2\n")];
    let model = scene.model("m", "MODEL model.bin\nDATASET data/*\n", &files);
    build(&scene, &model, "a/b:v1", &BuildOptions::default())
        .await
        .unwrap();
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .publisher
        .push(&reference, &PushOptions::default(), &control)
        .await
        .unwrap();
    let resolved = scene
        .consumer
        .resolve(&reference, &ResolveOptions::default(), &control)
        .await
        .unwrap();
    let data = resolved.files.iter().find(|file| file.size == 4).unwrap();
    assert_eq!(
        (data.path.as_str(), data.kind),
        ("data/train.csv", Some("dataset"))
    );
    assert_eq!(
        std::fs::read(resolved.directory.join("data/train.csv")).unwrap(),
        b"1,2\n"
    );
}

/// MB3: Packed files are one layer and read back as files.
#[tokio::test(flavor = "multi_thread")]
async fn packed_files_are_one_layer_and_read_back_as_files() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 5] = [
        ("model.bin", b"m"),
        ("src/b.py", b"b"),
        ("src/a.py", b"a"),
        ("run.py", b"run"),
        ("README.md", b"r"),
    ];
    let modelfile = "MODEL *.bin\nCODE **/*.py\nDOC README.md\n";
    let model = scene.model("m", modelfile, &files);
    let control = Control::default();
    let mut digests = Vec::new();
    for encoding in [Encoding::Tar, Encoding::TarGzip, Encoding::TarZstd] {
        let mut options = BuildOptions::default();
        options.pack.insert(Kind::Code, encoding);
        let built = build(&scene, &model, "a/b:v1", &options).await.unwrap();
        assert_eq!(built.layers.len(), 3, "{:?}", built.layers);
        assert!(built.layers[1].path.starts_with("code.tar"));
        let inspected = scene.publisher.inspect(&scene.reference("a/b:v1")).await;
        let listed: Vec<(String, u64)> = inspected
            .unwrap()
            .files
            .into_iter()
            .map(|file| (file.path, file.size))
            .collect();
        assert_eq!(listed[1..4].iter().map(|(_, size)| size).sum::<u64>(), 5);
        assert_eq!(listed[2].0, "src/a.py");
        let again = build(&scene, &model, "a/b:v2", &options).await.unwrap();
        assert_eq!(again.digest, built.digest);
        digests.push(built.digest);
        let reference = scene.reference("a/b:v1");
        scene
            .publisher
            .push(&reference, &PushOptions::default(), &control)
            .await
            .unwrap();
        let mut expected: Vec<(String, Vec<u8>)> = files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
            .collect();
        expected.sort();
        let into = scene.path(&format!("into-{encoding:?}"));
        scene
            .consumer
            .pull_into(&reference, &into, &PullOptions::default(), &control)
            .await
            .unwrap();
        assert_eq!(tree(&into), expected);
        let out = scene.path(&format!("out-{encoding:?}"));
        scene
            .publisher
            .extract(&reference, &out, &ExtractOptions::default(), &control)
            .await
            .unwrap();
        assert_eq!(tree(&out), expected);
        let mut options = ResolveOptions::default();
        options.fetch = modelpack::Fetch::Always;
        let resolved = scene
            .consumer
            .resolve(&reference, &options, &control)
            .await
            .unwrap();
        assert_eq!(tree(&resolved.directory), expected);
    }
    digests.dedup();
    assert_eq!(digests.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_packed_is_refused() {
    let scene = Scene::new().await;
    let model = scene.model("m", "MODEL m.bin\n", &[("m.bin", b"m")]);
    for (kind, encoding) in [
        (Kind::Weight, Encoding::Tar),
        (Kind::WeightConfig, Encoding::Tar),
        (Kind::Code, Encoding::Raw),
    ] {
        let mut options = BuildOptions::default();
        options.pack.insert(kind, encoding);
        let error = build(&scene, &model, "a/b:v1", &options).await.unwrap_err();
        assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    let blobs = scene.publisher.store().blobs().unwrap();
    assert!(blobs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_would_be_too_large_is_refused_before_anything_is_stored() {
    let scene = Scene::new().await;
    let model = scene.model(
        "m",
        "MODEL m.bin\nDOC **/*.txt\nCODE a.py\n",
        &[("m.bin", b"m"), ("a.py", b"a")],
    );
    // Long names, so that some hundred files are enough.
    let mut directory = model.clone();
    while directory.as_os_str().len() < 3500 {
        directory.push("d".repeat(200));
    }
    std::fs::create_dir_all(&directory).unwrap();
    for number in 0..1300 {
        std::fs::write(directory.join(format!("{number}.txt")), b"t").unwrap();
    }
    let mut options = BuildOptions::default();
    let error = build(&scene, &model, "a/b:v1", &options).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::ManifestTooLarge {
                layers: 1302,
                packable: Some(Kind::Doc),
                ..
            }
        ),
        "{error}"
    );
    let hint = error.hint().unwrap();
    assert!(hint.contains("--pack doc=tar"), "{hint}");
    let store = scene.publisher.store();
    assert!(store.blobs().unwrap().is_empty());
    let planned = scene
        .publisher
        .plan_build(
            &model,
            &scene.reference("a/b:v1"),
            &options,
            Place::Local,
            &Control::default(),
        )
        .await;
    assert!(matches!(planned, Err(Error::ManifestTooLarge { .. })));
    options.pack.insert(Kind::Doc, Encoding::Tar);
    let built = build(&scene, &model, "a/b:v1", &options).await.unwrap();
    assert_eq!(built.layers.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_make_the_whole_way() {
    let scene = Scene::new().await;
    let model = scene.model("m", "MODEL m.bin\nCODE **/*.py\n", &[("m.bin", b"m")]);
    for directory in 0..8 {
        let directory = model.join(directory.to_string());
        std::fs::create_dir(&directory).unwrap();
        for file in 0..100 {
            let path = directory.join(format!("{file}.py"));
            std::fs::write(&path, path.display().to_string()).unwrap();
        }
    }
    let built = build(&scene, &model, "a/b:v1", &BuildOptions::default())
        .await
        .unwrap();
    assert_eq!(built.layers.len(), 801);
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .publisher
        .push(&reference, &PushOptions::default(), &control)
        .await
        .unwrap();
    let resolved = scene
        .consumer
        .resolve(&reference, &ResolveOptions::default(), &control)
        .await
        .unwrap();
    let mut expected = tree(&model);
    expected.retain(|(path, _)| path != "Modelfile");
    assert!(tree(&resolved.directory) == expected);
    let again = build(&scene, &model, "a/b:v1", &BuildOptions::default())
        .await
        .unwrap();
    assert!(again.unchanged);
    assert!(
        again
            .layers
            .iter()
            .all(|layer| layer.outcome == Outcome::Exists)
    );
}

/// MA12: What names no file inside of the directory is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_path_is_refused_with_its_line() {
    let scene = Scene::new().await;
    let model = scene.model("m", "MODEL m.bin\nDOC /etc/hostname\n", &[("m.bin", b"m")]);
    let error = build(&scene, &model, "a/b:v1", &BuildOptions::default())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("line 2") && text.contains("it is absolute"),
        "{text}"
    );
}
