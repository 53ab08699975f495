//! What goes wrong while something is written.

use std::time::Duration;

use modelpack_faulty::{
    Behaviour, Class, Fault, FaultyRegistry, Filler, HangUp, Location, Origin, Rule, SyntheticBlob,
    Timing, Uploads, When, sha256_digest,
};

use super::raw::{Answer, Wire, ask, get, sample, try_ask, with_fault, with_rule};

const START: &str = "POST /v2/a/blobs/uploads/";

fn starts() -> When {
    When::new("POST", Class::Upload)
}

fn chunks() -> When {
    When::new("PATCH", Class::Session)
}

fn start(registry: &FaultyRegistry) -> String {
    let answer = ask(registry, START, &[], &[]);
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.told("location").to_owned()
}

fn patch(registry: &FaultyRegistry, location: &str, range: &str, body: &[u8]) -> Answer {
    let line = format!("PATCH {location}");
    ask(registry, &line, &[("Content-Range", range)], body)
}

fn put(location: &str, bytes: &[u8]) -> String {
    let joint = if location.contains('?') { '&' } else { '?' };
    format!("PUT {location}{joint}digest={}", sha256_digest(bytes))
}

#[test]
fn a_location_is_written_in_every_way() {
    for (location, expected) in [
        (Location::Relative, Some("/v2/a/blobs/uploads/upload-1")),
        (
            Location::Absolute,
            Some("{registry}/v2/a/blobs/uploads/upload-1"),
        ),
        (
            Location::Elsewhere,
            Some("{elsewhere}/v2/a/blobs/uploads/upload-1"),
        ),
        (Location::Missing, None),
        (
            Location::Url("http://x.invalid{target}".to_owned()),
            Some("http://x.invalid/v2/a/blobs/uploads/upload-1"),
        ),
    ] {
        let (registry, _) = with_fault(starts(), Fault::Location { location });
        let answer = ask(&registry, START, &[], &[]);
        let expected = expected.map(|text| {
            text.replace("{registry}", &registry.url(Origin::Registry))
                .replace("{elsewhere}", &registry.url(Origin::Elsewhere))
        });
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("location"), expected.as_deref());
    }
}

#[test]
fn the_query_of_a_location_must_come_back() {
    let location = Location::Query;
    let (registry, _) = with_fault(starts(), Fault::Location { location });
    let location = start(&registry);
    let (path, query) = location.split_once('?').expect("a query");
    assert!(query.contains("%22"), "{query}");
    let without = ask(&registry, &put(path, b"x"), &[], b"x");
    assert_eq!(without.status, 400);
    let status = get(&registry, &location);
    assert_eq!(status.told("location"), location, "it stays as it is");
    assert_eq!(ask(&registry, &put(&location, b"x"), &[], b"x").status, 201);
}

#[test]
fn the_other_origin_takes_an_upload() {
    let location = Location::Elsewhere;
    let (registry, _) = with_fault(starts(), Fault::Location { location });
    let location = start(&registry);
    let path = &location[registry.url(Origin::Elsewhere).len()..];
    let answer = Wire::open(registry.address(Origin::Elsewhere)).ask(&put(path, b"x"), &[], b"x");
    assert_eq!(answer.expect("an answer").status, 201);
    assert!(registry.contents().has_blob("a", &sha256_digest(b"x")));
    assert_eq!(registry.lines(Origin::Elsewhere), [put(path, b"x")]);
}

#[test]
fn a_session_is_forgotten() {
    let (registry, _) = with_rule(Rule::new(chunks(), Fault::ForgetSession).skip(1).once());
    let location = start(&registry);
    assert_eq!(patch(&registry, &location, "0-1", b"ab").status, 202);
    let answer = patch(&registry, &location, "2-3", b"cd");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("BLOB_UPLOAD_UNKNOWN"));
    assert_eq!(get(&registry, &location).status, 404);
}

#[test]
fn a_lower_offset_is_told_and_meant() {
    for when in [chunks(), When::new("GET", Class::Session)] {
        let (registry, _) = with_rule(Rule::new(when, Fault::LoseTail { by: 300 }).once());
        let location = start(&registry);
        patch(&registry, &location, "0-999", &sample());
        assert_eq!(get(&registry, &location).told("range"), "0-699");
        let wrong = patch(&registry, &location, "1000-1000", b"x");
        assert_eq!((wrong.status, wrong.told("range")), (416, "0-699"));
        let rest = patch(&registry, &location, "700-999", &sample()[700..]);
        assert_eq!((rest.status, rest.told("range")), (202, "0-999"));
        let answer = ask(&registry, &put(&location, &sample()), &[], &[]);
        assert_eq!(answer.status, 201);
    }
}

