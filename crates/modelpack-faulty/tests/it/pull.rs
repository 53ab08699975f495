//! What goes wrong while a blob is read.

use std::io::ErrorKind;
use std::time::Duration;

use modelpack_faulty::{
    Class, Fault, FaultyRegistry, Filler, Framing, HangUp, Origin, RetryAfter, Rule, SyntheticBlob,
    Target, When, sha256_digest,
};

use super::raw::{
    Wire, ask, contents, follow, get, get_range, sample, try_ask, with_fault, with_rule,
};

fn blobs() -> When {
    When::new("GET", Class::Blob)
}

#[test]
fn a_body_is_cut() {
    let (registry, path) = with_rule(Rule::new(blobs(), Fault::Cut { after: 300 }).once());
    let answer = get(&registry, &path);
    assert_eq!((answer.length(), answer.complete), (1000, false));
    assert_eq!(answer.body, sample()[..300]);
    assert!(get(&registry, &path).complete, "it was to happen once");
    let digest = sha256_digest(&sample());
    let served = registry.served(&digest);
    assert_eq!(served.spans, [0..300, 0..1000]);
    assert_eq!((served.total(), served.distinct()), (1300, 1000));
    assert_eq!(served.within(200..400), 300);
    assert_eq!(registry.struck(), [1]);
}

#[test]
fn a_connection_is_reset() {
    let (registry, path) = with_fault(blobs(), Fault::Reset { after: 300 });
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.send(&format!("GET {path}"), &[], &[]);
    assert_eq!(wire.error(), Some(ErrorKind::ConnectionReset));
    assert_eq!(registry.requests()[0].sent, 300);
}

#[test]
fn a_cut_before_the_first_byte_leaves_the_headers() {
    let (registry, path) = with_fault(blobs(), Fault::Cut { after: 0 });
    let answer = get(&registry, &path);
    assert_eq!((answer.length(), answer.body.len()), (1000, 0));
}

#[test]
fn a_body_stalls_until_the_client_leaves() {
    let (registry, path) = with_fault(
        blobs(),
        Fault::Stall {
            after: 10,
            millis: None,
        },
    );
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.send(&format!("GET {path}"), &[], &[]);
    wire.head().expect("headers");
    assert_eq!(wire.read(10), sample()[..10]);
    assert!(!registry.requests()[0].finished);
    drop(wire);
    // Stopping joins the thread of the connection: this ends only because the client has left or is made to.
    drop(registry);
}

#[test]
fn a_stalled_registry_still_stops() {
    let (registry, path) = with_fault(blobs(), Fault::Delay { millis: None });
    let mut wire = Wire::open(registry.address(Origin::Registry));
    wire.send(&format!("GET {path}"), &[], &[]);
    assert!(registry.wait_for(&blobs(), 1, Duration::from_secs(60)));
    drop(registry);
    assert!(wire.has_ended());
}

#[test]
fn a_stall_can_end() {
    for fault in [
        Fault::Stall {
            after: 999,
            millis: Some(1),
        },
        Fault::Delay { millis: Some(1) },
        Fault::Trickle {
            bytes: 100,
            millis: 1,
        },
    ] {
        let (registry, path) = with_fault(blobs(), fault.clone());
        let answer = get(&registry, &path);
        assert_eq!(answer.body, sample(), "{fault:?}");
        assert_eq!(registry.struck(), [1], "{fault:?}");
    }
}

#[test]
fn a_slow_body_is_whole() {
    let (registry, path) = with_fault(
        blobs(),
        Fault::Rate {
            bytes_per_second: 100_000,
        },
    );
    assert_eq!(get(&registry, &path).body, sample());
}

#[test]
fn the_length_can_be_kept_secret() {
    for framing in [Framing::Chunked, Framing::UntilClose] {
        let (registry, path) = with_fault(blobs(), Fault::Framing { framing });
        let answer = get(&registry, &path);
        assert_eq!(answer.header("content-length"), None);
        assert_eq!((answer.body, answer.complete), (sample(), true));
    }
}

#[test]
fn a_connection_ends_without_an_answer() {
    for at in [
        HangUp::AtOnce,
        HangUp::BeforeDoing,
        HangUp::AfterDoing,
        HangUp::InHeaders,
    ] {
        let (registry, path) = with_fault(blobs(), Fault::HangUp { at });
        assert_eq!(
            try_ask(&registry, &format!("GET {path}"), &[], &[]),
            None,
            "{at:?}"
        );
    }
}

#[test]
fn a_range_is_not_looked_at() {
    let (registry, path) = with_fault(blobs(), Fault::IgnoreRange);
    let answer = get_range(&registry, &path, "bytes=10-19");
    assert_eq!((answer.status, answer.body), (200, sample()));
}

