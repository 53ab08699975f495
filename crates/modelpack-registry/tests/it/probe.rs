//! Questions about what a registry can do, which leave nothing behind.

use modelpack_registry::{Client, DockerConfig, LoginPlace, Name, PlainHttp, Proxies};
use modelpack_spec::{Descriptor, Digest, MediaType};
use modelpack_testkit::faulty::{Behaviour, Class, Contents, Fault, FaultyRegistry, Rule, When};

const REPOSITORY: &str = "models/tiny";

fn client() -> Client {
    let client = Client::builder().plain_http(PlainHttp::Always);
    client.build().expect("good options")
}

fn start(behaviour: Behaviour) -> (FaultyRegistry, Name, Descriptor) {
    let contents = Contents::new();
    let blob = vec![7; 1000];
    contents.add_blob(REPOSITORY, blob.clone());
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .behaviour(behaviour)
        .start();
    let host = registry.host().parse().expect("a host");
    let name = Name::new(host, REPOSITORY.parse().expect("a repository"));
    let media_type = MediaType::from("application/octet-stream");
    let descriptor = Descriptor::new(media_type, Digest::sha256(&blob), 1000);
    (registry, name, descriptor)
}

#[tokio::test]
async fn what_a_registry_can() {
    let (registry, name, mut blob) = start(Behaviour::default());
    let client = client();
    let upload = client.probe_upload(&name).await.expect("it may push");
    assert!(upload.is_cancelled);
    assert_eq!((upload.chunk_min_bytes, registry.open_uploads()), (None, 0));
    let ranges = client.probe_ranges(&name, &blob).await;
    assert_eq!(ranges.expect("it answers"), Some(true));
    let served = registry.served(&blob.digest.to_string());
    assert_eq!(served.total(), 1, "one byte is enough");
    let referrers = client.probe_referrers(&name, &blob.digest).await;
    assert!(referrers.expect("it answers"));
    registry.add_rule(Rule::new(When::new("GET", Class::Blob), Fault::IgnoreRange));
    let ranges = client.probe_ranges(&name, &blob).await;
    assert_eq!(ranges.expect("it answers"), Some(false));
    blob.size = 1;
    let ranges = client.probe_ranges(&name, &blob).await;
    assert_eq!(ranges.expect("it is not asked"), None);
    blob.size = 1000;
    blob.digest = Digest::sha256(b"not there");
    let error = client.probe_ranges(&name, &blob).await;
    assert!(error.expect_err("it is not there").is_not_found());
}

#[tokio::test]
async fn what_a_registry_cannot() {
    let (_registry, name, blob) = start(Behaviour {
        referrers: false,
        ..Behaviour::default()
    });
    let referrers = client().probe_referrers(&name, &blob.digest).await;
    assert!(!referrers.expect("it answers"));
}

#[test]
fn which_way_a_host_is_asked() {
    let mut proxies = Proxies::default();
    proxies.all = Some(
        "http://me:secret@proxy.example:3128"
            .parse()
            .expect("a proxy"),
    );
    let client = Client::builder().proxies(proxies).build();
    let client = client.expect("good options");
    let check = |host: &str, address: &str, proxy: Option<&str>| {
        let host = host.parse().expect("a host");
        assert_eq!(client.address_of(&host).expect("an address"), address);
        let found = client.proxy_of(&host).expect("an answer");
        assert_eq!(found.map(|it| it.to_string()).as_deref(), proxy);
    };
    let proxy = Some("http://proxy.example:3128");
    check("docker.io", "https://registry-1.docker.io", proxy);
    check("r.example:5000", "https://r.example:5000", proxy);
    check("localhost:5000", "https://localhost:5000", None);
}

#[test]
fn where_a_login_comes_from() {
    let config = DockerConfig::parse(
        br#"{"auths":{"a.io":{"auth":"bWU6c2VjcmV0"},"b.io/team":{"auth":"bWU6c2VjcmV0"}},
            "credHelpers":{"c.io":"pass","d.io":"../sh"}}"#,
    )
    .expect("it is well-formed");
    let place = |name: &str| {
        let (host, repository) = name.split_once('/').expect("a slash");
        let host = host.parse().expect("a host");
        let repository = repository.parse().expect("a repository");
        config.login_place(&Name::new(host, repository))
    };
    assert_eq!(place("a.io/x"), Some(LoginPlace::File));
    assert_eq!(place("b.io/team/x"), Some(LoginPlace::File));
    assert_eq!(place("b.io/x"), None);
    assert!(matches!(place("c.io/x"), Some(LoginPlace::Helper(it)) if it.as_str() == "pass"));
    assert!(matches!(
        place("d.io/x"),
        Some(LoginPlace::InvalidHelper(_))
    ));
    assert_eq!(config.keys(), ["a.io", "b.io/team", "c.io", "d.io"]);
    let config = DockerConfig::parse(br#"{"credsStore":"desktop"}"#).expect("it is well-formed");
    let name = Name::new(
        "e.io".parse().expect("a host"),
        "x".parse().expect("a name"),
    );
    let place = config.login_place(&name);
    assert!(matches!(place, Some(LoginPlace::Helper(it)) if it.as_str() == "desktop"));
}
