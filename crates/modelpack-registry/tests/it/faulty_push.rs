//! Pushes to a registry that misbehaves: right in the end, or an error, and never a secret elsewhere.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use modelpack_registry::{
    BlobToPush, Client, Credential, Error, Name, Progress, Pushed, SingleHost,
};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Digest, MediaType, Tag};
use modelpack_testkit::faulty::{
    Auth, Bearer, Behaviour, Class, Contents, Fault, FaultyRegistry, HangUp, Location, Mount,
    Origin, Rule, Scene, Timing, When,
};
use modelpack_testkit::random_bytes;
use proptest::prelude::*;

use crate::server::options;

const REPOSITORY: &str = "models/tiny";
/// Longer than any push here takes; whatever is longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn name(registry: &FaultyRegistry) -> Name {
    let host = registry.host().parse().expect("a host");
    Name::new(host, REPOSITORY.parse().expect("a repository"))
}

fn client(registry: &FaultyRegistry) -> Client {
    let credential = Credential::password("user", "correct-horse");
    let host = registry.host().parse().expect("a host");
    options()
        .credentials(SingleHost::new(host, credential))
        .idle_timeout(Duration::from_secs(10))
        .commit_timeout(Duration::from_secs(10))
        .build()
        .expect("good options")
}

fn bearer(bearer: Bearer) -> Auth {
    Auth::Bearer(bearer)
}

async fn ensure(
    client: &Client,
    registry: &FaultyRegistry,
    content: &Bytes,
) -> Result<Pushed, Error> {
    let blob = BlobToPush::new(Digest::sha256(content), content.len() as u64);
    let source = Arc::new(content.clone());
    let (name, progress) = (name(registry), Progress::none());
    let pushed = client.ensure_blob(&name, &blob, source, &progress);
    let pushed = tokio::time::timeout(PATIENCE, pushed).await;
    client.settle().await;
    pushed.expect("a push ends")
}

fn stored(registry: &FaultyRegistry, content: &Bytes) -> bool {
    let digest = Digest::sha256(content).to_string();
    match registry.contents().blob(REPOSITORY, &digest) {
        Some(bytes) => {
            assert!(bytes == *content, "what is stored is what was pushed");
            true
        }
        None => false,
    }
}

/// One push of some bytes with these faults.
async fn push(rules: Vec<Rule>, size: u64) -> (FaultyRegistry, Result<Pushed, Error>) {
    let registry = FaultyRegistry::builder()
        .auth(bearer(Bearer::default()))
        .rules(rules)
        .start();
    let content = Bytes::from(random_bytes(size as usize, 1));
    let pushed = ensure(&client(&registry), &registry, &content).await;
    assert_eq!(pushed.is_ok(), stored(&registry, &content), "{pushed:?}");
    assert_eq!(registry.open_uploads(), 0, "nothing is left open");
    assert!(registry.leaks().is_empty(), "{:?}", registry.leaks());
    (registry, pushed)
}

/// Bytes of bodies that went to upload sessions.
fn sent(registry: &FaultyRegistry) -> u64 {
    registry
        .requests()
        .iter()
        .filter(|exchange| matches!(exchange.method.as_str(), "PUT" | "PATCH"))
        .filter_map(|exchange| exchange.header("content-length")?.parse::<u64>().ok())
        .sum()
}

