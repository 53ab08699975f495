//! Any sequence of requests: both storages answer alike, and no content is ever wrong.

use modelpack_server::Options;
use modelpack_spec::Digest;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Answer, Client, artifact, disk, memory};

const NAMES: [&str; 2] = ["a", "b/c"];
const LAYERS: [&str; 2] = ["one", "two"];
const TAGS: [&str; 2] = ["v1", "v2"];

#[derive(Debug, Clone)]
enum Step {
    Upload(&'static str, &'static str),
    UploadWrong(&'static str, &'static str),
    Mount(&'static str, &'static str, bool),
    DeleteBlob(&'static str, &'static str),
    PutTag(&'static str, &'static str, &'static str),
    PutDigest(&'static str, &'static str),
    DeleteTag(&'static str, &'static str),
    DeleteManifest(&'static str, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || select(&NAMES[..]);
    let layer = || select(&LAYERS[..]);
    let tag = || select(&TAGS[..]);
    prop_oneof![
        4 => (name(), layer()).prop_map(|(n, l)| Step::Upload(n, l)),
        1 => (name(), layer()).prop_map(|(n, l)| Step::UploadWrong(n, l)),
        2 => (name(), layer(), any::<bool>()).prop_map(|(n, l, from)| Step::Mount(n, l, from)),
        1 => (name(), layer()).prop_map(|(n, l)| Step::DeleteBlob(n, l)),
        4 => (name(), layer(), tag()).prop_map(|(n, l, t)| Step::PutTag(n, l, t)),
        1 => (name(), layer()).prop_map(|(n, l)| Step::PutDigest(n, l)),
        1 => (name(), tag()).prop_map(|(n, t)| Step::DeleteTag(n, t)),
        1 => (name(), layer()).prop_map(|(n, l)| Step::DeleteManifest(n, l)),
    ]
}

fn manifest(layer: &str) -> (String, Digest) {
    let manifest = artifact(layer, "");
    let digest = Digest::sha256(manifest.as_bytes());
    (manifest, digest)
}

async fn run(client: &Client, step: &Step) -> Answer {
    let uploads = |name: &str, query: String| format!("/v2/{name}/blobs/uploads/?{query}");
    let blob = |layer: &str| Digest::sha256(layer.as_bytes());
    match step {
        Step::Upload(name, layer) => {
            let target = uploads(name, format!("digest={}", blob(layer)));
            client.send("POST", &target, &[], *layer).await
        }
        Step::UploadWrong(name, layer) => {
            let target = uploads(name, format!("digest={}", blob(layer)));
            client.send("POST", &target, &[], "wrong").await
        }
        Step::Mount(name, layer, from) => {
            let other = if *name == "a" { "b/c" } else { "a" };
            let from = if *from {
                format!("&from={other}")
            } else {
                String::new()
            };
            let target = uploads(name, format!("mount={}{from}", blob(layer)));
            client.send("POST", &target, &[], "").await
        }
        Step::DeleteBlob(name, layer) => {
            client
                .delete(&format!("/v2/{name}/blobs/{}", blob(layer)))
                .await
        }
        Step::PutTag(name, layer, tag) => client.put_manifest(name, tag, &manifest(layer).0).await,
        Step::PutDigest(name, layer) => {
            let (manifest, digest) = manifest(layer);
            client
                .put_manifest(name, &digest.to_string(), &manifest)
                .await
        }
        Step::DeleteTag(name, tag) => client.delete(&format!("/v2/{name}/manifests/{tag}")).await,
        Step::DeleteManifest(name, layer) => {
            let digest = manifest(layer).1;
            client
                .delete(&format!("/v2/{name}/manifests/{digest}"))
                .await
        }
    }
}

/// Everything that can be read, checked against the digests under which it is read.
async fn read_all(client: &Client) -> Vec<(String, u16, String)> {
    let mut seen = Vec::new();
    for name in NAMES {
        let mut targets = vec![format!("/v2/{name}/tags/list")];
        targets.extend(TAGS.map(|tag| format!("/v2/{name}/manifests/{tag}")));
        for layer in LAYERS {
            targets.push(format!("/v2/{name}/manifests/{}", manifest(layer).1));
            targets.push(format!(
                "/v2/{name}/blobs/{}",
                Digest::sha256(layer.as_bytes())
            ));
        }
        for target in targets {
            let answer = client.get(&target).await;
            let head = client.head(&target).await;
            let digest = answer.header("docker-content-digest");
            if !digest.is_empty() {
                assert_eq!(digest, Digest::sha256(&answer.body).to_string(), "{target}");
                assert_eq!(head.status, answer.status, "{target}");
            }
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            seen.push((target, answer.status.as_u16(), body));
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn both_storages_answer_alike(steps in proptest::collection::vec(step(), 1..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (memory, disk) = (memory(Options::default()), disk(Options::default()));
            for client in [&memory, &disk] {
                for name in NAMES {
                    client.blob(name, b"{}").await;
                }
            }
            for step in &steps {
                let statuses = (run(&memory, step).await.status, run(&disk, step).await.status);
                assert_eq!(statuses.0, statuses.1, "{step:?}");
                assert_eq!(read_all(&memory).await, read_all(&disk).await, "after {step:?}");
            }
        });
    }
}