#[test]
fn chunks_are_refused() {
    for status in [404, 405] {
        let fault = Fault::Status {
            status,
            body: Filler::Error,
            retry_after: None,
            timing: Timing::Late,
        };
        let (registry, _) = with_fault(chunks(), fault);
        let location = start(&registry);
        assert_eq!(patch(&registry, &location, "0-0", b"x").status, status);
        assert_eq!(ask(&registry, &put(&location, b"x"), &[], b"x").status, 201);
    }
}

#[test]
fn large_bodies_are_refused_and_nothing_is_kept_of_them() {
    for (status, timing) in [
        (416, Timing::Late),
        (413, Timing::Early),
        (413, Timing::Rude),
    ] {
        let fault = Fault::RefuseOver {
            bytes: 100,
            status,
            timing,
        };
        let (registry, _) = with_fault(When::class(Class::Session), fault);
        let location = start(&registry);
        let refused = try_ask(&registry, &format!("PATCH {location}"), &[], &[0; 101]);
        // Who is rude may see its answer get lost with the connection.
        match refused {
            Some(refused) => assert_eq!(refused.status, status),
            None => assert_eq!(timing, Timing::Rude),
        }
        let small = patch(&registry, &location, "0-99", &[0; 100]);
        assert_eq!((small.status, small.told("range")), (202, "0-99"));
    }
}

#[test]
fn an_early_answer_arrives_while_the_body_is_still_being_sent() {
    let fault = Fault::RefuseOver {
        bytes: 100,
        status: 413,
        timing: Timing::Early,
    };
    let (registry, _) = with_fault(When::class(Class::Session), fault);
    let location = start(&registry);
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.write(format!(
        "PUT {location}?digest=x HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"
    ));
    let answer = wire.head().expect("an answer before the body");
    assert_eq!((answer.status, answer.told("connection")), (413, "close"));
}

