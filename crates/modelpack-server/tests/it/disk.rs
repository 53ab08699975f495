//! The store behind a registry: names, durability and garbage collection.

use modelpack_server::{DiskStorage, Options, Registry};
use modelpack_spec::{Descriptor, Digest, MediaType, Reference};
use modelpack_store::{PruneOptions, Store};

use crate::support::{Client, INDEX, MANIFEST, artifact, disk, open_disk};

/// What a build would leave in the store.
fn build(store: &Store, reference: &str, layer: &str) -> Digest {
    let manifest = artifact(layer, "");
    let lease = store.lease().unwrap();
    lease.put(b"{}").unwrap();
    lease.put(layer.as_bytes()).unwrap();
    let stored = lease.put(manifest.as_bytes()).unwrap();
    let descriptor = Descriptor::new(MediaType::OciManifest, stored.digest, stored.size);
    store.tag(&reference.parse().unwrap(), &descriptor).unwrap();
    stored.digest
}

fn names(client: &Client) -> Vec<String> {
    let entries = client.store().references().unwrap();
    entries
        .iter()
        .map(|entry| entry.reference.to_string())
        .collect()
}

async fn is_there(client: &Client, name: &str, tag: &str, layer: &str) -> bool {
    let manifest = client.get(&format!("/v2/{name}/manifests/{tag}")).await;
    let blob = client
        .get(&format!(
            "/v2/{name}/blobs/{}",
            Digest::sha256(layer.as_bytes())
        ))
        .await;
    assert_eq!(manifest.status, blob.status, "{name}:{tag}");
    manifest.status == 200 && blob.body == layer
}

#[tokio::test]
async fn a_push_is_stored_under_the_public_name() {
    let client = disk(Options::default());
    client.artifact("qwen/qwen3", "v1", "layer").await;
    assert_eq!(names(&client), ["localhost:5000/qwen/qwen3:v1"]);
    let reference: Reference = "localhost:5000/qwen/qwen3:v1".parse().unwrap();
    assert_eq!(
        client.store().resolve(&reference).unwrap().media_type,
        MediaType::OciManifest
    );
}

#[tokio::test]
async fn what_was_built_is_served() {
    let client = disk(Options::default());
    build(&client.store(), "localhost:5000/own/x:v1", "one");
    build(&client.store(), "ghcr.io/org/x:v1", "two");
    build(&client.store(), "ghcr.io/org/y:v1", "three");
    build(&client.store(), "quay.io/org/y:v1", "four");
    for (name, layer, expected) in [
        ("own/x", "one", true),
        ("ghcr.io/org/x", "two", true),
        ("org/x", "two", true),
        ("org/y", "three", false), // of two hosts: neither is meant
        ("quay.io/org/y", "four", true),
        ("docker.io/org/x", "two", false),
        ("own/x", "two", false),
    ] {
        let blob = client
            .get(&format!(
                "/v2/{name}/blobs/{}",
                Digest::sha256(layer.as_bytes())
            ))
            .await;
        assert_eq!(blob.status == 200, expected, "{name} {layer}");
    }
    assert!(is_there(&client, "org/x", "v1", "two").await);
    assert!(!is_there(&client, "org/y", "v1", "three").await);
}

#[tokio::test]
async fn names_of_other_hosts_can_only_be_read() {
    let client = disk(Options::default());
    let digest = build(&client.store(), "ghcr.io/org/x:v1", "layer");
    let blob = format!("/v2/org/x/blobs/{}", Digest::sha256(b"layer"));
    for target in [
        "/v2/org/x/manifests/v1",
        &format!("/v2/org/x/manifests/{digest}"),
        &blob,
    ] {
        let answer = client.delete(target).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (405, "UNSUPPORTED"),
            "{target}"
        );
    }
    // A push beside it may use what is there, and goes under the public name.
    let answer = client
        .put_manifest("org/x", "v2", &artifact("layer", ",\"x\":1"))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        names(&client),
        ["ghcr.io/org/x:v1", "localhost:5000/org/x:v2"]
    );
    let tags = client.get("/v2/org/x/tags/list").await;
    assert_eq!(
        tags.body.as_ref(),
        br#"{"name":"org/x","tags":["v1","v2"]}"#
    );
}

/// Beside an upstream a name means the repository there, whatever other hosts have.
#[tokio::test]
async fn a_mirror_shows_no_third_hosts_content() {
    for (upstream, expected) in [("docker.io", false), ("ghcr.io", true)] {
        let mut client = disk(Options::default());
        build(&client.store(), "ghcr.io/org/x:v1", "layer");
        assert!(is_there(&client, "org/x", "v1", "layer").await);
        let authority = "localhost:5000".parse().unwrap();
        let storage = DiskStorage::mirror(client.store(), authority, upstream.parse().unwrap());
        client.registry = Registry::new(storage.unwrap(), Options::default());
        let is_shown = is_there(&client, "org/x", "v1", "layer").await;
        assert_eq!(is_shown, expected, "{upstream}");
        assert!(is_there(&client, "ghcr.io/org/x", "v1", "layer").await);
    }
}

