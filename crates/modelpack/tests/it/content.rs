//! What an artifact says is not believed before it was checked; the numbers are those of the project's list.

use modelpack::registry::PlainHttp;
use modelpack::{Client, Control, PullOptions, Reference, Store, Toolkit};
use modelpack_testkit::faulty::{
    Class, Contents, Fault, FaultyRegistry, Rule, When, sha256_digest,
};

const REPOSITORY: &str = "models/toy";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &[u8] = b"0123456789";

fn config(layer: &[u8]) -> String {
    format!(
        r#"{{"descriptor":{{"name":"toy"}},"modelfs":{{"type":"layers","diffIds":["{}"]}},"config":{{}}}}"#,
        sha256_digest(layer)
    )
}

fn manifest(layer: &[u8], config_fields: &str, size: u64) -> String {
    let config = config(layer);
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"application/vnd.cncf.model.manifest.v1+json","config":{{"mediaType":"application/vnd.cncf.model.config.v1+json","digest":"{}","size":{}{config_fields}}},"layers":[{{"mediaType":"application/vnd.cncf.model.weight.v1.raw","digest":"{}","size":{size},"annotations":{{"org.cncf.model.filepath":"model.bin"}}}}]}}"#,
        sha256_digest(config.as_bytes()),
        config.len(),
        sha256_digest(layer),
    )
}

fn contents(manifest: &str) -> Contents {
    contents_of(LAYER, manifest)
}

fn contents_of(layer: &[u8], manifest: &str) -> Contents {
    let contents = Contents::new();
    contents.add_blob(REPOSITORY, config(layer));
    contents.add_blob(REPOSITORY, layer);
    contents.add_manifest(REPOSITORY, "v1", MANIFEST, manifest);
    contents
}

/// A registry with one artifact of one file, `model.bin`.
pub(crate) fn scene_of(layer: &[u8]) -> Scene {
    let manifest = manifest(layer, "", layer.len() as u64);
    scene(&contents_of(layer, &manifest))
}

/// A registry with one artifact of one file, which says that it is called so.
pub(crate) fn scene_called(path: &str, layer: &[u8]) -> Scene {
    let manifest = manifest(layer, "", layer.len() as u64).replace("model.bin", path);
    scene(&contents_of(layer, &manifest))
}

pub(crate) struct Scene {
    pub(crate) registry: FaultyRegistry,
    pub(crate) toolkit: Toolkit,
    pub(crate) reference: Reference,
    _scratch: tempfile::TempDir,
}

fn scene(contents: &Contents) -> Scene {
    let registry = FaultyRegistry::builder().contents(contents).start();
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let store = Store::create(scratch.path().join("store")).expect("a store");
    let client = Client::builder().plain_http(PlainHttp::Loopback).build();
    let reference = format!("{}/{REPOSITORY}:v1", registry.host());
    Scene {
        toolkit: Toolkit::new(store, client.expect("a client")),
        reference: reference.parse().expect("a reference"),
        registry,
        _scratch: scratch,
    }
}

impl Scene {
    async fn pull(&self) -> Result<modelpack::PullReport, modelpack::Error> {
        let (options, control) = (PullOptions::default(), Control::default());
        self.toolkit.pull(&self.reference, &options, &control).await
    }
}

/// D5: The disk is asked before the registry.
#[tokio::test(flavor = "multi_thread")]
async fn d5_a_size_that_no_disk_has_is_refused_before_anything_is_fetched() {
    let scene = scene(&contents(&manifest(LAYER, "", i64::MAX.unsigned_abs())));
    let error = scene.pull().await.expect_err("it cannot fit");
    assert!(error.is_no_space(), "{error}");
    let blobs = scene.registry.served(&sha256_digest(LAYER));
    assert_eq!(blobs.total(), 0);
    assert!(scene.toolkit.store().partials().expect("a list").is_empty());
}

/// D6: A config is refused by its declared size.
#[tokio::test(flavor = "multi_thread")]
async fn d6_a_config_beyond_its_limit_is_refused_before_it_is_fetched() {
    let right = format!(r#""size":{}"#, config(LAYER).len());
    let endless = manifest(LAYER, "", 10).replace(&right, r#""size":99999999999"#);
    let scene = scene(&contents(&endless));
    let error = scene.pull().await.expect_err("too large");
    assert!(!error.is_no_space(), "{error}");
    let said = format!("{error} {:?}", std::error::Error::source(&error));
    assert!(said.contains("TooLarge"), "{said}");
    for blob in [config(LAYER).as_bytes(), LAYER] {
        let served = scene.registry.served(&sha256_digest(blob));
        assert_eq!(served.total(), 0);
    }
}

/// D8: What a descriptor embeds does not count.
#[tokio::test(flavor = "multi_thread")]
async fn d8_data_inside_a_descriptor_does_not_replace_the_blob() {
    // Base64 of something else than the config.
    let scene = scene(&contents(&manifest(LAYER, r#","data":"eHh4""#, 10)));
    scene.pull().await.expect("the blob itself is right");
    let config = config(LAYER);
    let digest = modelpack::Digest::sha256(config.as_bytes());
    let stored = scene.toolkit.store().read_blob(&digest, 1024);
    assert_eq!(stored.expect("it is there"), config.as_bytes());
}

/// D15: The version of the first answer is what arrives.
#[tokio::test(flavor = "multi_thread")]
async fn d15_a_tag_is_asked_once_and_everything_else_goes_by_digest() {
    let contents = contents(&manifest(LAYER, "", 10));
    let other = contents.add_manifest(REPOSITORY, "other", MANIFEST, manifest(b"other", "", 5));
    let scene = scene(&contents);
    // The tag moves between the first request and whatever comes second.
    let rule = Rule::new(When::class(Class::Blob), Fault::MoveTag { to: other });
    scene.registry.set_rules([rule]);
    let report = scene.pull().await.expect("pulled");
    let expected = modelpack::Digest::sha256(manifest(LAYER, "", 10).as_bytes());
    assert_eq!(report.digest, expected);
    let by_tag = scene.registry.count(&When::class(Class::Manifest).of("v1"));
    assert_eq!(by_tag, 1);
}
