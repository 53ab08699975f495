//! Downloads that are interrupted.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use modelpack_spec::{Algorithm, Digest, Hasher};
use modelpack_store::{Acquired, Error, Lease, Partial};
use proptest::prelude::*;

use crate::support::{Fixture, damage, fixture, has};

fn content(size: u64) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

fn take(lease: &Lease, content: &[u8]) -> Partial {
    let digest = Digest::sha256(content);
    match lease.partial(&digest, content.len() as u64, "example.com/m:1") {
        Ok(Acquired::Partial(partial)) => partial,
        other => panic!("{other:?}"),
    }
}

fn file(fixture: &Fixture, content: &[u8], extension: &str) -> PathBuf {
    let name = format!("sha256-{}.{extension}", Digest::sha256(content).hex());
    fixture.store.own("partials").join(name)
}

fn leftovers(fixture: &Fixture) -> usize {
    fs::read_dir(fixture.store.own("partials")).unwrap().count()
}

#[test]
fn a_download_in_order_becomes_a_blob() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let bytes = content(1000);
    let partial = take(&lease, &bytes);
    assert!(!partial.is_resumed());
    for at in (0..1000).step_by(100) {
        partial
            .write_at(at, &bytes[at as usize..at as usize + 100])
            .unwrap();
        partial.record().unwrap();
        assert_eq!(partial.frontier(), at + 100);
    }
    let stored = partial.finish().unwrap();
    assert_eq!((stored.size, stored.existed), (1000, false));
    assert_eq!(
        fixture
            .store
            .read_blob(&stored.digest, 1000)
            .unwrap()
            .as_ref(),
        bytes
    );
    assert_eq!(leftovers(&fixture), 0);
    let again = lease
        .partial(&stored.digest, 1000, "example.com/m:2")
        .unwrap();
    assert!(matches!(again, Acquired::Complete(_)));
    assert_eq!(leftovers(&fixture), 0);
}

#[test]
fn an_empty_blob_needs_no_bytes() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let stored = take(&lease, b"").finish().unwrap();
    assert_eq!(stored.digest, Digest::sha256(b""));
}

#[test]
fn sha512_works_as_well() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let digest = Digest::of(Algorithm::Sha512, b"weights");
    let Ok(Acquired::Partial(partial)) = lease.partial(&digest, 7, "") else {
        panic!("it is not there yet");
    };
    partial.write_at(0, b"weights").unwrap();
    partial.record().unwrap();
    assert_eq!(partial.finish().unwrap().digest, digest);
}

#[test]
fn another_name_goes_on_where_the_first_one_stopped() {
    let fixture = fixture();
    let bytes = content(1000);
    {
        let lease = fixture.store.lease().unwrap();
        let partial = take(&lease, &bytes);
        partial.write_at(0, &bytes[..300]).unwrap();
        partial.write_at(500, &bytes[500..600]).unwrap();
        partial.record().unwrap();
        // Not recorded, so it does not count.
        partial.write_at(300, &bytes[300..400]).unwrap();
    }
    let status = &fixture.store.partials().unwrap()[0];
    assert_eq!((status.size, status.done.len()), (1000, 400));
    assert_eq!(status.done.gaps(0..1000), [300..500, 600..1000]);
    assert_eq!(status.digest, Digest::sha256(&bytes));
    assert_eq!(status.wanted_by, ["example.com/m:1"]);

    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, &bytes);
    assert!(partial.is_resumed());
    assert_eq!((partial.frontier(), partial.done()), (300, 400));
    assert_eq!(partial.missing(), [300..500, 600..1000]);
    for gap in partial.missing() {
        partial
            .write_at(gap.start, &bytes[gap.start as usize..gap.end as usize])
            .unwrap();
        partial.record().unwrap();
    }
    partial.finish().unwrap();
    assert!(fixture.store.partials().unwrap().is_empty());
}

#[test]
fn bytes_beyond_the_end_are_refused() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, b"weights");
    for (offset, bytes) in [(7, &b"!"[..]), (0, b"weights!"), (u64::MAX, b"!!")] {
        let error = partial.write_at(offset, bytes).unwrap_err();
        assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
    }
    assert_eq!(
        fs::metadata(file(&fixture, b"weights", "data"))
            .unwrap()
            .len(),
        7
    );
}

