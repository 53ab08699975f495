//! Made-up rules: whatever they are, the registry itself stays whole.

use modelpack_faulty::{
    Auth, Bearer, Behaviour, Contents, FaultyRegistry, Origin, Scene, Uploads, sha256_digest,
};

use super::raw::{Answer, Wire, sample, try_ask};

/// Enough for every kind of fault to strike many times.
const CASES: u64 = 150;

fn scene() -> Scene {
    Scene {
        for_ever: true,
        ..Scene::new(1000)
    }
}

fn behaviour(seed: u64) -> Behaviour {
    let auth = match seed % 3 {
        0 => Auth::Open,
        1 => Auth::Bearer(Bearer {
            own_origin: seed.is_multiple_of(2),
            ..Bearer::default()
        }),
        _ => Auth::Basic {
            user: "user".to_owned(),
            password: "correct-horse".to_owned(),
        },
    };
    let uploads = [Uploads::Keep, Uploads::Hash, Uploads::Drop][(seed / 3 % 3) as usize];
    Behaviour {
        auth,
        uploads,
        ..Behaviour::default()
    }
}

/// One request with whatever credentials it takes, as far as the rules let it come.
fn ask(registry: &FaultyRegistry, line: &str, body: &[u8]) -> Option<Answer> {
    let basic = ("Authorization", "Basic dXNlcjpjb3JyZWN0LWhvcnNl");
    let scope = "scope=repository:a/b:pull,push,delete";
    let token = Wire::open(registry.address(Origin::Tokens))
        .ask(&format!("GET /token?{scope}"), &[basic], &[])
        .and_then(|answer| serde_json::from_slice::<serde_json::Value>(&answer.body).ok())
        .and_then(|document| Some(document["token"].as_str()?.to_owned()));
    let value = token.map_or(basic.1.to_owned(), |token| format!("Bearer {token}"));
    let headers = [
        ("Authorization", value.as_str()),
        ("Range", "bytes=100-899"),
    ];
    try_ask(registry, line, &headers, body)
}

#[test]
fn a_pull_meets_every_fault() {
    for seed in 0..CASES {
        let contents = Contents::new();
        let digest = contents.add_blob("a/b", sample());
        let manifest = contents.add_manifest("a/b", "v1", "x/y", "{}");
        let scene = Scene {
            blobs: vec![digest.clone()],
            moves: vec![manifest],
            ..scene()
        };
        let registry = FaultyRegistry::builder()
            .contents(&contents)
            .behaviour(behaviour(seed))
            .rules(scene.pull_rules(seed, 4))
            .rule(scene.list_rule(seed))
            .start();
        let mut read = 0;
        for line in [
            "GET /v2/a/b/manifests/v1",
            "GET /v2/a/b/tags/list",
            &format!("HEAD /v2/a/b/blobs/{digest}"),
            &format!("GET /v2/a/b/blobs/{digest}"),
            &format!("GET /v2/a/b/blobs/{digest}"),
        ] {
            let answer = ask(&registry, line, &[]);
            read += answer.map_or(0, |answer| answer.body.len() as u64);
        }
        let sent: u64 = registry.requests().iter().map(|one| one.sent).sum();
        assert!(
            sent >= read,
            "{seed}: {sent} bytes were counted, {read} came"
        );
        assert!(registry.served(&digest).distinct() <= 1000, "{seed}");
    }
}

#[test]
fn a_push_meets_every_fault() {
    for seed in 0..CASES {
        let registry = FaultyRegistry::builder()
            .behaviour(behaviour(seed))
            .rules(scene().push_rules(seed, 4))
            .start();
        let digest = sha256_digest(&sample());
        let start = ask(&registry, "POST /v2/a/b/blobs/uploads/", &[]);
        let id = start.and_then(|answer| {
            let location = answer.header("location")?.to_owned();
            let (_, id) = location.split_once("/uploads/")?;
            Some(id.to_owned())
        });
        let id = id.unwrap_or_else(|| "upload-1".to_owned());
        let path = format!("/v2/a/b/blobs/uploads/{id}");
        let joint = if id.contains('?') { '&' } else { '?' };
        for (line, body) in [
            (format!("HEAD /v2/a/b/blobs/{digest}"), 0..0),
            (format!("PATCH {path}"), 0..500),
            (format!("GET {path}"), 0..0),
            (format!("PUT {path}{joint}digest={digest}"), 500..1000),
            (format!("DELETE {path}"), 0..0),
        ] {
            ask(&registry, &line, &sample()[body]);
        }
        ask(&registry, "PUT /v2/a/b/manifests/v1", b"{}");
        // What is kept is right, whatever went wrong on the way.
        if let Some(blob) = registry.contents().blob("a/b", &digest) {
            assert_eq!(blob, sample(), "{seed}");
        }
    }
}
