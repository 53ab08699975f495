//! Rates over made-up time.

use proptest::prelude::*;

use super::*;

#[test]
fn a_stream_runs_at_its_rate() {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(1000, start);
    let mut now = start;
    for _ in 0..100 {
        now += bucket.take(64, now);
    }
    // 6400 bytes at 1000 a second, less the 100 that were there.
    let took = now - start;
    assert!((took.as_secs_f64() - 6.3).abs() < 0.001, "{took:?}");
}

#[test]
fn a_pause_saves_no_more_than_the_burst() {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(1000, start);
    let later = start + Duration::from_secs(3600);
    assert_eq!(bucket.take(100, later), Duration::ZERO);
    assert_eq!(bucket.take(100, later), Duration::from_millis(100));
}

#[test]
fn time_that_goes_back_gives_nothing() {
    let start = Instant::now();
    let late = start + Duration::from_secs(10);
    let mut bucket = TokenBucket::new(1000, start);
    assert_eq!(bucket.take(100, late), Duration::ZERO);
    assert_eq!(bucket.take(100, start), Duration::from_millis(100));
    assert_eq!(bucket.take(100, late), Duration::from_millis(200));
}

proptest! {
    /// Several streams that share a bucket, each waiting as told, never get more than rate and burst.
    #[test]
    fn no_sequence_is_faster_than_the_rate(
        rate in 1024_u64..1_000_000_000,
        pieces in proptest::collection::vec((1_u64..4_000_000, 0_u64..3000), 1..60),
    ) {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(rate, start);
        let mut now = start;
        let mut taken = 0_u64;
        for (bytes, pause) in pieces {
            now += Duration::from_millis(pause);
            now += bucket.take(bytes, now);
            taken += bytes;
            let allowed = (now - start).as_secs_f64() * rate as f64 + rate as f64 / 10.0;
            prop_assert!(taken as f64 <= allowed * 1.000_001 + 1.0, "{taken} of {allowed}");
        }
    }
}