/// Uploads that no manifest names yet, and deletes, outlive the process.
#[tokio::test]
async fn links_outlive_the_process() {
    let mut client = disk(Options::default());
    let kept = client.blob("a", b"kept").await;
    client.artifact("a", "v1", "gone").await;
    let gone = Digest::sha256(b"gone");
    client.delete(&format!("/v2/a/blobs/{gone}")).await;
    client.registry = Registry::new(
        open_disk(client.directory.as_ref().unwrap()),
        Options::default(),
    );
    assert_eq!(
        client.get(&format!("/v2/a/blobs/{kept}")).await.body,
        "kept"
    );
    assert_eq!(client.get(&format!("/v2/b/blobs/{kept}")).await.status, 404);
    assert_eq!(client.get(&format!("/v2/a/blobs/{gone}")).await.status, 404);
}

#[tokio::test]
async fn a_prune_leaves_a_running_push_alone() {
    let client = disk(Options::default());
    let store = client.store();
    client.blob("a", b"{}").await;
    client.blob("a", b"layer").await;
    let location = client.start("a").await;
    client.send("PATCH", &location, &[], "half").await;
    assert_eq!(store.prune(&PruneOptions::default()).unwrap().items, []);
    assert_eq!(
        client
            .put_manifest("a", "v1", &artifact("layer", ""))
            .await
            .status,
        201
    );
    let put = format!("{location}?digest={}", Digest::sha256(b"half a blob"));
    assert_eq!(client.send("PUT", &put, &[], " a blob").await.status, 201);

    drop(client.registry);
    let report = store.prune(&PruneOptions::default()).unwrap();
    let names: Vec<_> = report.items.iter().map(|item| item.name.clone()).collect();
    assert_eq!(
        names,
        [Digest::sha256(b"half a blob").to_string()],
        "what is named stays"
    );
}

#[tokio::test]
async fn a_blob_that_was_pruned_is_unknown() {
    let mut client = disk(Options::default());
    let digest = client.blob("a", b"hello").await;
    client.registry = Registry::new(modelpack_server::MemoryStorage::new(), Options::default());
    client.store().prune(&PruneOptions::default()).unwrap();
    client.registry = Registry::new(
        open_disk(client.directory.as_ref().unwrap()),
        Options::default(),
    );
    for answer in [
        client.head(&format!("/v2/a/blobs/{digest}")).await,
        client.get(&format!("/v2/a/blobs/{digest}")).await,
    ] {
        assert_eq!(answer.status, 404);
    }
    let answer = client
        .send(
            "POST",
            &format!("/v2/b/blobs/uploads/?mount={digest}&from=a"),
            &[],
            "",
        )
        .await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn a_failed_upload_leaves_no_file() {
    let client = disk(Options::default());
    let location = client.start("a").await;
    client
        .send(
            "PUT",
            &format!("{location}?digest={}", Digest::sha256(b"x")),
            &[],
            "y",
        )
        .await;
    let location = client.start("a").await;
    client.send("PATCH", &location, &[], "y").await;
    client.delete(&location).await;
    let left = std::fs::read_dir(client.store().own("ingest"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    assert_eq!(client.store().blobs().unwrap(), []);
}

/// A manifest that is damaged on disk is never served, and does not hide the others.
#[tokio::test]
async fn damaged_manifests() {
    let client = disk(Options::default());
    let store = client.store();
    let digest = build(&store, "localhost:5000/a:bad", "one");
    build(&store, "localhost:5000/a:good", "two");
    let path = store.blob_path(&digest);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "{}").unwrap();
    let answer = client.get("/v2/a/manifests/bad").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (500, "UNKNOWN")
    );
    assert!(!String::from_utf8_lossy(&answer.body).contains(path.to_str().unwrap()));
    assert!(is_there(&client, "a", "good", "two").await);
}

#[tokio::test]
async fn names_that_are_too_long_for_a_reference() {
    let client = disk(Options::default());
    let long = "a".repeat(250);
    let answer = client
        .send("POST", &format!("/v2/{long}/blobs/uploads/"), &[], "")
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "NAME_INVALID")
    );
}

#[test]
fn public_names_that_no_reference_begins_with() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let error = DiskStorage::new(store, "registry".parse().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`registry` cannot be the public name of a registry"
    );
}