#[test]
fn a_range_is_refused() {
    let (registry, path) = with_fault(blobs(), Fault::RefuseRange);
    let answer = get_range(&registry, &path, "bytes=10-19");
    assert_eq!(
        (answer.status, answer.told("content-range")),
        (416, "bytes */1000")
    );
    assert_eq!(get(&registry, &path).status, 200);
}

#[test]
fn a_range_is_another_one() {
    for (fault, told, part) in [
        (
            Fault::RangeStart { by: 5, told: true },
            "bytes 15-24/1000",
            15..25,
        ),
        (
            Fault::RangeStart {
                by: -5,
                told: false,
            },
            "bytes 10-19/1000",
            5..15,
        ),
        (Fault::RangeEnd { by: -3 }, "bytes 10-16/1000", 10..17),
        (Fault::RangeEnd { by: 3 }, "bytes 10-22/1000", 10..23),
        (Fault::RangeTotal { by: 7 }, "bytes 10-19/1007", 10..20),
    ] {
        let (registry, path) = with_fault(blobs(), fault.clone());
        let answer = get_range(&registry, &path, "bytes=10-19");
        assert_eq!((answer.status, answer.complete), (206, true), "{fault:?}");
        assert_eq!(answer.told("content-range"), told, "{fault:?}");
        assert_eq!(answer.body, sample()[part], "{fault:?}");
    }
}

#[test]
fn a_range_comes_in_parts() {
    let (registry, path) = with_fault(blobs(), Fault::Multipart);
    let answer = get_range(&registry, &path, "bytes=10-19");
    assert_eq!(
        answer.told("content-type"),
        "multipart/byteranges; boundary=faulty"
    );
    assert_eq!(answer.header("content-range"), None);
    let start = "--faulty\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 10-19/1000\r\n\r\n";
    let mut expected = start.as_bytes().to_vec();
    expected.extend_from_slice(&sample()[10..20]);
    expected.extend_from_slice(b"\r\n--faulty--\r\n");
    assert_eq!(answer.body, expected);
    assert_eq!(
        registry.served(&sha256_digest(&sample())).within(10..20),
        10
    );
}

#[test]
fn a_body_is_too_short_or_too_long() {
    let (registry, path) = with_fault(blobs(), Fault::ShortBody { by: 1 });
    let answer = get(&registry, &path);
    assert_eq!(
        (answer.complete, answer.body.as_slice()),
        (true, &sample()[..999])
    );
    let (registry, path) = with_fault(blobs(), Fault::LongBody { by: 2 });
    let answer = get(&registry, &path);
    assert_eq!((answer.complete, answer.body.len()), (true, 1002));
    assert_eq!(answer.body[..1000], sample());
}

#[test]
fn a_length_is_promised_that_no_body_has() {
    let (registry, path) = with_rule(Rule::new(blobs(), Fault::LongBody { by: u64::MAX }));
    registry.add_rule(Rule::new(blobs(), Fault::Cut { after: 1000 }));
    let answer = get(&registry, &path);
    assert_eq!((answer.length(), answer.complete), (u64::MAX, false));
    assert_eq!(answer.body, sample());
}

#[test]
fn bytes_are_wrong_where_the_rule_says() {
    let (registry, path) = with_fault(blobs(), Fault::WrongBytes { at: 15, count: 2 });
    let mut expected = sample();
    expected[15] ^= 0x55;
    expected[16] ^= 0x55;
    assert_eq!(get(&registry, &path).body, expected);
    assert_eq!(
        get_range(&registry, &path, "bytes=16-20").body,
        expected[16..21]
    );
    assert_eq!(
        get_range(&registry, &path, "bytes=17-20").body,
        sample()[17..21]
    );

    let rule = Rule::new(blobs(), Fault::WrongBodyBytes { at: 0, count: 1 }).once();
    let (registry, path) = with_rule(rule);
    let first = get_range(&registry, &path, "bytes=500-509").body;
    assert_ne!(first, sample()[500..510]);
    assert_eq!(first[1..], sample()[501..510]);
    assert_eq!(
        get_range(&registry, &path, "bytes=500-509").body,
        sample()[500..510]
    );
}

#[test]
fn a_status_comes_so_often() {
    for status in [500, 502, 503] {
        let fault = Fault::Status {
            status,
            body: Filler::Html,
            retry_after: None,
            timing: Default::default(),
        };
        let (registry, path) = with_rule(Rule::new(blobs(), fault).times(2));
        for _ in 0..2 {
            let answer = get(&registry, &path);
            assert_eq!(
                (answer.status, answer.told("content-type")),
                (status, "text/html")
            );
        }
        assert_eq!(get(&registry, &path).status, 200);
    }
}

