//! Cases of how a blob is cut for which host.

use proptest::prelude::*;

use super::super::limits::{Cut, Limits};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

fn limits(host: &str) -> Limits {
    Limits::of(&host.parse().expect("a host"), None)
}

#[test]
fn whole_blobs_are_tried_first_everywhere() {
    for host in [
        "r.io",
        "ghcr.io",
        "1.dkr.ecr.eu-west-1.amazonaws.com",
        "europe-docker.pkg.dev",
        "localhost:5000",
    ] {
        assert_eq!(limits(host).next(0, 8 * GIB), Some(Cut::Close), "{host}");
    }
}

#[test]
fn hosts_have_chunks_of_their_own() {
    let check = |host: &str, expected: Option<Cut>| {
        let mut limits = limits(host);
        limits.prefers_up_to(64 * MIB);
        assert_eq!(limits.next(0, 8 * GIB), expected, "{host}");
    };
    check("r.io", Some(Cut::Chunk(64 * MIB)));
    check("ghcr.io", Some(Cut::Chunk(4 * MIB)));
    check("GHCR.io", Some(Cut::Chunk(4 * MIB)));
    check("notghcr.io", Some(Cut::Chunk(64 * MIB)));
    check("gcr.io", Some(Cut::Close));
    check("eu.gcr.io", Some(Cut::Close));
    check("europe-docker.pkg.dev", Some(Cut::Close));
    let mut ecr = limits("1.dkr.ecr.eu-west-1.amazonaws.com");
    ecr.prefers_up_to(MIB);
    assert_eq!(ecr.next(0, GIB), Some(Cut::Chunk(5 * MIB)));
    let mut cloudflare = limits("r.io");
    cloudflare.is_served_by("cloudflare");
    assert_eq!(cloudflare.next(0, 99 * MIB), Some(Cut::Chunk(64 * MIB)));
    assert_eq!(cloudflare.next(0, 90 * MIB), Some(Cut::Close));
}

#[test]
fn a_chunk_that_is_refused_becomes_smaller_and_then_none() {
    let mut limits = limits("r.io");
    limits.prefers_up_to(16 * MIB);
    assert_eq!(limits.next(0, GIB), Some(Cut::Chunk(16 * MIB)));
    limits.refused_chunk(16 * MIB);
    assert_eq!(limits.next(0, GIB), Some(Cut::Chunk(4 * MIB)));
    limits.refused_chunk(4 * MIB);
    assert_eq!(limits.next(0, GIB), Some(Cut::Close));
    limits.refused_size(GIB);
    assert_eq!(limits.next(0, GIB), None);
    assert_eq!(limits.next(0, GIB - 1), Some(Cut::Close));
}

#[test]
fn a_size_that_cannot_be_served_is_told() {
    let mut limits = limits("r.io");
    limits.wants_at_least(5 * MIB);
    limits.refused_size(4 * MIB);
    assert_eq!(limits.next(0, GIB), None);
    assert_eq!(limits.next(0, MIB), Some(Cut::Close));
    let mut tiny = self::limits("r.io");
    tiny.refused_size(10);
    assert_eq!(
        tiny.next(0, GIB),
        None,
        "half a billion requests are no upload"
    );
}

#[test]
fn what_one_upload_has_learnt_the_next_one_knows() {
    let mut shared = limits("r.io");
    let mut one = shared.clone();
    one.refused_size(10 * MIB);
    shared.learn(&one);
    assert_eq!(shared.next(0, 10 * MIB), one.next(0, 10 * MIB));
    let mut other = limits("r.io");
    other.refused_chunks();
    shared.learn(&other);
    assert_eq!(shared.next(0, MIB), Some(Cut::Close));
    assert_eq!(shared.next(0, 10 * MIB), None);
}

proptest! {
    /// Every cut has bytes of the rest, none that was refused, and the last one closes.
    #[test]
    fn cuts_end_in_the_whole_blob(
        size in 0_u64..10_000,
        preferred in proptest::option::of(1_u64..5_000),
        least in 0_u64..5_000,
        refused in proptest::collection::vec(1_u64..10_000, 0..4),
        (no_chunks, no_whole) in any::<(bool, bool)>(),
    ) {
        let mut limits = Limits::of(&"r.io".parse().expect("a host"), preferred);
        limits.wants_at_least(least);
        for bytes in &refused {
            limits.refused_size(*bytes);
        }
        if no_chunks {
            limits.refused_chunks();
        }
        if no_whole {
            limits.refused_whole();
        }
        let mut received = 0;
        loop {
            match limits.next(received, size) {
                None => {
                    prop_assert!(received == 0 || no_chunks || no_whole, "it was known before");
                    break;
                }
                Some(Cut::Close) => {
                    let rest = size - received;
                    prop_assert!(rest == 0 || !no_whole);
                    prop_assert!(rest == 0 || refused.iter().all(|bytes| rest < *bytes));
                    break;
                }
                Some(Cut::Chunk(bytes)) => {
                    prop_assert!(!no_chunks && bytes > 0 && received + bytes <= size);
                    prop_assert!(refused.iter().all(|refused| bytes < *refused));
                    prop_assert!(bytes >= least || received + bytes == size);
                    received += bytes;
                }
            }
        }
    }
}