#[test]
fn what_is_incomplete_cannot_be_finished_and_is_kept() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(0, b"weig").unwrap();
    partial.record().unwrap();
    let error = partial.finish().unwrap_err();
    assert!(
        matches!(
            error,
            Error::SizeMismatch {
                expected: 7,
                actual: 4,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(take(&lease, b"weights").frontier(), 4);
}

#[test]
fn wrong_bytes_can_be_repaired_or_are_thrown_away() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let mut partial = take(&lease, b"weights");
    partial.write_at(0, b"weigXts").unwrap();
    partial.record().unwrap();
    let error = partial.verify().unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    assert!(partial.repair_at(4, b"h").unwrap());
    partial.verify().unwrap();
    assert!(!partial.repair_at(0, b"weights").unwrap());
    partial.verify().unwrap();
    assert!(partial.repair_at(4, b"X").unwrap());
    assert!(partial.finish().unwrap_err().is_integrity());
    assert!(!has(&fixture.store, &Digest::sha256(b"weights")));
    assert_eq!(leftovers(&fixture), 0);
    assert!(!take(&lease, b"weights").is_resumed());
}

#[test]
fn bytes_that_are_written_twice_count_as_they_were_first() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(2, b"igh").unwrap();
    partial.write_at(0, b"weXXXts").unwrap();
    partial.write_at(0, b"XXXXXXX").unwrap();
    let stored = partial.finish().unwrap();
    let content = fixture.store.read_blob(&stored.digest, 7).unwrap();
    assert_eq!(content.as_ref(), b"weights");
}

#[test]
fn what_belongs_to_another_size_or_lost_its_data_starts_again() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let digest = Digest::sha256(b"weights");
    let Ok(Acquired::Partial(wrong)) = lease.partial(&digest, 8, "") else {
        panic!("it is not there yet");
    };
    wrong.write_at(0, b"weights!").unwrap();
    wrong.record().unwrap();
    drop(wrong);
    let partial = take(&lease, b"weights");
    assert_eq!((partial.size(), partial.done()), (7, 0));
    partial.write_at(0, b"weights").unwrap();
    partial.record().unwrap();
    drop(partial);
    fs::write(file(&fixture, b"weights", "data"), b"weig").unwrap();
    assert!(fixture.store.partials().unwrap().is_empty());
    let partial = take(&lease, b"weights");
    assert_eq!((partial.size(), partial.done()), (7, 0));
}

/// D10: Bytes that changed on the disk never become a blob.
#[test]
fn d10_bytes_that_rot_before_they_are_hashed_are_noticed() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(2, b"ights").unwrap();
    partial.record().unwrap();
    drop(partial);
    let data = file(&fixture, b"weights", "data");
    let data = File::options().write(true).open(data).unwrap();
    data.write_all_at(b"X", 4).unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(0, b"we").unwrap();
    assert!(partial.finish().unwrap_err().is_integrity());
}

#[test]
fn what_one_process_has_hashed_the_next_one_does_not_hash_again() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(0, b"weigh").unwrap();
    partial.record().unwrap();
    drop(partial);
    // If these bytes were read again, the digest would be another one.
    let data = file(&fixture, b"weights", "data");
    let data = File::options().write(true).open(data).unwrap();
    data.write_all_at(b"X", 0).unwrap();
    let mut partial = take(&lease, b"weights");
    partial.write_at(5, b"ts").unwrap();
    partial.verify().unwrap();
}

#[test]
fn a_hash_that_cannot_be_gone_on_with_costs_another_read() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(0, b"weigh").unwrap();
    partial.record().unwrap();
    drop(partial);
    // The journal now speaks of other bytes than the file has, as after a repair that was interrupted.
    let wrong = take(&lease, b"weights");
    drop(wrong);
    let journal = file(&fixture, b"weights", "journal");
    let text = fs::read_to_string(&journal).unwrap();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"other");
    let state: String = hasher
        .save()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let line = format!("hash 5 {state}");
    let check = Digest::sha256(line.as_bytes()).short();
    fs::write(&journal, format!("{text}{line} {check}\n")).unwrap();
    let partial = take(&lease, b"weights");
    partial.write_at(5, b"ts").unwrap();
    assert_eq!(partial.finish().unwrap().digest, Digest::sha256(b"weights"));
}

#[test]
fn many_writers_and_threads_that_follow_them_agree() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let bytes = content(300_000);
    let mut partial = take(&lease, &bytes);
    partial.follow().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let (partial, bytes) = (&partial, &bytes);
            // Most bytes are offered by more than one of them.
            scope.spawn(move || {
                for at in (writer * 1000 % 3000..300_000).step_by(2000) {
                    let end = (at + 3000).min(300_000) as usize;
                    partial.write_at(at, &bytes[at as usize..end]).unwrap();
                }
            });
        }
    });
    for gap in partial.missing() {
        partial
            .write_at(gap.start, &bytes[gap.start as usize..gap.end as usize])
            .unwrap();
    }
    let stored = partial.finish().unwrap();
    assert_eq!(
        fixture
            .store
            .read_blob(&stored.digest, 300_000)
            .unwrap()
            .as_ref(),
        bytes
    );
    assert_eq!(leftovers(&fixture), 0);
}

