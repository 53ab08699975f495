//! What becomes a layer, in which order, and that it is always the same.

use modelpack::{BuildOptions, Control, CreationTime, GenerateOptions};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_ordered_and_one_per_file() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 6] = [
        ("b.bin", b"b"),
        ("a.bin", b"a"),
        ("x.json", b"{}"),
        ("d.csv", b"1"),
        ("r.md", b"r"),
        ("s/c.py", b"c"),
    ];
    let modelfile = "DATASET d.csv\nDOC r.md\nMODEL *.bin\nMODEL a.bin\nCODE **/*.py\nCODE *.bin\nCONFIG x.json\n";
    let model = scene.model("m", modelfile, &files);
    let built = scene.build(&model, "a/b:v1").await.unwrap();
    let layers: Vec<_> = built
        .layers
        .iter()
        .map(|layer| (layer.path.as_str(), layer.media_type.as_str()))
        .collect();
    let raw = |kind: &str| format!("application/vnd.cncf.model.{kind}.v1.raw");
    let expected = [
        ("x.json", raw("weight.config")),
        ("a.bin", raw("weight")),
        ("b.bin", raw("weight")),
        ("s/c.py", raw("code")),
        ("r.md", raw("doc")),
        ("d.csv", raw("dataset")),
    ];
    assert_eq!(
        layers,
        expected
            .each_ref()
            .map(|(path, kind)| (*path, kind.as_str()))
    );
}

/// MA17: The same files give the same digest and no time moves it.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_files_give_the_same_digest_and_no_time_moves_it() {
    let scene = Scene::new().await;
    let files: [(&str, &[u8]); 2] = [("a.bin", b"a"), ("c.json", b"{}")];
    let first = scene.model("first", "MODEL a.bin\nCONFIG c.json\n", &files);
    let second = scene.model("second", "MODEL a.bin\nCONFIG c.json\n", &files);
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    std::fs::File::options()
        .write(true)
        .open(second.join("a.bin"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let one = scene.build(&first, "a/b:v1").await.unwrap();
    let two = scene.build(&second, "a/b:v2").await.unwrap();
    assert_eq!(one.digest, two.digest);

    let at = |time: &str| {
        let mut options = BuildOptions::default();
        options.creation_time = CreationTime::Now(time.parse().unwrap());
        options
    };
    let reference = scene.reference("a/b:timed");
    let control = Control::default();
    let early = scene
        .publisher
        .build(&first, &reference, &at("2026-01-01T00:00:00Z"), &control)
        .await
        .unwrap();
    let late = scene
        .publisher
        .build(&first, &reference, &at("2026-02-02T00:00:00Z"), &control)
        .await
        .unwrap();
    assert_eq!((early.digest, late.unchanged), (late.digest, true));
    std::fs::write(first.join("a.bin"), b"changed").unwrap();
    let changed = scene
        .publisher
        .build(&first, &reference, &at("2026-03-03T00:00:00Z"), &control)
        .await
        .unwrap();
    let created = scene
        .publisher
        .inspect(&reference)
        .await
        .unwrap()
        .created_at;
    assert_eq!(
        (changed.unchanged, created.as_str()),
        (false, "2026-03-03T00:00:00Z")
    );
}

/// MA13: Names of every kind survive generate build and extract.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_every_kind_survive_generate_build_and_extract() {
    let scene = Scene::new().await;
    let names = [
        "a b.bin",
        "q\"x.bin",
        "b\\s.bin",
        "w[1].bin",
        "h#.bin",
        "star*.bin",
        "é.bin",
        "v1..2/w.bin",
    ];
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, name.as_bytes())).collect();
    let model = scene.model("m", "", &files);
    let mut options = GenerateOptions::default();
    options.output = Some(model.clone());
    options.overwrite = true;
    scene.publisher.generate(&model, &options).await.unwrap();
    let built = scene.build(&model, "a/b:v1").await.unwrap();
    assert_eq!(built.layers.len(), names.len());
    let out = scene.path("out");
    let reference = scene.reference("a/b:v1");
    scene
        .publisher
        .extract(
            &reference,
            &out,
            &modelpack::ExtractOptions::default(),
            &Control::default(),
        )
        .await
        .unwrap();
    for name in names {
        assert_eq!(
            std::fs::read(out.join(name)).unwrap(),
            name.as_bytes(),
            "{name}"
        );
    }
}
