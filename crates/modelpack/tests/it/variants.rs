//! Several variants of one model behind one name, and looking at artifacts from afar.

use modelpack::spec::variant::Choice;
use modelpack::{Control, Place, PullOptions, PushOptions, compare};
use modelpack_testkit::{fixtures, skip, tool};

use crate::scene::Scene;

fn weight(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("weights/valid").join(name)).expect("it is there")
}

/// Two variants in two repositories of the publisher's store, and an index of both.
async fn indexed(scene: &Scene) -> modelpack::IndexReport {
    for (name, file) in [
        ("q4", "everything-Q4_K_M.gguf"),
        ("q8", "without-file-type.gguf"),
    ] {
        let model = scene.model(name, "MODEL *.gguf\n", &[("model.gguf", &weight(file))]);
        scene
            .build(&model, &format!("parts/{name}:v1"))
            .await
            .expect("it builds");
    }
    let variants = [
        ("Q8_0".to_owned(), scene.reference("parts/q8:v1")),
        ("Q4_K_M".to_owned(), scene.reference("parts/q4:v1")),
    ];
    scene
        .publisher
        .create_index(&scene.reference("a/model:v1"), &variants)
        .await
        .expect("it is made")
}

/// MA19: Variant is pulled by name or size.
#[tokio::test(flavor = "multi_thread")]
async fn a_variant_is_pulled_by_name_or_size() {
    let scene = Scene::new().await;
    let index = indexed(&scene).await;
    let (reference, control) = (index.reference.clone(), Control::default());
    assert_eq!(index.variants[1].quantization.as_deref(), Some("Q4_K_M"));
    let listed = scene.publisher.list().await.expect("it lists");
    assert!(
        listed.iter().all(|entry| entry.damage.is_none()),
        "{listed:?}"
    );
    scene
        .publisher
        .push_index(&reference, &PushOptions::default(), &control)
        .await
        .expect("it is pushed");

    // Nothing was asked for: every choice is named.
    let error = scene
        .consumer
        .pull(&reference, &PullOptions::default(), &control)
        .await
        .expect_err("it is ambiguous");
    assert!(
        error.to_string().contains("there are 2 variants: Q8_0 ("),
        "{error}"
    );
    assert!(error.hint().expect("a hint").contains("--variant"));
    assert!(scene.consumer.list().await.expect("it lists").is_empty());

    let seen = scene
        .consumer
        .variants(&reference, Place::Registry, &control)
        .await
        .expect("it is there");
    assert_eq!(seen.expect("it is an index"), index.variants);
    let sizes: Vec<u64> = index
        .variants
        .iter()
        .filter_map(|variant| variant.size)
        .collect();
    let smallest = sizes.iter().min().copied().expect("there are two");
    for (choice, expected) in [
        (Choice::Named("q4_k_m".into()), "Q4_K_M"),
        (Choice::MaxSize(smallest), "Q8_0"),
        (Choice::MaxSize(u64::MAX), "Q4_K_M"),
    ] {
        let pinned = scene
            .consumer
            .choose_variant(&reference, &choice, Place::Registry, &control)
            .await
            .expect("there is one");
        let pulled = scene
            .consumer
            .pull_variant(&reference, &choice, &PullOptions::default(), &control)
            .await
            .expect("it is pulled");
        // The tag is that of the index.
        assert_eq!((pinned.tag, pinned.digest), (None, Some(pulled.digest)));
        let name = pulled.variant.and_then(|variant| variant.name);
        assert_eq!(name.as_deref(), Some(expected));
        let wanted = index
            .variants
            .iter()
            .find(|variant| variant.name.as_deref() == Some(expected));
        assert_eq!(
            Some(pulled.digest),
            wanted.map(|variant| variant.digest),
            "{expected}"
        );
        // The name is still that of the index, and stands for the artifact where one is needed.
        let kept = scene
            .consumer
            .variants(&reference, Place::Local, &control)
            .await
            .expect("it is here");
        assert_eq!(kept.as_ref(), Some(&index.variants));
        let here = scene
            .consumer
            .inspect(&reference)
            .await
            .expect("it is here");
        assert_eq!(here.digest, pulled.digest);
    }
    let error = scene
        .consumer
        .choose_variant(&reference, &Choice::MaxSize(10), Place::Registry, &control)
        .await;
    assert!(
        error
            .expect_err("none is that small")
            .to_string()
            .contains("no variant has at most 10 bytes")
    );
    let single = scene.reference("parts/q4:v1");
    let error = scene
        .publisher
        .choose_variant(&single, &Choice::Named("x".into()), Place::Local, &control)
        .await;
    assert!(
        error
            .expect_err("it is one artifact")
            .to_string()
            .contains("has no variant `x`")
    );

    if tool("skopeo").is_none() {
        skip("skopeo is not installed");
        return;
    }
    let skopeo = |arguments: &[&str]| {
        std::process::Command::new("skopeo")
            .args(arguments)
            .output()
            .expect("skopeo runs")
    };
    let url = format!("docker://{reference}");
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &url]);
    assert!(String::from_utf8_lossy(&raw.stdout).contains("org.modelpack.variant"));
    // Of an index without platforms it takes an entry, and sees that this is no image.
    let refused = skopeo(&["inspect", "--tls-verify=false", &url]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(
        said.contains("unsupported image-specific operation on artifact"),
        "{said}"
    );
    let copied = skopeo(&[
        "copy",
        "--all",
        "--src-tls-verify=false",
        &url,
        &format!("oci:{}:v1", scene.path("copy").display()),
    ]);
    assert!(
        copied.status.success(),
        "{}",
        String::from_utf8_lossy(&copied.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_are_kept_by_prune_and_wrong_names_are_refused() {
    let scene = Scene::new().await;
    let index = indexed(&scene).await;
    for name in ["parts/q4:v1", "parts/q8:v1"] {
        scene
            .publisher
            .remove(&scene.reference(name))
            .await
            .expect("it is there");
    }
    scene.publisher.prune(false, None).await.expect("it prunes");
    for variant in &index.variants {
        let pinned = index.reference.with_digest(variant.digest);
        scene
            .publisher
            .inspect(&pinned)
            .await
            .expect("it is still here");
    }
    let twice = [
        (
            "a".to_owned(),
            index.reference.with_digest(index.variants[0].digest),
        ),
        (
            "A".to_owned(),
            index.reference.with_digest(index.variants[1].digest),
        ),
    ];
    let error = scene
        .publisher
        .create_index(&scene.reference("x/y:v1"), &twice)
        .await
        .expect_err("two have one name");
    assert_eq!(
        error.to_string(),
        "invalid index of variants: `A` stands twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tensors_are_read_from_afar_by_few_bytes() {
    let scene = Scene::new().await;
    let mut big = weight("everything-Q4_K_M.gguf");
    big.resize(3_000_000, 7);
    let model = scene.model("m", "MODEL *.gguf\n", &[("model.gguf", &big)]);
    scene.build(&model, "a/b:v1").await.expect("it builds");
    let (reference, control) = (scene.reference("a/b:v1"), Control::default());
    scene
        .publisher
        .push(&reference, &PushOptions::default(), &control)
        .await
        .expect("it is pushed");

    let here = scene
        .publisher
        .tensors(&reference, Place::Local, &control)
        .await
        .expect("it is read");
    let there = scene
        .consumer
        .tensors(&reference, Place::Registry, &control)
        .await
        .expect("it is read");
    assert_eq!((here.is_verified, there.is_verified), (true, false));
    assert_eq!((&here.files, here.parameters), (&there.files, 1280));
    assert!(there.transferred <= 64 << 10, "{} bytes", there.transferred);
    assert!(scene.consumer.store().blobs().expect("a store").is_empty());

    let names = ["blk.0.attn_norm.weight".to_owned()];
    let tensor = &here.files[0].tensors[1];
    let start = usize::try_from(tensor.offset).expect("small");
    for (toolkit, place, is_verified) in [
        (&scene.publisher, Place::Local, true),
        (&scene.consumer, Place::Registry, false),
    ] {
        let fetched = toolkit
            .fetch_tensors(&reference, &names, place, &control)
            .await
            .expect("it is fetched");
        assert_eq!(fetched[0].bytes.as_ref(), &big[start..start + 1024]);
        assert_eq!(fetched[0].is_verified, is_verified);
    }
    let wrong = ["norm".to_owned()];
    let error = scene
        .consumer
        .fetch_tensors(&reference, &wrong, Place::Registry, &control)
        .await
        .expect_err("there is none");
    assert_eq!(
        error.hint().as_deref(),
        Some("there are `blk.0.attn_norm.weight`")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_artifacts_are_compared() {
    let scene = Scene::new().await;
    indexed(&scene).await;
    let control = Control::default();
    let (one, two) = (
        scene.reference("parts/q4:v1"),
        scene.reference("parts/q8:v1"),
    );
    let (left, right) = (
        scene.publisher.inspect(&one).await.expect("it is here"),
        scene.publisher.inspect(&two).await.expect("it is here"),
    );
    let tensors = (
        scene
            .publisher
            .tensors(&one, Place::Local, &control)
            .await
            .expect("it is read"),
        scene
            .publisher
            .tensors(&two, Place::Local, &control)
            .await
            .expect("it is read"),
    );
    let compared = compare(
        (&one, &left),
        (&two, &right),
        Some((&tensors.0, &tensors.1)),
    );
    let of = |differences: &[modelpack::Difference]| -> Vec<String> {
        differences
            .iter()
            .map(|difference| difference.name.clone())
            .collect()
    };
    assert_eq!(
        of(&compared.metadata),
        ["architecture", "family", "paramSize", "quantization"]
    );
    assert_eq!(of(&compared.files), ["model.gguf"]);
    assert_eq!(
        of(&compared.tensors),
        [
            "blk.0.attn_norm.weight",
            "blk.0.ffn_up.weight",
            "token_embd.weight"
        ]
    );
    let same = compare((&one, &left), (&one, &left), None);
    assert!(same.is_same && same.metadata.is_empty() && same.files.is_empty());
}
