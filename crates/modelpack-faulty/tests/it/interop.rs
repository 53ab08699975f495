//! A client of other people gets along with it.

use std::process::Command;

use modelpack_faulty::{
    Auth, Bearer, Class, Contents, Fault, FaultyRegistry, Location, Origin, Rule, SyntheticBlob,
    Target, When,
};
use modelpack_testkit::{skip, tool};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// `models/toy:v1` with one layer; and the digest of the layer.
fn toy() -> (Contents, String) {
    let contents = Contents::new();
    let config = contents.add_blob("models/toy", "{}");
    let layer = contents.add_synthetic("models/toy", SyntheticBlob::new(3_000_000, 1));
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.model.config.v1+json",
            "digest": config,
            "size": 2,
        },
        "layers": [{
            "mediaType": "application/vnd.cncf.model.weight.v1.raw",
            "digest": layer,
            "size": 3_000_000,
        }],
    });
    contents.add_manifest("models/toy", "v1", MANIFEST, manifest.to_string());
    (contents, layer)
}

/// Copies from one registry to the other. What skopeo says when it fails; `None` when there is no skopeo.
fn copy(from: &FaultyRegistry, to: &FaultyRegistry) -> Option<Result<(), String>> {
    let Some(skopeo) = tool("skopeo") else {
        skip("skopeo is not installed");
        return None;
    };
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let output = Command::new(skopeo)
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .args(["--insecure-policy", "copy", "--src-tls-verify=false"])
        .args([
            "--dest-tls-verify=false",
            "--dest-creds",
            "user:correct-horse",
        ])
        .arg(format!("docker://{}/models/toy:v1", from.host()))
        .arg(format!("docker://{}/team/copy:v2", to.host()))
        .output()
        .expect("skopeo starts");
    let text = || String::from_utf8_lossy(&output.stderr).into_owned();
    Some(output.status.success().then_some(()).ok_or_else(text))
}

fn check_equal(from: &FaultyRegistry, to: &FaultyRegistry, layer: &str) {
    let manifest = from.contents().manifest("models/toy", "v1");
    assert!(manifest.is_some());
    assert_eq!(to.contents().manifest("team/copy", "v2"), manifest);
    let copied = to.contents().blob("team/copy", layer);
    assert_eq!(copied, from.contents().blob("models/toy", layer));
    assert_eq!(to.open_uploads(), 0);
}

#[test]
fn skopeo_copies_with_a_token() {
    let (contents, layer) = toy();
    let from = FaultyRegistry::builder().contents(&contents).start();
    let auth = Auth::Bearer(Bearer {
        own_origin: true,
        ..Bearer::default()
    });
    let to = FaultyRegistry::builder().auth(auth).start();
    let Some(result) = copy(&from, &to) else {
        return;
    };
    assert_eq!(result, Ok(()));
    check_equal(&from, &to, &layer);
    assert!(to.count(&When::class(Class::Token)) > 0);
    assert_eq!(from.served(&layer).spans.len(), 1);
    assert!(to.leaks().is_empty());
}

#[test]
fn skopeo_goes_where_it_is_led_and_brings_queries_back() {
    let (contents, layer) = toy();
    let to = Target::Signed {
        uses: None,
        get_only: true,
    };
    let from = FaultyRegistry::builder()
        .contents(&contents)
        .rule(Rule::new(
            When::new("GET", Class::Blob),
            Fault::Redirect { to, status: 307 },
        ))
        .start();
    let location = Location::Query;
    let to = FaultyRegistry::builder()
        .auth(Auth::Basic {
            user: "user".to_owned(),
            password: "correct-horse".to_owned(),
        })
        .rule(Rule::new(
            When::class(Class::Upload),
            Fault::Location { location },
        ))
        .start();
    let Some(result) = copy(&from, &to) else {
        return;
    };
    assert_eq!(result, Ok(()));
    check_equal(&from, &to, &layer);
    assert_eq!(from.lines(Origin::Elsewhere).len(), 2);
    assert!(from.leaks().is_empty());
}

#[test]
fn skopeo_notices_wrong_bytes() {
    let (contents, layer) = toy();
    let from = FaultyRegistry::builder()
        .contents(&contents)
        .rule(Rule::new(
            When::new("GET", Class::Blob).of(&layer),
            Fault::WrongBytes {
                at: 2_999_999,
                count: 1,
            },
        ))
        .start();
    let to = FaultyRegistry::builder().start();
    let Some(result) = copy(&from, &to) else {
        return;
    };
    let text = result.expect_err("the digest is another one");
    assert!(text.contains("Digest did not match"), "{text}");
    assert_eq!(to.contents().tagged("team/copy", "v2"), None);
}