#[test]
fn a_followed_blob_is_recorded_on_the_way() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let bytes = vec![7; 80 * 1024 * 1024];
    let digest = Digest::sha256(&bytes);
    let Ok(Acquired::Partial(mut partial)) = lease.partial(&digest, bytes.len() as u64, "") else {
        panic!("it is not there yet");
    };
    partial.follow().unwrap();
    for (index, piece) in bytes.chunks(1024 * 1024).enumerate() {
        partial.write_at(index as u64 * 1024 * 1024, piece).unwrap();
    }
    while fixture.store.partials().unwrap()[0].done.len() < 64 * 1024 * 1024 {
        std::thread::yield_now();
    }
    drop(partial);
    let Ok(Acquired::Partial(partial)) = lease.partial(&digest, bytes.len() as u64, "") else {
        panic!("it was never finished");
    };
    assert!(partial.frontier() >= 64 * 1024 * 1024);
    for gap in partial.missing() {
        partial
            .write_at(gap.start, &bytes[gap.start as usize..gap.end as usize])
            .unwrap();
    }
    partial.finish().unwrap();
}

#[test]
fn only_one_works_on_a_partial() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let other = fixture.store.lease().unwrap();
    let digest = Digest::sha256(b"weights");
    let partial = take(&lease, b"weights");
    let error = other.try_partial(&digest, 7, "").unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    assert!(error.is_retryable());
    let error = fixture.store.discard_partial(&digest).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    drop(partial);
    assert!(matches!(
        other.try_partial(&digest, 7, ""),
        Ok(Acquired::Partial(_))
    ));
    assert!(fixture.store.discard_partial(&digest).unwrap());
    assert!(!fixture.store.discard_partial(&digest).unwrap());
    assert_eq!(leftovers(&fixture), 0);
}

#[test]
fn many_that_want_one_blob_share_one_download() {
    let fixture = fixture();
    let bytes = content(10_000);
    let digest = Digest::sha256(&bytes);
    let downloads = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let lease = fixture.store.lease().unwrap();
                if let Acquired::Partial(partial) = lease.partial(&digest, 10_000, "").unwrap() {
                    downloads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    partial.write_at(0, &bytes).unwrap();
                    partial.record().unwrap();
                    partial.finish().unwrap();
                }
                assert_eq!(
                    fixture.store.read_blob(&digest, 10_000).unwrap().as_ref(),
                    bytes
                );
            });
        }
    });
    assert_eq!(downloads.into_inner(), 1);
    assert_eq!(leftovers(&fixture), 0);
}

#[test]
fn a_wrong_promise_is_told_from_a_damaged_blob() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let stored = lease.put(b"weights").unwrap();
    let error = lease.partial(&stored.digest, 8, "").unwrap_err();
    assert!(
        matches!(
            error,
            Error::SizeMismatch {
                expected: 8,
                actual: 7,
                ..
            }
        ),
        "{error:?}"
    );
    damage(&fixture.store, &stored.digest, b"wei");
    let partial = take(&lease, b"weights");
    partial.write_at(0, b"weights").unwrap();
    partial.record().unwrap();
    partial.finish().unwrap();
    assert_eq!(
        fixture.store.read_blob(&stored.digest, 7).unwrap().as_ref(),
        b"weights"
    );
}

