//! What a doctor finds out about a registry and a store, and that it leaves nothing behind.

use modelpack::doctor::{StoreState, Verdict, probe_registry, probe_store, worst};
use modelpack::registry::PlainHttp;
use modelpack::{Client, Control, Reference};
use modelpack_testkit::faulty::{
    Auth, Behaviour, Class, Contents, Fault, FaultyRegistry, Mount, Rule, When,
};

use crate::scene::{Scene, tree};

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_can_everything() {
    let scene = Scene::new().await;
    let built = scene.published("me/toy:v1").await;
    let reference = scene.reference("me/toy:v1");
    let client = scene.consumer.client();
    let control = Control::default();
    let probe = probe_registry(client, &reference.host, Some(&reference), &control)
        .await
        .expect("it is asked");
    let findings = probe.findings();
    assert_eq!(worst(&findings), Verdict::Good, "{findings:?}");
    let checks: Vec<_> = findings.iter().map(|it| it.check.as_str()).collect();
    assert_eq!(
        checks,
        [
            "reachable",
            "tags",
            "pull",
            "ranges",
            "referrers",
            "push",
            "chunk minimum",
            "mount from",
            "mount anonymous"
        ]
    );
    assert!(matches!(&probe.artifact, Some(Ok(digest)) if *digest == built.digest));
    // Without a repository only the registry itself is asked.
    let probe = probe_registry(client, &reference.host, None, &control)
        .await
        .expect("it is asked");
    assert_eq!(probe.findings().len(), 1);
}

fn client() -> Client {
    let client = Client::builder().plain_http(PlainHttp::Always);
    client.build().expect("a client")
}

async fn verdicts(behaviour: Behaviour, rules: Vec<Rule>, tag: &str) -> Vec<String> {
    const NAME: &str = "models/tiny";
    let contents = Contents::new();
    let layer = contents.add_blob(NAME, vec![7; 1000]);
    let config = contents.add_blob(NAME, b"{}".to_vec());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"application/json","digest":"{config}","size":2}},
        "layers":[{{"mediaType":"application/octet-stream","digest":"{layer}","size":1000}}]}}"#
    );
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    contents.add_manifest(NAME, "v1", media_type, manifest.into_bytes());
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .behaviour(behaviour)
        .start();
    registry.set_rules(rules);
    let reference: Reference = format!("{}/{NAME}:{tag}", registry.host())
        .parse()
        .expect("a reference");
    let control = Control::default();
    let probe = probe_registry(&client(), &reference.host, Some(&reference), &control)
        .await
        .expect("it is asked");
    assert_eq!(registry.open_uploads(), 0, "nothing is left behind");
    let findings = probe.findings();
    for finding in &findings {
        let is_good = finding.verdict == Verdict::Good;
        assert!(is_good || finding.hint.is_some(), "{finding:?}");
    }
    findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Good)
        .map(|finding| format!("{:?} {}", finding.verdict, finding.check))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_cannot_do_is_said() {
    let check = async |behaviour, rules, tag, expected: &[&str]| {
        assert_eq!(verdicts(behaviour, rules, tag).await, expected);
    };
    check(Behaviour::default(), Vec::new(), "v1", &[]).await;
    let poor = Behaviour {
        referrers: false,
        mount: Mount::Never,
        ..Behaviour::default()
    };
    let expected = [
        "Notice ranges",
        "Notice referrers",
        "Notice mount from",
        "Notice mount anonymous",
    ];
    let whole = Rule::new(When::new("GET", Class::Blob), Fault::IgnoreRange);
    check(poor, vec![whole], "v1", &expected).await;
    check(Behaviour::default(), Vec::new(), "v2", &["Notice pull"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let reference: Reference = format!("127.0.0.1:{port}/a/b:c").parse().expect("a name");
    let control = Control::default();
    let probe = probe_registry(&client(), &reference.host, Some(&reference), &control)
        .await
        .expect("it is asked");
    let findings = probe.findings();
    let [finding] = findings.as_slice() else {
        panic!("nothing else is asked: {findings:?}");
    };
    assert_eq!(
        (finding.verdict, &*finding.check),
        (Verdict::Bad, "reachable")
    );
    assert!(finding.says.contains(&port.to_string()), "{}", finding.says);
    assert!(finding.hint.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_holes() {
    let scene = Scene::new().await;
    let model = scene.model(
        "m",
        "MODEL *.bin\n",
        &[("a.bin", &[1; 100]), ("b.bin", b"b")],
    );
    scene.build(&model, "me/toy:v1").await.expect("it builds");
    let root = scene.path("publisher");
    let before = tree(&root);
    let probe = probe_store(root.clone()).await.expect("it is looked at");
    assert_eq!(probe.state, StoreState::Ready);
    assert_eq!((probe.names, probe.damage.len()), (1, 0));
    assert_eq!(tree(&root), before, "nothing is left behind");

    let store = scene.publisher.store();
    let (one, other) = (
        modelpack::Digest::sha256(&[1; 100]),
        modelpack::Digest::sha256(b"b"),
    );
    std::fs::remove_file(store.blob_path(&one)).expect("it is there");
    std::fs::remove_file(store.blob_path(&other)).expect("it is there");
    std::fs::write(store.blob_path(&other), "too long").expect("it is ours");
    let probe = probe_store(root).await.expect("it is looked at");
    let mut damage = probe.damage.clone();
    damage.sort();
    let name = scene.reference("me/toy:v1");
    let mut expected = [
        format!("{name}: blob {one} is missing"),
        format!("{name}: blob {other} has 8 bytes, expected 1"),
    ];
    expected.sort();
    assert_eq!(damage, expected);

    let nowhere = scene.path("nowhere");
    let probe = probe_store(nowhere.clone()).await.expect("it is looked at");
    assert_eq!(probe.state, StoreState::Missing);
    assert!(!nowhere.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_not_taken_is_a_fault_and_none_is_not() {
    let registry = FaultyRegistry::builder()
        .auth(Auth::Basic {
            user: "me".to_owned(),
            password: "secret".to_owned(),
        })
        .start();
    let host = registry.host().parse().expect("a host");
    let mut probe = probe_registry(&client(), &host, None, &Control::default())
        .await
        .expect("it is asked");
    assert_eq!(worst(&probe.findings()), Verdict::Notice);
    probe.has_login = true;
    assert_eq!(worst(&probe.findings()), Verdict::Bad);
}
