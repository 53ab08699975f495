//! Artifacts in Docker's dialect, and the way between the two.

use modelpack::spec::convert::Target;
use modelpack::spec::docker::{DockerConfig, Layer, manifest_document};
use modelpack::spec::{Descriptor, Digest, MediaType};
use modelpack::{Control, ConvertOptions, PullOptions, PushOptions, ResolveOptions};
use modelpack_testkit::{fixtures, tool};

use crate::scene::{Scene, tree};

fn weight(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("weights/valid").join(name)).expect("it is there")
}

/// A GGUF model with everything beside it, in the publisher's store.
async fn built(scene: &Scene) -> modelpack::BuildReport {
    let (gguf, projector) = (weight("everything-Q4_K_M.gguf"), weight("mmproj-F16.gguf"));
    let files: [(&str, &[u8]); 5] = [
        ("tiny-Q4_K_M.gguf", &gguf),
        ("mmproj-F16.gguf", &projector),
        ("chat_template.jinja", b"{{ messages }}"),
        ("LICENSE", b"free"),
        ("docs/README.md", b"# hi"),
    ];
    let modelfile =
        "NAME tiny\nARCH transformer\nMODEL *.gguf\nCONFIG *.jinja\nDOC LICENSE\nDOC docs/*\n";
    let model = scene.model("m", modelfile, &files);
    scene.build(&model, "a/b:v1").await.expect("it builds")
}