#[test]
fn a_disk_that_is_too_small_is_noticed_first() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let size = fixture.store.available_space().unwrap() + (1 << 40);
    let error = lease
        .partial(&Digest::sha256(b"huge"), size, "")
        .unwrap_err();
    assert!(error.is_no_space());
    assert!(
        matches!(error, Error::NoSpace { needed: Some(needed), .. } if needed == size),
        "{error:?}"
    );
    assert_eq!(leftovers(&fixture), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// D10: Pieces are written in any order and some are recorded; then the machine stops: the journal ends
    /// anywhere and whatever was not recorded is garbage.
    #[test]
    fn no_crash_makes_wrong_bytes(
        pieces in prop::collection::vec((0_u64..900, 1_u64..100, any::<bool>()), 0..12),
        cut in any::<prop::sample::Index>(),
        garbage in prop::option::of(any::<[u8; 20]>()),
    ) {
        let fixture = fixture();
        let bytes = content(1000);
        let mut recorded = vec![false; 1000];
        let mut written = recorded.clone();
        let lease = fixture.store.lease().unwrap();
        let partial = take(&lease, &bytes);
        for (start, length, is_recorded) in pieces {
            let range = start as usize..(start + length) as usize;
            partial.write_at(start, &bytes[range.clone()]).unwrap();
            written[range].fill(true);
            if is_recorded {
                partial.record().unwrap();
                recorded.clone_from(&written);
            }
        }
        drop(partial);
        let data = File::options().write(true).open(file(&fixture, &bytes, "data")).unwrap();
        for (at, is_recorded) in recorded.iter().enumerate() {
            if !is_recorded {
                data.write_all_at(b"#", at as u64).unwrap();
            }
        }
        let journal = File::options().append(true).open(file(&fixture, &bytes, "journal")).unwrap();
        let length = journal.metadata().unwrap().len();
        journal.set_len(cut.index(length as usize + 1) as u64).unwrap();
        if let Some(garbage) = garbage {
            (&journal).write_all(&garbage).unwrap();
        }

        let partial = take(&lease, &bytes);
        let missing = partial.missing();
        prop_assert_eq!(partial.done() + missing.iter().map(|gap| gap.end - gap.start).sum::<u64>(), 1000);
        for (at, is_recorded) in recorded.iter().enumerate() {
            let is_done = !missing.iter().any(|gap| gap.contains(&(at as u64)));
            prop_assert!(!is_done || *is_recorded, "byte {} was never recorded", at);
        }
        for gap in missing {
            partial.write_at(gap.start, &bytes[gap.start as usize..gap.end as usize]).unwrap();
            partial.record().unwrap();
        }
        let stored = partial.finish().unwrap();
        prop_assert_eq!(fixture.store.read_blob(&stored.digest, 1000).unwrap(), bytes);
    }
}

#[test]
fn a_repair_that_was_interrupted_leaves_no_hash_of_bytes_that_it_changed() {
    let fixture = fixture();
    let bytes = content(1000);
    {
        let lease = fixture.store.lease().unwrap();
        let mut partial = take(&lease, &bytes);
        partial.write_at(0, &bytes[..900]).unwrap();
        // The journal has the hash of these from now on.
        partial.record().unwrap();
        partial.write_at(900, &[0xff; 100]).unwrap();
        assert!(partial.verify().unwrap_err().is_integrity());
        // The second answer is wrong in another place.
        assert!(partial.repair_at(0, &[0xee; 100]).unwrap());
    }
    let lease = fixture.store.lease().unwrap();
    let partial = take(&lease, &bytes);
    assert_eq!(partial.missing(), std::slice::from_ref(&(900..1000)));
    partial.write_at(900, &bytes[900..]).unwrap();
    assert!(partial.finish().unwrap_err().is_integrity());
    assert!(!has(&fixture.store, &Digest::sha256(&bytes)));
}

#[test]
fn what_is_repaired_after_an_interruption_becomes_a_blob() {
    let fixture = fixture();
    let bytes = content(1000);
    {
        let lease = fixture.store.lease().unwrap();
        let mut partial = take(&lease, &bytes);
        partial.write_at(0, &bytes[..900]).unwrap();
        partial.record().unwrap();
        partial.repair_at(0, &[0xee; 100]).unwrap();
        partial.repair_at(500, &[0xee; 100]).unwrap();
        partial.record().unwrap();
    }
    let lease = fixture.store.lease().unwrap();
    let mut partial = take(&lease, &bytes);
    partial.repair_at(0, &bytes[..100]).unwrap();
    partial.repair_at(500, &bytes[500..600]).unwrap();
    partial.write_at(900, &bytes[900..]).unwrap();
    let stored = partial.finish().unwrap();
    let found = fixture.store.read_blob(&stored.digest, 1000).unwrap();
    assert_eq!(found.as_ref(), bytes);
}

/// Waits until the journal of the only partial blob has so many bytes.
fn wait_until_recorded(fixture: &Fixture, bytes: u64) {
    loop {
        let partials = fixture.store.partials().unwrap();
        if partials.iter().any(|partial| partial.done.len() >= bytes) {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_crash_costs_a_small_part_of_a_followed_blob() {
    const MIB: u64 = 1024 * 1024;
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let bytes = content(16 * MIB);
    let mut partial = take(&lease, &bytes);
    partial.follow().unwrap();
    partial.write_at(0, &bytes[..MIB as usize]).unwrap();
    wait_until_recorded(&fixture, MIB);
    // A slow line brings less than a part; that is recorded after a while.
    partial.write_at(8 * MIB, &bytes[..1000]).unwrap();
    wait_until_recorded(&fixture, MIB + 1000);
}

#[test]
fn a_download_that_cannot_begin_takes_no_room() {
    let fixture = fixture();
    let lease = fixture.store.lease().unwrap();
    let ingest = fixture.store.own("ingest");
    fs::remove_dir(&ingest).unwrap();
    File::create(&ingest).unwrap();
    assert!(lease.partial(&Digest::sha256(b"weights"), 7, "").is_err());
    assert_eq!(leftovers(&fixture), 0);
}