#[test]
fn a_later_time_is_named_in_seconds_or_as_a_date() {
    for (retry_after, check) in [
        (
            RetryAfter::Seconds(7),
            &(|text: &str| text == "7") as &dyn Fn(&str) -> bool,
        ),
        (RetryAfter::DateIn(7), &|text| text.ends_with(" GMT")),
        (RetryAfter::Text("soon".to_owned()), &|text| text == "soon"),
    ] {
        let fault = Fault::Status {
            status: 429,
            body: Filler::Error,
            retry_after: Some(retry_after),
            timing: Default::default(),
        };
        let (registry, path) = with_fault(blobs(), fault);
        let answer = get(&registry, &path);
        assert_eq!(answer.status, 429);
        assert!(answer.text().contains("TOOMANYREQUESTS"));
        assert!(check(answer.told("retry-after")), "{:?}", answer.headers);
    }
}

#[test]
fn a_redirect_leads_to_the_other_origin_and_expires() {
    let to = Target::Signed {
        uses: Some(1),
        get_only: true,
    };
    let (registry, path) = with_fault(blobs(), Fault::Redirect { to, status: 307 });
    let answer = get(&registry, &path);
    assert_eq!(answer.status, 307);
    let url = answer.told("location");
    assert!(url.starts_with(&registry.url(Origin::Elsewhere)), "{url}");
    let part = follow(url, &[("Range", "bytes=1-3")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &sample()[1..4]));
    let over = follow(url, &[]);
    assert_eq!(over.status, 403);
    assert!(over.text().contains("expired"));
    assert_eq!(registry.lines(Origin::Elsewhere).len(), 2);
    assert!(registry.leaks().is_empty());
    follow(url, &[("Authorization", "Basic eDp5")]);
    assert_eq!(registry.leaks().len(), 1);
}

#[test]
fn a_redirect_leads_to_itself_or_anywhere() {
    for (to, place) in [
        (Target::Itself, "/v2/a/b/tags/list?n=1"),
        (
            Target::Url("http://x.invalid{target}".to_owned()),
            "http://x.invalid/v2/a/b/tags/list?n=1",
        ),
    ] {
        let (registry, _) = with_fault(
            When::class(Class::Tags),
            Fault::Redirect { to, status: 302 },
        );
        let answer = get(&registry, "/v2/a/b/tags/list?n=1");
        assert_eq!((answer.status, answer.told("location")), (302, place));
    }
}

#[test]
fn rules_reach_the_other_origin_only_when_they_say_so() {
    let (contents, path) = contents();
    let to = Target::Signed {
        uses: None,
        get_only: false,
    };
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .rule(Rule::new(blobs(), Fault::Redirect { to, status: 307 }))
        .rule(Rule::new(blobs().at(Origin::Elsewhere), Fault::Cut { after: 5 }).once())
        .start();
    let answer = get(&registry, &path);
    let url = answer.told("location");
    assert_eq!(follow(url, &[]).body, sample()[..5]);
    assert_eq!(follow(url, &[]).body, sample());
}

#[test]
fn a_synthetic_blob_has_its_digest_and_takes_ranges() {
    let blob = SyntheticBlob::new(3_000_000, 7);
    let (contents, _) = contents();
    let digest = contents.add_synthetic("big", blob);
    let registry = FaultyRegistry::builder().contents(&contents).start();
    let path = format!("/v2/big/blobs/{digest}");
    let whole = get(&registry, &path);
    assert_eq!(sha256_digest(&whole.body), digest);
    assert_eq!(whole.body, blob.to_vec());
    let part = get_range(&registry, &path, "bytes=262100-1048600");
    assert_eq!(part.body, whole.body[262_100..=1_048_600]);
}

#[test]
fn connections_and_their_most_are_counted() {
    let (registry, path) = with_rule(Rule::new(
        blobs(),
        Fault::Stall {
            after: 0,
            millis: None,
        },
    ));
    let mut wires: Vec<Wire> = (0..3)
        .map(|_| Wire::open(registry.address(Origin::Registry)))
        .collect();
    for wire in &mut wires {
        wire.send(&format!("GET {path}"), &[], &[]);
    }
    assert!(registry.wait_for(&blobs(), 3, Duration::from_secs(60)));
    let counts = registry.connections(Origin::Registry);
    assert_eq!((counts.most, counts.total, counts.most_busy), (3, 3, 3));
    assert_eq!((counts.open, counts.busy), (3, 3));
}

#[test]
fn one_connection_takes_many_requests() {
    let (contents, path) = contents();
    let registry = FaultyRegistry::builder().contents(&contents).start();
    let mut wire = Wire::open(registry.address(Origin::Registry));
    for _ in 0..3 {
        let answer = wire
            .ask(&format!("GET {path}"), &[], &[])
            .expect("an answer");
        assert_eq!(answer.body, sample());
    }
    assert_eq!(registry.connections(Origin::Registry).total, 1);
    assert_eq!(registry.count(&blobs()), 3);
    let head = ask(&registry, &format!("HEAD {path}"), &[], &[]);
    assert_eq!(head.status, 200);
    assert_eq!(registry.count(&blobs()), 3);
}