#[test]
fn a_body_without_a_length_is_refused_where_it_gets_too_long() {
    let fault = Fault::RefuseOver {
        bytes: 3,
        status: 413,
        timing: Timing::Late,
    };
    let (registry, _) = with_fault(chunks(), fault);
    let location = start(&registry);
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.write(format!(
        "PATCH {location} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    wire.write("2\r\nab\r\n3\r\ncde\r\n");
    assert_eq!(wire.head().expect("an answer").status, 413);
}

#[test]
fn bodies_come_in_chunks_or_after_a_hundred() {
    let registry = FaultyRegistry::builder().start();
    let mut wire = Wire::open(registry.address(Origin::Registry));
    let location = start(&registry);
    wire.write(format!(
        "PATCH {location} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    wire.write("2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: x\r\n\r\n");
    let mut answer = wire.head().expect("an answer");
    wire.body(&mut answer);
    assert_eq!((answer.status, answer.told("range")), (202, "0-2"));
    let line = put(&location, b"abcd");
    wire.write(format!(
        "{line} HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(wire.head().expect("a hundred").status, 100);
    wire.write("d");
    assert_eq!(wire.head().expect("an answer").status, 201);
}

#[test]
fn a_client_that_waits_for_a_hundred_gets_its_refusal_without_sending() {
    let registry = FaultyRegistry::builder().start();
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.write("PATCH /v2/a/blobs/uploads/none HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    let mut answer = wire.head().expect("an answer");
    wire.body(&mut answer);
    assert_eq!((answer.status, answer.complete), (404, true));
    assert!(wire.has_ended());
}

#[test]
fn a_least_length_is_named_and_kept() {
    let (registry, _) = with_fault(starts(), Fault::MinChunk { bytes: 4 });
    let answer = ask(&registry, START, &[], &[]);
    assert_eq!(answer.told("oci-chunk-min-length"), "4");
    let location = answer.told("location");
    assert_eq!(patch(&registry, location, "0-3", b"abcd").status, 202);
    assert_eq!(patch(&registry, location, "4-4", b"e").status, 202);
    let after = patch(&registry, location, "5-8", b"fghi");
    assert_eq!((after.status, after.told("range")), (416, "0-4"));
    assert_eq!(
        ask(&registry, &put(location, b"abcdef"), &[], b"f").status,
        201
    );
}

#[test]
fn a_connection_ends_in_the_middle_of_a_chunk_which_stays() {
    let at = HangUp::InRequest(400);
    let (registry, _) = with_rule(Rule::new(chunks(), Fault::HangUp { at }).once());
    let location = start(&registry);
    assert_eq!(
        try_ask(&registry, &format!("PATCH {location}"), &[], &sample()),
        None
    );
    assert_eq!(get(&registry, &location).told("range"), "0-399");
    patch(&registry, &location, "400-999", &sample()[400..]);
    assert_eq!(
        ask(&registry, &put(&location, &sample()), &[], &[]).status,
        201
    );
}

#[test]
fn the_answer_to_a_blob_is_lost_but_the_blob_is_there() {
    for (at, there) in [
        (HangUp::AtOnce, false),
        (HangUp::BeforeDoing, false),
        (HangUp::AfterDoing, true),
        (HangUp::InHeaders, true),
    ] {
        let (registry, _) = with_fault(When::new("PUT", Class::Session), Fault::HangUp { at });
        let location = start(&registry);
        assert_eq!(try_ask(&registry, &put(&location, b"x"), &[], b"x"), None);
        assert_eq!(
            registry.contents().has_blob("a", &sha256_digest(b"x")),
            there,
            "{at:?}"
        );
        assert_eq!(registry.open_uploads(), usize::from(!there), "{at:?}");
    }
}

#[test]
fn the_connection_ends_on_the_manifest() {
    for (at, there) in [
        (HangUp::AtOnce, false),
        (HangUp::BeforeDoing, false),
        (HangUp::AfterDoing, true),
    ] {
        let (registry, _) = with_fault(When::new("PUT", Class::Manifest), Fault::HangUp { at });
        let line = "PUT /v2/a/manifests/v1";
        assert_eq!(try_ask(&registry, line, &[], b"{}"), None);
        assert_eq!(
            registry.contents().tagged("a", "v1").is_some(),
            there,
            "{at:?}"
        );
    }
}

#[test]
fn a_newer_request_takes_an_upload_over() {
    let registry = FaultyRegistry::builder().start();
    let location = start(&registry);
    let mut old = Wire::open(registry.address(Origin::Registry));
    old.write(format!(
        "PATCH {location} HTTP/1.1\r\nContent-Length: 4\r\n\r\nab"
    ));
    // The status tells when the two bytes have come; each look is a whole request, so nothing is slept.
    while get(&registry, &location).told("range") != "0-1" {}
    assert_eq!(patch(&registry, &location, "2-2", b"c").status, 202);
    old.write("xy");
    assert_eq!(old.head(), None, "the old one is sent away");
    assert_eq!(
        ask(&registry, &put(&location, b"abc"), &[], &[]).status,
        201
    );
}

#[test]
fn uploads_need_no_memory_when_they_are_thrown_away() {
    for (uploads, wrong) in [(Uploads::Hash, 400), (Uploads::Drop, 201)] {
        let behaviour = Behaviour {
            uploads,
            ..Behaviour::default()
        };
        let registry = FaultyRegistry::builder().behaviour(behaviour).start();
        let blob = SyntheticBlob::new(3_000_000, 1);
        let (bytes, digest) = (blob.to_vec(), blob.digest());
        assert_eq!(
            ask(&registry, &put(&start(&registry), &bytes), &[], &bytes).status,
            201
        );
        let path = format!("/v2/a/blobs/{digest}");
        let head = ask(&registry, &format!("HEAD {path}"), &[], &[]);
        assert_eq!((head.status, head.length()), (200, 3_000_000));
        assert_eq!(get(&registry, &path).status, 404);
        let line = put(&start(&registry), &bytes);
        assert_eq!(
            ask(&registry, &line, &[], b"other").status,
            wrong,
            "{uploads:?}"
        );
        let received = registry.requests().iter().map(|one| one.received).max();
        assert_eq!(received, Some(3_000_000));
    }
}

#[test]
fn what_a_broken_upload_brought_is_written_down() {
    let registry = FaultyRegistry::builder().start();
    let location = start(&registry);
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.write(format!(
        "PATCH {location} HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"
    ));
    drop(wire);
    assert!(registry.wait_for_end(&chunks(), 1, Duration::from_secs(60)));
    let requests = registry.requests();
    let broken = requests.last().expect("a request");
    assert_eq!((broken.received, broken.status), (3, None));
}
