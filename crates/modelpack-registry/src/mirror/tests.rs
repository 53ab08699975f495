//! Cases of the order in which places are asked, and of mirrors that are left alone.

use modelpack_spec::distribution::Endpoint;
use modelpack_spec::{Digest, Reference};

use super::*;
use crate::error::At;

fn name(text: &str) -> Name {
    Name::from(&text.parse::<Reference>().expect("a reference"))
}

fn mirror(url: &str, change: impl FnOnce(&mut Mirror)) -> Mirror {
    let mut mirror = Mirror::new(url.parse().expect("a mirror"));
    change(&mut mirror);
    mirror
}

fn prefix(text: &str) -> Option<Repository> {
    Some(text.parse().expect("a repository"))
}

fn urls(reference: &str, wanted: Wanted, mirrors: Vec<Mirror>) -> Vec<String> {
    let settings = HostSettings {
        mirrors,
        ..HostSettings::default()
    };
    let places = places(&name(reference), wanted, &settings, PlainHttp::Never).expect("places");
    let upstream = places.last().expect("the registry");
    assert!(!upstream.is_mirror());
    assert_eq!(upstream.name, name(reference));
    let mirrors = &places[..places.len() - 1];
    assert!(mirrors.iter().all(Target::is_mirror));
    places
        .iter()
        .map(|place| {
            let url = place.url(&Endpoint::GetBlob {
                name: place.repository().clone(),
                digest: Digest::sha256(b""),
            });
            url.to_string()
                .replace(&format!("blobs/{}", Digest::sha256(b"")), "…")
        })
        .collect()
}

#[test]
fn mirrors_come_first_by_priority_then_as_written() {
    let mirrors = vec![
        mirror("https://last.corp", |mirror| mirror.priority = 10),
        mirror("http://127.0.0.1:65001", |_| {}),
        mirror("https://harbor.corp", |mirror| {
            mirror.path_prefix = prefix("hub")
        }),
        mirror("https://first.corp", |mirror| {
            mirror.priority = -1;
            mirror.ns = false;
        }),
    ];
    assert_eq!(
        urls("docker.io/qwen3:v1", Wanted::Digest, mirrors),
        [
            "https://first.corp/v2/library/qwen3/…",
            "http://127.0.0.1:65001/v2/library/qwen3/…?ns=docker.io",
            "https://harbor.corp/v2/hub/library/qwen3/…?ns=docker.io",
            "https://last.corp/v2/library/qwen3/…?ns=docker.io",
            "https://registry-1.docker.io/v2/library/qwen3/…",
        ]
    );
}

#[test]
fn tags_are_asked_only_where_they_are_believed() {
    let mirrors = || {
        vec![
            mirror("https://a.corp", |_| {}),
            mirror("https://b.corp", |mirror| mirror.tags = true),
        ]
    };
    assert_eq!(
        urls("r.corp:5000/a/b:v1", Wanted::Tag, mirrors()),
        [
            "https://b.corp/v2/a/b/…?ns=r.corp%3A5000",
            "https://r.corp:5000/v2/a/b/…",
        ]
    );
    assert_eq!(urls("r.corp/a:v1", Wanted::Digest, mirrors()).len(), 3);
    assert_eq!(
        urls("r.corp/a:v1", Wanted::Tag, Vec::new()),
        ["https://r.corp/v2/a/…"]
    );
}

#[test]
fn no_place_is_asked_twice_and_none_that_cannot_be_asked() {
    let mirrors = vec![
        mirror("https://r.corp", |_| {}),
        mirror("https://r.corp:443", |_| {}),
        mirror("https://r.corp", |mirror| {
            mirror.path_prefix = prefix("cache")
        }),
        mirror("https://m.corp", |_| {}),
        mirror("https://m.corp", |mirror| mirror.priority = 3),
        mirror("https://long.corp", |mirror| {
            mirror.path_prefix = prefix(&"a".repeat(255));
        }),
    ];
    let asked = urls("r.corp/a:v1", Wanted::Digest, mirrors);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[0].starts_with("https://r.corp/v2/cache/a/"));
    assert!(asked[1].starts_with("https://m.corp/v2/a/"));
}

#[test]
fn credentials_are_looked_up_under_the_name_of_the_mirror() {
    let settings = HostSettings {
        mirrors: vec![mirror("https://harbor.corp", |mirror| {
            mirror.path_prefix = prefix("hub");
        })],
        ..HostSettings::default()
    };
    let places = places(
        &name("docker.io/a/b:v1"),
        Wanted::Digest,
        &settings,
        PlainHttp::Always,
    );
    let places = places.expect("places");
    assert_eq!(places[0].name, name("harbor.corp/hub/a/b"));
    assert!(
        places[0].origin.is_secure(),
        "the mirror's own scheme counts"
    );
    assert!(!places[1].origin.is_secure());
}

fn at() -> Box<At> {
    At::new(
        http::Method::GET,
        &"https://m.corp/".parse().expect("a URL"),
    )
}

#[test]
fn a_mirror_that_fails_rests_and_one_that_lies_is_left() {
    let mut rests = Rests::default();
    let now = Instant::now();
    let origin = |text: &str| Origin::of(&text.parse().expect("a URL")).expect("an origin");
    let (mirror, other) = (origin("https://m.corp"), origin("https://o.corp"));
    rests.note(&mirror, &Error::NotFound { at: at() }, now);
    rests.note(&mirror, &Error::Unauthorized { at: at() }, now);
    assert!(!rests.is_resting(&mirror, now));

    rests.note(&mirror, &Error::Server { at: at() }, now);
    assert!(rests.is_resting(&mirror, now) && !rests.is_resting(&other, now));
    assert!(rests.is_resting(&mirror, now + REST - Duration::from_millis(1)));
    assert!(!rests.is_resting(&mirror, now + REST));

    let lie = Error::SizeMismatch {
        at: at(),
        expected: 1,
        actual: 2,
    };
    rests.note(&mirror, &lie, now);
    rests.note(&mirror, &Error::Server { at: at() }, now);
    assert!(rests.is_resting(&mirror, now + REST * 10_000));
}

#[test]
fn our_own_failures_are_not_the_mirrors() {
    let failed = || std::io::Error::other("full");
    let digest = Digest::sha256(b"");
    assert!(!gives_way(&Error::Sink {
        digest,
        source: failed()
    }));
    assert!(!gives_way(&Error::Source {
        digest,
        source: failed()
    }));
    assert!(gives_way(&Error::NotFound { at: at() }));
    assert!(gives_way(&Error::Denied { at: at() }));
}