/// Every blob with its inode and its time: what is not touched keeps both.
fn blobs(scene: &Scene) -> Vec<(String, u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt;
    let directory = scene.path("publisher/blobs/sha256");
    let entries = std::fs::read_dir(directory).expect("a store");
    let mut found: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("a blob");
            let metadata = entry.metadata().expect("a blob");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, metadata.ino(), metadata.modified().expect("a time"))
        })
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_goes_to_docker_and_back_without_a_byte_of_it_being_touched() {
    let scene = Scene::new().await;
    let built = built(&scene).await;
    let before = blobs(&scene);
    let (control, source) = (Control::default(), scene.reference("a/b:v1"));
    let to_docker = ConvertOptions::new(Target::Docker);
    let docker = scene
        .publisher
        .convert(&source, &to_docker, &control)
        .await
        .expect("it converts");
    assert_eq!(docker.reference, scene.reference("a/b:v1-docker"));
    assert_eq!((docker.unchanged, docker.layers), (false, 5));
    // Nothing but two documents is new, and nothing old has another inode or time.
    let after = blobs(&scene);
    assert_eq!(after.len(), before.len() + 2);
    assert!(before.iter().all(|blob| after.contains(blob)));

    let inspected = scene
        .publisher
        .inspect(&docker.reference)
        .await
        .expect("it is there");
    assert_eq!(
        (inspected.format.as_str(), inspected.architecture.as_str()),
        ("gguf", "llama")
    );
    let types: Vec<&str> = inspected
        .layers
        .iter()
        .map(|layer| layer.media_type.as_str())
        .collect();
    assert!(
        types.contains(&"application/vnd.docker.ai.gguf.v3"),
        "{types:?}"
    );
    assert!(
        types.contains(&"application/vnd.docker.ai.mmproj"),
        "{types:?}"
    );

    let mut back = ConvertOptions::new(Target::ModelPack);
    back.target = Some(scene.reference("a/c:back"));
    let back = scene
        .publisher
        .convert(&docker.reference, &back, &control)
        .await
        .expect("it converts");
    assert_eq!(back.digest, built.digest);
    // By default the name beside it is the old one again.
    let mut default = ConvertOptions::new(Target::ModelPack);
    default.legacy_types = false;
    let again = scene
        .publisher
        .convert(&docker.reference, &default, &control)
        .await
        .expect("it converts");
    assert_eq!((again.reference, again.digest), (source, built.digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_model_is_pushed_pulled_and_resolved_like_any_other() {
    let scene = Scene::new().await;
    built(&scene).await;
    let (control, source) = (Control::default(), scene.reference("a/b:v1"));
    let to_docker = ConvertOptions::new(Target::Docker);
    let docker = scene
        .publisher
        .convert(&source, &to_docker, &control)
        .await
        .expect("it converts")
        .reference;
    scene
        .publisher
        .push(&docker, &PushOptions::default(), &control)
        .await
        .expect("it is pushed");
    scene
        .consumer
        .pull(&docker, &PullOptions::default(), &control)
        .await
        .expect("it is pulled");
    let resolved = scene
        .consumer
        .resolve(&docker, &ResolveOptions::default(), &control)
        .await
        .expect("it resolves");
    let mut expected = tree(&scene.path("m"));
    expected.retain(|(name, _)| name != "Modelfile");
    assert_eq!(tree(&resolved.directory), expected);
    assert_eq!(resolved.format.as_deref(), Some("gguf"));
    let listed = scene.consumer.list().await.expect("it lists");
    assert!(
        listed.iter().all(|entry| entry.damage.is_none()),
        "{listed:?}"
    );

    // In the registry alone, into another repository: layers are linked there.
    let mut options = ConvertOptions::new(Target::ModelPack);
    options.target = Some(scene.reference("other/place:v1"));
    let remote = scene
        .consumer
        .convert_remote(&docker, &options, &control)
        .await
        .expect("it converts");
    let pulled = scene
        .consumer
        .pull(&remote.reference, &PullOptions::default(), &control)
        .await
        .expect("it is pulled");
    assert_eq!((pulled.digest, pulled.transferred), (remote.digest, 0));
    if let Some(skopeo) = tool("skopeo") {
        let raw = std::process::Command::new(skopeo)
            .args([
                "inspect",
                "--raw",
                "--tls-verify=false",
                &format!("docker://{docker}"),
            ])
            .output()
            .expect("skopeo runs");
        assert!(String::from_utf8_lossy(&raw.stdout).contains("vnd.docker.ai.model.config.v0.1"));
        // It is no image, so nothing can take it for one.
        let image = std::process::Command::new("skopeo")
            .args([
                "inspect",
                "--config",
                "--tls-verify=false",
                &format!("docker://{docker}"),
            ])
            .output()
            .expect("skopeo runs");
        assert!(!String::from_utf8_lossy(&image.stdout).contains("Entrypoint"));
    }
}

/// Puts an artifact of Docker's dialect made of these layers into a store.
async fn put(
    scene: &Scene,
    rest: &str,
    layers: &[(Layer, Option<&str>, &[u8])],
) -> modelpack::Reference {
    let reference = scene.reference(rest);
    let store = scene.publisher.store();
    let lease = store.lease().expect("a lease");
    let mut descriptors = Vec::new();
    for (kind, path, bytes) in layers {
        let stored = lease.put(bytes).expect("it is stored");
        let mut layer = Descriptor::new(
            MediaType::DockerModelLayer(*kind),
            stored.digest,
            stored.size,
        );
        if let Some(path) = path {
            layer
                .annotations
                .insert("org.cncf.model.filepath".into(), (*path).into());
        }
        descriptors.push(layer);
    }
    let ids: Vec<String> = descriptors
        .iter()
        .map(|layer| format!("\"{}\"", layer.digest))
        .collect();
    let config = format!(
        r#"{{"config":{{"format":"gguf"}},"descriptor":{{}},"rootfs":{{"type":"rootfs","diff_ids":[{}]}}}}"#,
        ids.join(",")
    );
    let config = DockerConfig::read(config.into_bytes().into()).expect("it is a config");
    lease.put_document(&config).expect("it is stored");
    let mut manifest = modelpack::spec::Manifest::model(config.descriptor(), descriptors);
    manifest.artifact_type = None;
    let manifest = manifest_document(&manifest).expect("it is small");
    let descriptor = lease.put_document(&manifest).expect("it is stored");
    store.tag(&reference, &descriptor).expect("it is named");
    reference
}

/// A tar archive with one entry that says whatever it says.
fn tar(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// X2: An artifact that lists the blob of another model and an archive that writes over it must not
/// change a byte of that blob: resolved files are links to it.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_cannot_write_through_a_link_into_another_model() {
    let scene = Scene::new().await;
    let victim = weight("everything-Q4_K_M.gguf");
    let digest = Digest::sha256(&victim);
    let (control, options) = (Control::default(), ResolveOptions::default());
    put(
        &scene,
        "good/model:v1",
        &[(Layer::Gguf, Some("model.gguf"), &victim)],
    )
    .await;
    let attacks: [(&str, u8, &str); 5] = [
        ("model.gguf", b'0', ""),
        ("./model.gguf", b'0', ""),
        ("x", b'1', "model.gguf"),
        ("x", b'2', "model.gguf"),
        ("../../model.gguf", b'0', ""),
    ];
    for (number, (name, kind, link)) in attacks.into_iter().enumerate() {
        for archive_first in [false, true] {
            let content: &[u8] = if kind == b'0' { b"evil weights" } else { b"" };
            let archive = tar(name, kind, link, content);
            let mut layers: Vec<(Layer, Option<&str>, &[u8])> = vec![
                (Layer::Gguf, Some("model.gguf"), &victim),
                (Layer::DirectoryArchive, None, &archive),
            ];
            if archive_first {
                layers.reverse();
            }
            let evil = put(&scene, &format!("evil/model:v{number}"), &layers).await;
            let resolved = scene.publisher.resolve(&evil, &options, &control).await;
            assert!(resolved.is_err(), "{name} {link}: {resolved:?}");
            let blob =
                std::fs::read(scene.publisher.store().blob_path(&digest)).expect("it is there");
            assert_eq!(blob, victim, "{name} {link}");
        }
    }
    let good = scene
        .publisher
        .resolve(&scene.reference("good/model:v1"), &options, &control)
        .await
        .expect("it resolves");
    assert_eq!(
        std::fs::read(good.directory.join("model.gguf")).expect("it is there"),
        victim
    );
    assert!(
        scene
            .publisher
            .verify(&control)
            .await
            .expect("it verifies")
            .damage
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_without_names_get_some_and_archives_are_unpacked() {
    let scene = Scene::new().await;
    let (one, two) = (
        weight("sharded-00001-of-00002.gguf"),
        weight("sharded-00002-of-00002.gguf"),
    );
    let archive = tar("tokenizer.json", b'0', "", b"{}");
    let layers: [(Layer, Option<&str>, &[u8]); 4] = [
        (Layer::Gguf, None, &one),
        (Layer::Gguf, None, &two),
        (Layer::License, None, b"free"),
        (Layer::ConfigArchive, None, &archive),
    ];
    let reference = put(&scene, "old/model:v1", &layers).await;
    let (control, options) = (Control::default(), ResolveOptions::default());
    let resolved = scene
        .publisher
        .resolve(&reference, &options, &control)
        .await
        .expect("it resolves");
    let names: Vec<String> = tree(&resolved.directory)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "LICENSE",
            "model-00001-of-00002.gguf",
            "model-00002-of-00002.gguf",
            "tokenizer.json"
        ]
    );
}