/// A store whose referrers were listed under a fallback tag, as clients of old registries do it.
#[tokio::test]
async fn referrers_of_an_old_store_are_listed() {
    let client = disk(Options::default());
    let store = client.store();
    let lease = store.lease().unwrap();
    let subject = build(&store, "localhost:5000/old/x:v1", "layer");
    let subject_size = store.blob_size(&subject).unwrap().unwrap();
    lease.put(b"{}").unwrap();
    lease.put(b"signature").unwrap();
    let more = format!(
        r#","subject":{{"mediaType":"{MANIFEST}","digest":"{subject}","size":{subject_size}}},"annotations":{{"by":"alice"}}"#
    );
    let signature = artifact("signature", &more);
    let stored = lease.put(signature.as_bytes()).unwrap();
    // The index under the fallback tag is the only thing that leads to it.
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{MANIFEST}","digest":"{}","size":{},"artifactType":"application/vnd.test"}}]}}"#,
        stored.digest, stored.size
    );
    let index = lease.put(index.as_bytes()).unwrap();
    let tag = modelpack_spec::distribution::referrers_tag(&subject);
    let name: Reference = format!("localhost:5000/old/x:{tag}").parse().unwrap();
    let descriptor = Descriptor::new(MediaType::OciIndex, index.digest, index.size);
    store.tag(&name, &descriptor).unwrap();
    // Another one was never listed anywhere: its tag alone leads to it.
    let tagged = artifact("signature", &more.replace("alice", "bob"));
    let tagged = lease.put(tagged.as_bytes()).unwrap();
    let descriptor = Descriptor::new(MediaType::OciManifest, tagged.digest, tagged.size);
    let name: Reference = "localhost:5000/old/x:signed".parse().unwrap();
    store.tag(&name, &descriptor).unwrap();

    let answer = client.get(&format!("/v2/old/x/referrers/{subject}")).await;
    let list: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let mut listed: Vec<_> = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["annotations"]["by"].as_str().unwrap(),
                &entry["digest"],
            )
        })
        .collect();
    listed.sort_by_key(|(by, _)| by.to_owned());
    let expected = [
        ("alice", &stored.digest.to_string().into()),
        ("bob", &tagged.digest.to_string().into()),
    ];
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn garbage_is_what_no_client_needs() {
    let client = disk(Options::default());
    let store = client.store();
    client.artifact("a", "v1", "kept").await;
    let waiting = client.blob("a", b"waits for its manifest").await;
    store.lease().unwrap().put(b"nobody's").unwrap();
    let garbage = client.registry.collect_garbage().await.unwrap();
    assert_eq!((garbage.blobs, garbage.bytes), (1, 8));
    assert!(is_there(&client, "a", "v1", "kept").await);
    let waits = client.head(&format!("/v2/a/blobs/{waiting}")).await;
    assert_eq!(waits.status, 200);

    // A pull that began before its tag was deleted goes on.
    client.get("/v2/a/manifests/v1").await;
    assert_eq!(client.delete("/v2/a/manifests/v1").await.status, 202);
    let manifest = Digest::sha256(artifact("kept", "").as_bytes());
    let target = format!("/v2/a/manifests/{manifest}");
    assert_eq!(client.delete(&target).await.status, 202);
    client.registry.collect_garbage().await.unwrap();
    let kept = client
        .get(&format!("/v2/a/blobs/{}", Digest::sha256(b"kept")))
        .await;
    assert_eq!(kept.body, "kept");
}

/// What was uploaded just before a restart is not garbage after it.
#[tokio::test]
async fn uploads_of_the_last_process_wait_for_their_manifest() {
    let mut client = disk(Options::default());
    let digest = client.blob("a/b", b"uploaded").await;
    let target = format!("/v2/a/b/blobs/{digest}");
    // The leases of the old one end with it.
    client.registry = Registry::new(modelpack_server::MemoryStorage::new(), Options::default());
    let directory = client.directory.as_ref().unwrap();
    client.registry = Registry::new(open_disk(directory), Options::default());
    client.store().prune(&PruneOptions::default()).unwrap();
    assert_eq!(client.get(&target).await.body, "uploaded");
}

/// A name that another process gives is seen at once, and so is one that it takes.
#[tokio::test]
async fn names_of_other_processes_are_seen() {
    let client = disk(Options::default());
    let store = client.store();
    for round in 0..3 {
        let layer = format!("layer {round}");
        build(&store, "localhost:5000/x:v1", &layer);
        assert!(is_there(&client, "x", "v1", &layer).await, "{round}");
        store
            .remove(&"localhost:5000/x:v1".parse().unwrap())
            .unwrap();
        assert_eq!(
            client.get("/v2/x/manifests/v1").await.status,
            404,
            "{round}"
        );
    }
}