const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_cut_sends_only_what_is_missing() {
    let cut = Fault::HangUp {
        at: HangUp::InRequest(3 * MIB),
    };
    let rule = Rule::new(When::new("PUT", Class::Session), cut).once();
    let (registry, pushed) = push(vec![rule], 4 * MIB).await;
    assert_eq!(pushed.expect("pushed"), Pushed::Uploaded);
    assert_eq!(sent(&registry), 5 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_sends_nothing_twice() {
    for at in [HangUp::AfterDoing, HangUp::InHeaders] {
        let rule = Rule::new(When::new("PUT", Class::Session), Fault::HangUp { at }).once();
        let (registry, pushed) = push(vec![rule], MIB).await;
        pushed.expect("pushed");
        assert_eq!(sent(&registry), MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_are_refused_rudely_become_chunks() {
    for (status, timing) in [
        (413, Timing::Late),
        (413, Timing::Early),
        (413, Timing::Rude),
    ] {
        let refuse = Fault::RefuseOver {
            bytes: MIB,
            status,
            timing,
        };
        let rule = Rule::new(When::class(Class::Session), refuse);
        let (registry, pushed) = push(vec![rule], 6 * MIB).await;
        pushed.unwrap_or_else(|error| panic!("{timing:?}: {error:?}"));
        let patches = When::new("PATCH", Class::Session);
        assert!(registry.count(&patches) > 0, "{timing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_are_refused_become_smaller_ones() {
    // A proxy lets through less than the registry's chunks, and the registry takes 4 MiB like GHCR.
    let rules = vec![
        Rule::new(
            When::new("PUT", Class::Session),
            Fault::RefuseOver {
                bytes: 18 * MIB,
                status: 413,
                timing: Timing::Early,
            },
        ),
        Rule::new(
            When::new("PATCH", Class::Session),
            Fault::RefuseOver {
                bytes: 4 * MIB,
                status: 416,
                timing: Timing::Early,
            },
        ),
    ];
    let (_, pushed) = push(rules, 20 * MIB).await;
    pushed.expect("pushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_forgotten_or_lose_bytes_end_in_the_blob() {
    let cut = || Fault::HangUp {
        at: HangUp::InRequest(MIB),
    };
    let put = || When::new("PUT", Class::Session);
    let get = || When::new("GET", Class::Session);
    for trouble in [Fault::ForgetSession, Fault::LoseTail { by: 1000 }] {
        let rules = vec![
            Rule::new(put(), cut()).once(),
            Rule::new(get(), trouble).once(),
        ];
        let (_, pushed) = push(rules, 2 * MIB).await;
        pushed.expect("pushed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_all_the_time_are_renewed() {
    let content = Bytes::from(random_bytes(MIB as usize, 1));
    let registry = FaultyRegistry::builder()
        .auth(bearer(Bearer {
            uses: Some(1),
            ..Bearer::default()
        }))
        .start();
    let client = client(&registry);
    ensure(&client, &registry, &content).await.expect("pushed");
    assert!(stored(&registry, &content));
}

/// C5: Nothing is sent to the other host, with a token or a password.
#[tokio::test(flavor = "multi_thread")]
async fn c5_an_upload_elsewhere_is_refused_by_whoever_is_logged_in() {
    let away = Fault::Location {
        location: Location::Elsewhere,
    };
    let rule = Rule::new(When::new("POST", Class::Upload), away);
    let registry = FaultyRegistry::builder()
        .auth(bearer(Bearer::default()))
        .rule(rule)
        .start();
    let content = Bytes::from_static(b"0123456789");
    let error = ensure(&client(&registry), &registry, &content).await;
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    assert!(registry.lines(Origin::Elsewhere).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_mounted_where_the_registry_can() {
    for (mount, expected) in [
        (Mount::Full, Pushed::Mounted),
        (Mount::From, Pushed::Uploaded),
        (Mount::Never, Pushed::Uploaded),
    ] {
        let contents = Contents::new();
        let content = Bytes::from_static(b"0123456789");
        contents.add_blob("elsewhere", content.to_vec());
        let registry = FaultyRegistry::builder()
            .contents(&contents)
            .behaviour(Behaviour {
                mount,
                ..Behaviour::default()
            })
            .start();
        let client = client(&registry);
        let pushed = ensure(&client, &registry, &content).await;
        assert_eq!(pushed.expect("pushed"), expected, "{mount:?}");
        let again = ensure(&client, &registry, &content).await;
        assert_eq!(again.expect("pushed"), Pushed::Exists);
    }
}

/// Two blobs, their manifest and a tag.
async fn publish(registry: &FaultyRegistry, blobs: &[Bytes]) -> Result<Digest, Error> {
    let client = client(registry);
    for blob in blobs {
        ensure(&client, registry, blob).await?;
    }
    let layers: Vec<String> = blobs
        .iter()
        .map(|blob| {
            let (digest, size) = (Digest::sha256(blob), blob.len());
            format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size}}}"#)
        })
        .collect();
    let manifest = Bytes::from(format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        layers[0],
        layers[1..].join(",")
    ));
    let tag = TagOrDigest::Tag("v1".parse::<Tag>().expect("a tag"));
    let name = name(registry);
    let put = client.put_manifest(&name, &tag, &MediaType::OciManifest, manifest);
    tokio::time::timeout(PATIENCE, put)
        .await
        .expect("a push ends")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(300),
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    /// Whatever goes wrong: a push that says it is done is, and one that is not leaves no tag without its blobs.
    #[test]
    fn a_push_is_right_or_an_error(
        seeds in prop::collection::vec(any::<u64>(), 0..6),
        for_ever in any::<bool>(),
    ) {
        let blobs = [random_bytes(40_000, 1), random_bytes(300, 2)].map(Bytes::from);
        let scene = Scene { for_ever, ..Scene::new(40_000) };
        let rules: Vec<Rule> = seeds.iter().map(|seed| scene.push_rule(*seed)).collect();
        let registry = FaultyRegistry::builder()
            .auth(bearer(Bearer::default()))
            .rules(rules)
            .start();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let outcome = runtime.block_on(publish(&registry, &blobs));
        let are_stored = blobs.iter().all(|blob| stored(&registry, blob));
        let tagged = registry.contents().tagged(REPOSITORY, "v1");
        match &outcome {
            Ok(digest) => {
                prop_assert!(are_stored);
                prop_assert_eq!(tagged, Some(digest.to_string()));
            }
            Err(_) => prop_assert!(tagged.is_none() || are_stored),
        }
        prop_assert!(registry.leaks().is_empty(), "{:?}", registry.leaks());
    }
}
